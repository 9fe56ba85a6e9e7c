#!/usr/bin/env python3
"""Engine kvm, whole, in the rig: kvm.py [all]

The launcher's own engine boots the guest under the KVM of a Linux that runs in an emulator: each backend, vmfunc by nested VMX. What
the engine says of itself; its size, its VM exits and their counters; what perf shows of it; calibration; entrances, whose counts must be
those of Bochs; then tests of domains and attacks, a choice of them that takes a minute, or with `all` every one that can be had (README.md).
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

HERE = Path(__file__).resolve().parent
TOP = HERE.parents[2]
sys.path.insert(0, str(TOP / "guest" / "tests"))
sys.path.insert(0, str(TOP / "host" / "tests"))

import machine_code  # noqa: E402
from guest import BUILD, Report, Unavailable, run_plan  # noqa: E402

LAUNCHER = HERE / "launcher.py"
STATUS_NO_RIG = 126
BACKENDS = ("none", "kernel", "syscall", "syscall-kpti", "pku")  # vmfunc: each VMFUNC is a VM exit there
EXITS_MAX = 60
LINES_MAX = 2000
CASES = ("direct", "empty", "alternating", "nested", "arguments", "copy_in", "copy_out")

DOMAINS = "backends/tests/domains/domains.py"
ATTACKS = "backends/tests/attacks/attacks.py"
CHOICE = (
    (DOMAINS, ("attach", "interface", "init", "teardown", "fork", "nesting", "nested-shared", "system-calls", "signals", "nested-signals")),
    (ATTACKS, ("mapping", "memory")),
)
ALL = (
    *((DOMAINS, (case,)) for case in (
        "attach", "names", "malformed", "interface", "manifest", "init", "teardown", "many", "shared", "younger", "fork", "exec", "nesting",
        "nested-shared", "heap", "stack", "index", "busy", "threads", "system-calls", "signals", "nested-signals")),
    *((ATTACKS, (program,)) for program in ("mapping", "memory", "stray", "harmless")),
)


def rig(*words):
    return subprocess.run([HERE / "rig", *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace")


def engines(report):
    """False: there is no rig; the reason was told."""
    launcher = BUILD / "host" / "tests" / "portcullis"
    done = rig("-t", "200", launcher, BUILD / "guest", "--", "./portcullis engines")
    if done.returncode == STATUS_NO_RIG:
        report.skip("engine kvm in the rig", done.stderr.strip().splitlines()[-1])
        return False
    said = [line for line in done.stdout.splitlines() if line.startswith("kvm ")]
    report.check("`portcullis engines` finds that kvm works", said and " works: " in said[0], done.stdout + done.stderr)
    found = done.stdout.splitlines()
    report.check("with programs in ring 3, a protection key that faults, a monitor that runs, and a VMFUNC that KVM emulates",
                 said and re.search(r"; ring 3, pku, vmx, pcid, vmfunc emulated \(\d{3,}\.\d times RDTSC\)", said[0]), done.stdout)
    report.check("auto takes it", found and found[-1] == "auto takes kvm, because no other comes before it", done.stdout)
    return True


def stage(root):
    for folder in ("bin", "tmp", "lib/portcullis"):
        (root / folder).mkdir(parents=True)
    for program in ("crossing", "count"):
        shutil.copy(BUILD / "programs" / program, root / "bin" / program)
    shutil.copy(BUILD / "root" / "bin" / "outcome", root / "bin" / "outcome")
    for library in ("empty", "twin", "outer"):
        shutil.copy(BUILD / "images" / f"{library}.image", root / "lib" / "portcullis" / f"{library}.image")


def entrances(result, run):
    """{case and arguments: value}"""
    return {str(sorted(record["args"].items())): record["value"] for record in result.records
            if record.get("line") == run and record["metric"] == "entrance" and record["args"]["case"] in CASES}


def crossing(report, root):
    plan = "".join(f"{backend} backend={backend} -- /bin/crossing\n" for backend in BACKENDS)
    here, there = run_plan("bochs", plan, root), run_plan("kvm", plan, root, launcher=LAUNCHER)
    for backend in BACKENDS:
        counted, measured = entrances(here, backend), entrances(there, backend)
        different = {case: (counted[case], measured.get(case)) for case in counted if counted[case] != measured.get(case)}
        report.check(f"entrances of {backend} take as many instructions as on Bochs", counted and not different,
                     lambda seen=different: f"{seen}; {here.explain()}; {there.explain()}")
    report.check("records of kvm are measured", {record["kind"] for record in there.records if record["unit"] == "tsc"} == {"measured"},
                 there.explain)
    nested = run_plan("kvm", "v backend=vmfunc -- /bin/crossing\n", root, launcher=LAUNCHER)
    report.check("vmfunc works by nested VMX", nested.outcome("v").get("status") == 0 and entrances(nested, "v"), nested.explain)


def exits(report, root):
    """What the hardware leaves to KVM and to the launcher, in a whole run."""
    plan = root.parent / "plan"
    plan.write_text("one -- /bin/outcome exit 0\n")
    done = subprocess.run([LAUNCHER, "run", "--plan", plan, "--root", root, "--verbose"], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, errors="replace")
    said = done.stdout + done.stderr
    counts = re.search(r"KVM: (\d+) VM exits, (\d+) returns to the VMM", said)
    report.check(f"from start to end a short run takes at most {EXITS_MAX} VM exits, and one return to the launcher",
                 counts and 0 < int(counts[1]) <= EXITS_MAX and counts[2] == "1", said)


# Exits of the guest's timer, which is armed by the APIC's page, and of the watchpoint that a timer interrupt inside a library arms. Those
# of the host's timer, EXTERNAL_INTERRUPT, are not traced.
TIMER_EXITS = {"PREEMPTION_TIMER", "EPT_VIOLATION", "INTERRUPT_WINDOW", "DR_ACCESS", "EXCEPTION_NMI"}
TRACED = ("none", "syscall", "pku")
SAMPLES = (50, 500)  # measured calls of each case
TRACE = """
echo madvise >/sys/kernel/mm/transparent_hugepage/enabled
mount -t tracefs t /sys/kernel/tracing
echo 8192 >/sys/kernel/tracing/buffer_size_kb
echo "exit_reason != 1" >/sys/kernel/tracing/events/kvm/kvm_exit/filter
echo 1 >/sys/kernel/tracing/events/kvm/kvm_exit/enable
while read backend samples; do
	echo "c backend=$backend -- /bin/crossing --samples $samples" >plan
	echo >/sys/kernel/tracing/trace
	./portcullis run --engine kvm --plan plan --root root --quiet || exit
	grep -o "reason [A-Z_0-9]*" /sys/kernel/tracing/trace | sort | uniq -c | sed "s/^/$backend $samples /"
