"""--counters: what is counted is recorded, what is not is a remark. The map of symbols that perf uses."""

import re
import shutil
import subprocess

import machine_code
from place import GOOD, KERNEL, LAUNCHER, LOST, RUN_METRICS, Skipped, USAGE, check, describe
from registry import test

# Of the kernel alone, so that every Linux has them.
SOFTWARE = {"task_clock": "ns", "page_faults": "events", "context_switches": "events", "migrations": "events"}
EVENTS = ("cycles", "instructions", "branch-misses", "itlb-misses", "dtlb-misses", "page-walks", "llc-misses", "kvm-exits",
          *(name.replace("_", "-") for name in SOFTWARE))


def counted(place):
    """{(line, repetition): {metric: record}} of the counters."""
    found = {}
    for record in place.objects("records"):
        if record["metric"].replace("_", "-").startswith(EVENTS):
            found.setdefault((record["line"], record["repetition"]), {})[record["metric"]] = record
    return found


@test("counters: those of the kernel are records of each run", needs=("native",))
def software(place):
    place.plan("one repeat=2 -- /bin/good\nspin ticks=500M -- /bin/spin\n")
    place.run("--counters", "task-clock,page-faults,context-switches,migrations", "--records", place.folder / "records", engine="native")
    runs = counted(place)
    check(set(runs) == {("one", 0), ("one", 1), ("spin", 0)}, f"runs: {set(runs)}")
    for run, found in runs.items():
        check({name: record["unit"] for name, record in found.items()} == SOFTWARE, f"{run}: {found}")
        check({(record["kind"], record["engine"], record["backend"]) for record in found.values()} == {("measured", "native", "none")},
              f"{run}: {found}")
        check(not any("scaled" in record for record in found.values()), f"events of the kernel are never scaled: {found}")
        check(found["task_clock"]["value"] > 0 and found["page_faults"]["value"] > 0, f"{run}: {found}")
    lone, long = (runs[run]["task_clock"]["value"] for run in (("one", 0), ("spin", 0)))
    check(lone < long < 60_000_000_000, f"{lone} ns for a program that ends at once, {long} ns for one that spins")


@test("counters: what a program does shows, its neighbours' does not", needs=("native",))
def apart(place):
    pages = 200
    place.add_program("touch", machine_code.touch(pages))
    place.plan("before -- /bin/good\ntouch -- /bin/touch\nafter -- /bin/good\n")
    place.run("--counters", "page-faults", "--records", place.folder / "records", engine="native").expect(GOOD)
    faults = {line: found["page_faults"]["value"] for (line, _), found in counted(place).items()}
    check(abs(faults["touch"] - faults["before"] - pages) < pages // 10, f"{pages} pages were touched: {faults}")
    check(abs(faults["after"] - faults["before"]) < pages // 10, f"{faults}")


@test("counters: each event is a record or a remark, and no failure", needs=("native",))
def every_event(place):
    run = place.run("--counters", "all", "--records", place.folder / "records", engine="native").expect(GOOD)
    recorded = set(counted(place)["one", 0])
    remarks = re.findall(r"^not counted: ([^:]+): (.+)$", run.errors, re.MULTILINE)
    absent = [name for names, _ in remarks for name in names.split(", ")]
    for name in EVENTS:
        metric = name.replace("-", "_")
        check(any(one.startswith(metric) for one in recorded) or any(one.startswith(name) for one in absent), f"{name}: {run.errors}")
    check(all(re.search(r"\(.+\)$|not known here$|/id: ", reason) for _, reason in remarks), f"{remarks}")


@test("counters: without the option there is none", needs=("native",))
def none_asked(place):
    run = place.run("--records", place.folder / "records", engine="native").expect(GOOD)
    check(not counted(place) and "not counted" not in run.errors, run.errors)


@test("counters: on an emulator one remark, and the same records", needs=("bochs",))
def emulator(place):
    run = place.run("--counters", "all", "--records", place.folder / "records", engine="bochs").expect(
        GOOD, "^not counted: all: engine bochs cannot tell the guest's events from its own")
    check(sorted(record["metric"] for record in place.objects("records")) == RUN_METRICS, describe(run.status, run.errors))


@test("counters: an unknown one is refused with those that there are")
def unknown(place):
    place.run("--counters", "cycles,cycels", engine="bochs").expect_refusal(
        USAGE, r'--counters cycles,cycels: unknown counter "cycels"; there are all, none, cycles, instructions, ')
    place.run("--counters", "", engine="bochs").expect_refusal(USAGE, "no counter is named")


def symbols(*arguments):
    return subprocess.run([LAUNCHER, "symbols", *arguments], capture_output=True, text=True, check=False)


@test("symbols: names, types and addresses are those of kernel.elf")
def symbol_map(_):
    if not shutil.which("nm"):
        raise Skipped("nm is not in PATH")
    done = symbols()
    check(done.returncode == GOOD, describe(done.returncode, done.stderr))
    lines = [line.split() for line in done.stdout.splitlines()]
    check(lines[0][1:] == ["T", "_text"] and lines[-1][1:] == ["T", "_etext"], f"{lines[0]}, {lines[-1]}")
    listed = subprocess.run(["nm", KERNEL.with_suffix(".elf")], capture_output=True, text=True, check=True).stdout
    expected = sorted(line.split() for line in listed.splitlines() if line.startswith("f") and line.split()[1] not in "aA")
    check(sorted(lines[1:-1]) == expected and len(expected) > 500, f"{len(lines)} lines, nm has {len(expected)}")
    code = [int(address, 16) for address, kind, _ in expected if kind in "tT"]
    check(int(lines[0][0], 16) <= min(code) and max(code) < int(lines[-1][0], 16), f"{lines[0]}, {lines[-1]}")


@test("symbols: to a file; a full disk and a file that is no kernel are one sentence")
def symbol_map_output(place):
    check(symbols("--output", place.folder / "map").returncode == GOOD, "it cannot be written")
    check((place.folder / "map").read_text() == symbols().stdout, "the file differs")
    for arguments, status, expected in ((("--output", "/dev/full"), LOST, "/dev/full cannot be written: No space left on device"),
                                        (("--kernel", "/etc/passwd"), USAGE, "/etc/passwd is no kernel with symbols")):
        done = symbols(*arguments)
        check(done.returncode == status and done.stderr == f"portcullis: {expected}\n", describe(done.returncode, done.stderr))
