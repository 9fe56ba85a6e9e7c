"""Options, plans, kernels and folders that are refused."""

import os
import re
import subprocess

import machine_code
from place import EMULATORS, GOOD, KERNEL, LAUNCHER, NO_ENGINE, Run, Skipped, USAGE, check, describe
from registry import test

BAD_OPTIONS = [
    (["--engine", "vax"], r'unknown engine "vax"; there are auto, .*bochs'),
    (["--memory", "4"], r"--memory 4: must be from 8 to \d+"),
    (["--memory", "64x"], "--memory 64x: not a number"),
    (["--memory", ""], "--memory : not a number"),
    (["--limit-ticks", "-1"], "--limit-ticks -1: not a number"),
    (["--limit-ticks", "99999999999999999999"], "--limit-ticks 99999999999999999999: "),
    (["--timeout", "1h"], "--timeout 1h: not a number"),
    (["--seed", "x"], "--seed x: not a number"),
    (["--option", "x"], "--option x: expected KEY=VALUE"),
    (["--option", "x=" + "y" * 600], r"the options for the kernel are longer than \d+ bytes"),
    (["--colour"], "--colour"),
    (["--cpu", "0", "--engine", "bochs"], "engine bochs knows neither --cpu nor --huge-pages"),
    (["--huge-pages", "--engine", "qemu"], "engine qemu knows neither --cpu nor --huge-pages"),
    (["--cpu", "first"], "--cpu first: not a number"),
    (["--verbose=1"], "--verbose"),
    (["--timeout"], "--timeout"),
    (["extra"], "extra"),
]


@test("a bad option is refused in one sentence")
def bad_options(place):
    for arguments, pattern in BAD_OPTIONS:
        place.run(*arguments).expect_refusal(USAGE, pattern)


BAD_PLANS = [
    ("one -- /bin/good\n\ntwo tick=1 -- /bin/good\n", r'plan \S+/plan:3: unknown key "tick"; did you mean "ticks"\?'),
    ("one repeat=many -- /bin/good\n", r"plan \S+/plan:1: repeat=many: not a number"),
    ("one ticks=99999999999G -- /bin/good\n", r"plan \S+/plan:1: .*too large"),
    ("one -- /bin/absent\n", r"plan \S+/plan:1: /bin/absent is not in the guest's file system"),
    ("one -- /bin\n", r"plan \S+/plan:1: /bin is a folder"),
    ("one --\n", r"plan \S+/plan:1: no program after --"),
    ("one -- \"/bin/good\n", r"plan \S+/plan:1: a quote is not closed"),
    ("one -- /bin/good \x00\n", r"plan \S+/plan:1: .*control character"),
]


@test("a bad plan is refused with its line's number")
def bad_plans(place):
    for text, pattern in BAD_PLANS:
        place.plan(text)
        place.run().expect_refusal(USAGE, pattern)
    place.run("--plan", place.folder / "absent", plan=False).expect_refusal(USAGE, "absent: No such file or directory")
    place.run("--plan", place.folder, plan=False).expect_refusal(USAGE, "Is a directory")
    place.run(plan=False).expect_refusal(USAGE, "--plan is needed")


@test("a bad kernel is refused")
def bad_kernels(place):
    original = KERNEL.read_bytes()
    header = machine_code.BOOT_HEADER_OFFSET
    cases = [
        (b"", "is cut off or no kernel"),
        (original[:500], "is cut off or no kernel"),
        (original[:-1], "is cut off or damaged"),
        (original + b"x", "is cut off or damaged"),
        (b"\x7fELF" + bytes(5000), "it is no Portcullis kernel"),
        (original[:header + 4] + b"\x09" + original[header + 5:], "header version 9, but this launcher knows 2"),
    ]
    for content, pattern in cases:
        place.run("--kernel", place.write("kernel.bin", content)).expect_refusal(USAGE, f"kernel \\S+/kernel.bin: .*{pattern}")
    place.run("--kernel", "/nonexistent").expect_refusal(USAGE, "kernel /nonexistent: No such file or directory")


@test("a bad ROM is refused")
def bad_rom(place):
    place.run("--rom", "/nonexistent").expect_refusal(USAGE, "ROM /nonexistent: No such file or directory")
    place.run("--rom", place.write("rom", b"short")).expect_refusal(USAGE, r"ROM \S+/rom: ")


@test("a bad root is refused")
def bad_roots(place):
    run = lambda root: place.run("--root", root, root=False)
    run("/nonexistent").expect_refusal(USAGE, "/nonexistent: No such file or directory")
    run(place.write("text", "no archive")).expect_refusal(USAGE, r"archive \S+/text: entry 1 ")
    run(place.write("empty", "")).expect_refusal(USAGE, r"archive \S+/empty: entry 1 ")
    (place.root / "data").write_bytes(bytes(30 << 20))
    place.run("--memory", 32).expect_refusal(USAGE, r"--memory 32 is too small: .* need \d+ MiB")


@test("an unreadable file of the root is named")
def unreadable(place):
    if os.geteuid() == 0:
        raise Skipped("root reads everything")
    secret = place.root / "secret"
    secret.write_text("x")
    secret.chmod(0)
    place.run().expect_refusal(USAGE, "secret: Permission denied")


@test("an unknown command is refused, help is printed")
def commands(place):
    def run(*arguments):
        done = subprocess.run([LAUNCHER, *arguments], capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
        return Run(done.returncode, done.stdout, done.stderr)
    run().expect_refusal(USAGE, "a command is needed")
    run("fly").expect_refusal(USAGE, 'unknown command "fly"')
    check(re.match(r"portcullis ([0-9a-f]{12}(-modified)?|unknown)$", run("--version").expect(GOOD).out.strip()), "--version")
    for arguments in ["--help"], ["run", "--help"], ["engines", "--help"]:
        out = run(*arguments).expect(GOOD).out
        check(out.startswith("Usage: portcullis"), f"{arguments}: {out!r}")
    out = run("run", "--help").out
    for word in ["--engine", "--memory", "--plan", "--root", "--records", "--summary", "--console", "--limit-ticks",
                 "--timeout", "--seed", "--option", "--run-id", "--kernel", "--rom", "-v", "Exit status"]:
        check(word in out, f"run --help does not mention {word}")


@test("an emulator that is not installed is named")
def not_installed(place):
    environment = place.environment(PATH="/nonexistent")
    for engine, program in EMULATORS.items():
        place.run(engine=engine, environment=environment).expect_refusal(
            NO_ENGINE, f"engine {engine} is not available: {program} is not in PATH")
    place.run(environment=environment).expect_refusal(NO_ENGINE, "no engine is available")
    done = subprocess.run([LAUNCHER, "engines"], env=environment, capture_output=True, text=True, check=False)
    check(done.returncode == NO_ENGINE, f"engines: {describe(done.returncode, done.stderr)}")
    for engine, program in EMULATORS.items():
        check(re.search(f"^{engine} .*{program} is not in PATH", done.stdout, re.MULTILINE), done.stdout)


@test("an emulator that cannot be executed is named")
def not_executable(place):
    place.fake("bochs", "")
    (place.folder / "fake" / "bochs-bin").write_text("#!/nonexistent/interpreter\n")
    place.run(engine="bochs", environment=place.environment(PATH=str(place.folder / "fake"))).expect_refusal(
        NO_ENGINE, "bochs-bin.*No such file or directory")