done
"""


def measured_exits(report, root):
    """Ten times as many measured calls cause more exits of the timer, in their proportion, and of nothing else."""
    steps = root.parent / "steps"
    steps.write_text(f"{TRACE.strip()} <<END\n" + "".join(f"{backend} {count}\n" for backend in TRACED for count in SAMPLES) + "END\n")
    done = rig("-t", "200", BUILD / "host" / "tests" / "portcullis", BUILD / "guest", root, steps, "--", "sh ./steps")
    seen = {}
    for backend, samples, count, reason in re.findall(r"^(\S+) (\d+) +(\d+) reason (\w+)$", done.stdout, re.MULTILINE):
        seen.setdefault((backend, int(samples)), {})[reason] = int(count)
    for backend in TRACED:
        few, many = (seen.get((backend, samples), {}) for samples in SAMPLES)
        others = [{reason: count for reason, count in counts.items() if reason not in TIMER_EXITS} for counts in (few, many)]
        report.check(f"measured calls of {backend} cause no VM exits but the timer's", few and others[0] == others[1],
                     lambda seen=others: f"{seen} {done.stderr[-300:]}")
        grown = {reason: many.get(reason, 0) - few.get(reason, 0) for reason in TIMER_EXITS}
        timers = grown.pop("PREEMPTION_TIMER")
        report.check(f"{backend}: a timer interrupt of the guest takes a few", sum(grown.values()) <= 8 * max(timers, 1), lambda seen=grown: f"{timers}: {seen}")


# ---- guests that come to no good ------------------------------------------------------------------------------------

OUTSIDE = bytes.fromhex("890425" "00000030" "f4")  # mov [0x30000000], eax; hlt: the boot tables map 1 GiB, the guest has 64 MiB
ENTRY_FIELD = machine_code.BOOT_HEADER_OFFSET + 24  # of struct boot_header
ENDS = """
end() { # NAME PLAN OPTION...
	name=$1 plan=$2
	shift 2
	./portcullis run --engine kvm --plan $plan --root root "$@" 2>errors
	echo "$name $? $(head -n 1 errors)"
}
end outside good --kernel outside.bin
end fault good --kernel fault.bin
end hang good --kernel hang.bin --timeout 2
end spin spin --timeout 2
end flood flood --timeout 3 --console console
echo "lines $(wc -l <console) $(sed '$d' console | sort -u)"
for signal in TERM KILL; do
	./portcullis run --engine kvm --plan spin --root root 2>errors &
	sleep 1
	kill -$signal $(pidof portcullis | tr ' ' '\n' | sort -n | tail -n 1) # the VMM, which came last
	wait $!
	echo "vmm-$signal $? $(head -n 1 errors)"
done
./portcullis run --engine kvm --plan spin --root root 2>errors &
sleep 1
kill -TERM $!
wait $!
echo "interrupt $? $(head -n 1 errors)"
./portcullis run --engine kvm --plan spin --root root 2>errors &
sleep 1
kill -KILL $!
sleep 0.2
echo "left $(pidof portcullis exe | wc -w)"
"""
EXPECTED = {
    "outside": "5 .*the guest died without a word.*, before it had started: .*: the guest wrote to physical address 0x30000000, where it has no memory",
    "fault": "5 .*the guest died of a triple fault.*, before it had started",
    "hang": "7 .*the guest did not end within 2 s: stopped.*, before it had started",
    "spin": "7 .*the guest did not end within 2 s: stopped.*, in run spin",
    "flood": "7 .*the guest did not end within 3 s: stopped.*, in run flood",
    "lines": r"\d{4,} flood, a flood!",
    "vmm-TERM": r"5 .*the guest died without a word.*, in run spin: the emulator was killed by signal 15 \(Terminated\)",
    "vmm-KILL": r"5 .*the guest died without a word.*, in run spin: the emulator was killed by signal 9 \(Killed\)",
    "interrupt": r"143 portcullis: interrupted by signal 15 \(Terminated\)",
    "left": "0",
}


def ends(report, root):
    """Each end has its status and its sentence, and none leaves a process behind."""
    folder = root.parent / "ends"
    folder.mkdir()
    kernel = (BUILD / "guest" / "kernel.bin").read_bytes()
    entry = int.from_bytes(kernel[ENTRY_FIELD:ENTRY_FIELD + 8], "little") - machine_code.IMAGE_ADDRESS
    for name, code in (("outside", OUTSIDE), ("fault", machine_code.TRIPLE_FAULT), ("hang", machine_code.HANG)):
        (folder / f"{name}.bin").write_bytes(kernel[:entry] + code + kernel[entry + len(code):])
    for name, code in (("good", machine_code.EXIT_GOOD), ("spin", machine_code.SPIN), ("flood", machine_code.FLOOD)):
        (root / "bin" / name).write_bytes(machine_code.program(code))
        (root / "bin" / name).chmod(0o755)
        (folder / name).write_text(f"{name} -- /bin/{name}\n")
    (folder / "steps").write_text(ENDS)
    done = rig("-t", "200", BUILD / "host" / "tests" / "portcullis", BUILD / "guest", root, *sorted(folder.iterdir()), "--", "sh ./steps")
    said = dict(line.split(" ", 1) for line in done.stdout.splitlines() if " " in line)
    for name, expected in EXPECTED.items():
        report.check(f"end `{name}`: {expected.replace('.*', ' ... ')}", re.fullmatch(expected, said.get(name, "")),
                     lambda name=name: f"{said.get(name)}: {done.stdout[-200:]} {done.stderr[-300:]}")


def counters(report, root):
    """The host's tracepoints against the VMM's own count; what each run had."""
    plan, records = root.parent / "plan", root.parent / "records"
    plan.write_text("one repeat=3 -- /bin/outcome exit 0\n")
    done = subprocess.run([LAUNCHER, "run", "--plan", plan, "--root", root, "--verbose", "--counters", "all", "--records", records],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace")
    said = done.stdout + done.stderr
    own, seen = re.search(r"KVM: (\d+) VM exits", said), re.search(r"counters, whole guest:.* kvm_exits (\d+)", said)
    report.check("the tracepoint kvm_exit counts as many VM exits as the VMM", own and seen and 0 < int(own[1]) == int(seen[1]), said)
    counts = [record["value"] for record in map(json.loads, records.read_text().splitlines()) if record["metric"] == "kvm_exits"]
    report.check("each run has its own, and together they are fewer", len(counts) == 3 and all(counts) and seen
                 and sum(counts) < int(seen[1]), lambda: f"{counts}; {said}")
    report.check("events of a PMU that is not there are named with the reason, and fail nothing", done.returncode == 0
                 and re.search(r"^not counted: cycles, instructions, .*\(No such file or directory\)$", said, re.MULTILINE), said)


def gather_perf(folder):
    """perf with the libraries that it needs, which the rig lacks. The words that execute it there; none: perf is not here."""
    perf = shutil.which("perf")
    needed = re.findall(r"(/\S+) \(0x", subprocess.run(["ldd", perf], capture_output=True, text=True).stdout) if perf else []
    loader = next((path for path in needed if "/ld-linux" in path), None)
    if not loader:
        return None
    (folder / "perf").mkdir()
    for path in (perf, *needed):
        shutil.copy(path, folder / "perf")
    return f"perf/{Path(loader).name} --library-path perf perf/perf"


def profile(report, root):
    """perf samples the guest by the host's clock, for want of a PMU, and names its functions by our map."""
    name = "perf kvm shows functions of the guest kernel by the map of `portcullis symbols`"
    folder = root.parent / "profile"
    folder.mkdir()
    perf = gather_perf(folder)
    if not perf:
        report.skip(name, "perf is not in PATH")
        return
    launcher = BUILD / "host" / "tests" / "portcullis"
    (folder / "plan").write_text("one ticks=40M backend=syscall -- /bin/crossing --samples 10000\n")
    (folder / "steps").write_text(
        "./portcullis symbols --output map\n"
        f"{perf} kvm --guest --guestkallsyms=map record -e cpu-clock -F 4000 -a -o data "
        "./portcullis run --engine kvm --plan plan --root root --quiet >&2\n"
        f"{perf} kvm --guest --guestkallsyms=map report --stdio -i data\n")
    done = rig("-t", "200", launcher, BUILD / "guest", root, folder / "perf", folder / "plan", folder / "steps", "--", "sh ./steps")
    found = set(re.findall(r"\[guest\.kernel\.kallsyms\] +\[g\] (\w+)", done.stdout))
    names = {line.split()[2] for line in subprocess.run([launcher, "symbols", "--kernel", BUILD / "guest" / "kernel.elf"],
                                                        capture_output=True, text=True).stdout.splitlines()}
    report.check(name, found and found <= names, lambda: f"{found}; {done.stdout[-300:]} {done.stderr[-300:]}")


def calibration(report):
    """The CPU there is an emulator's, where an instruction is one tick: what is measured are counts, which are known."""
    parts = (BUILD / "host" / "tests" / "portcullis", BUILD / "guest", BUILD / "programs" / "calibrate", BUILD / "images" / "empty.image")
    done = rig("-t", "200", *parts, "--", "mkdir programs images; mv calibrate programs; mv empty.image images; ./portcullis calibrate --rounds 3; "
               "echo $? >&2; ./portcullis calibrate --rounds 5 --emulated; echo '# without nested VMX'; rmmod kvm_intel; "
               "insmod /lib/modules/kvm-intel.ko nested=0; ./portcullis calibrate --rounds 3 --emulated")
    profile, _, without = done.stdout.partition("# without nested VMX\n")
    report.check("a CPU whose ticks are instructions is refused as no CPU", "this CPU is an emulator" in done.stderr
                 and "\n3\n" in done.stderr, done.stderr)
    try:
        profile, without = tomllib.loads(profile), tomllib.loads(without)
    except tomllib.TOMLDecodeError as error:
        report.check("with --emulated a profile is written", False, f"{error}; {done.stderr}")
        return
    events = profile["events"]
    report.check("nothing in it is called measured", {entry["status"] for entry in (profile["frequency"], *events.values())} == {"unverified"},
                 events)
    report.check("WRPKRU and RDPKRU are an instruction each", all(0.9 < events[name]["value"] < 1.3 for name in ("wrpkru", "rdpkru")), events)
    report.check("the guest gives VMFUNC, which KVM emulates there, and VM exits", all(events[name]["value"] > 100
                 for name in ("vmfunc", "vm_exit")), events)
    absent = [line for line in without["provenance"]["absent"] if line.startswith("vmfunc: backend vmfunc: ")]
    report.check("a backend that the guest lacks is the reason why its event is not measured", absent and "VMX" in absent[0]
                 and "syscall" in without["events"], without["provenance"])
    report.check("and its own system call", "guest kernel" in events["syscall"]["source"] and 20 < events["syscall"]["value"] < 200, events)


def size(report):
    files = sorted((TOP / "host" / "kvm").glob("*.[ch]"))
    lines = sum(len(file.read_text().splitlines()) for file in files)
    report.check(f"the VMM has at most {LINES_MAX} lines", 0 < lines <= LINES_MAX, f"{lines} lines in {len(files)} files")


def suites(report, chosen):
    """The tests of other folders, with this engine; their lines are passed on."""
    environment = dict(os.environ, ENGINES="kvm", LAUNCHER=str(LAUNCHER))
    for program, words in chosen:
        done = subprocess.run([sys.executable, TOP / program, *words], env=environment, stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, errors="replace")
        lines = done.stdout.splitlines()
        print(done.stdout, end="", flush=True)
        report.failures += sum(line.startswith("not ok ") for line in lines)
        report.check(f"{Path(program).stem} {' '.join(words)}: has come to its end",
                     any(line.startswith("ok ") for line in lines) and done.returncode in (0, 1), done.stderr)


def main():
    report = Report()
    with tempfile.TemporaryDirectory(prefix="portcullis-test-") as folder:
        root = Path(folder) / "root"
        stage(root)
        size(report)
        try:
            if engines(report):
                exits(report, root)
                measured_exits(report, root)
                ends(report, root)
                counters(report, root)
                profile(report, root)
                calibration(report)
                crossing(report, root)
                suites(report, ALL if sys.argv[1:] == ["all"] else CHOICE)
        except Unavailable as reason:
            report.check("the engine is available", False, reason)
    sys.exit(report.failures != 0)


if __name__ == "__main__":
    if sys.argv[1:] not in ([], ["all"]):
        sys.exit("usage: kvm.py [all]")
    main()
