#!/usr/bin/env python3
"""Engine native: the same programs and libraries as ordinary processes; how runs end, what they answer, what is refused."""

import csv
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TOP = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(TOP / folder) for folder in ("guest/tests", "backends/tests/domains", "workloads/tests")]

import databases  # noqa: E402
import domains  # noqa: E402
import network  # noqa: E402
import served  # noqa: E402
import sharing  # noqa: E402
from guest import BUILD, LAUNCHER, on_engines, run_plan  # noqa: E402

BACKENDS = ("none", "pages", "process")
KV = "--workload all --records 300 --operations 60"
TX = "--reduction 300 --transactions 70"

ATTACKS = ("load", "store", "write-call", "read-call", "vm-read", "protect", "unmap", "map-over", "move-away", "move-onto", "advise",
           "unmap-all", "load-beside")
# Closed by the filter for all backends; open on a stock kernel with `pages`, whose rights are the process's.
FILTERED = ("protect", "unmap", "map-over", "move-away", "move-onto", "advise", "unmap-all")
OPEN = {"load-beside": ("none", "pages")}

# Cases of the program `domains`.
CASES = ("attach", "names", "malformed", "interface", "manifest", "init", "teardown", "many", "shared", "younger", "fork", "exec", "nesting",
         "nested-shared", "heap", "stack", "busy", "threads", "system-calls", "signals", "nested-signals")
# What the guest's kernel does and no stock kernel, by backend: it knows who is inside; limited depth, errors for a stack that
# overflows and an init function that crashes, signals that wait but end a library's system call.
# On `process` a library's system calls are the server's, and a library that it calls is the server's, too.
NOT_ON = {"none": ("busy",), "pages": ("init", "nesting", "stack", "signals"),
          "process": ("fork", "nesting", "busy", "threads", "system-calls", "signals", "nested-signals")}

# Instructions of an entrance, CALL and RET included, at most: so many, or so many more than a direct call's. A backend that is
# not named has no limit.
STEPS_MORE = {"none": 1}
STEPS_MOST = {}

# Plan line, and what its outcome must hold.
ENDS = (
    ("-- /bin/outcome exit 7", {"reason": "exited", "status": 7}),
    ("-- /bin/outcome crash", {"reason": "signal", "signal": signal.SIGSEGV}),
    ("-- /bin/outcome divide", {"reason": "signal", "signal": signal.SIGFPE}),
    ("-- /bin/outcome raise 15", {"reason": "signal", "signal": signal.SIGTERM}),
    ("-- /bin/outcome overflow", {"reason": "signal", "signal": signal.SIGSEGV}),
    ("ticks=50M -- /bin/outcome spin", {"reason": "ticks"}),
    ("-- /bin/outcome leave-child", {"reason": "exited", "status": 0}),
    ("-- /bin/outcome crash-child", {"reason": "exited", "status": 0}),
    ("-- /forbidden", {"reason": "start", "status": 13}),
    ("-- /garbage", {"reason": "start", "status": 8}),
    ("backend=oracle -- /bin/count", {"reason": "start", "status": 95}),
    ("uid=1000 cwd=/tmp -- /bin/busybox sh -c \"test $(/bin/busybox id -u) = 1000\"", {"reason": "exited", "status": 0}),
    ("backend=none -- /bin/busybox sh -c /bin/count", {"reason": "exited", "status": 0}),
)
NO_PKU = "backend pku: this CPU has no protection keys (CPUID leaf 7, ECX bit 3)"
SAID = (
    "backend oracle: there is none of that name on Linux",
    "memory: memory= limits nothing on Linux",
    "memory: budget= limits nothing on Linux",
)


def stage(root):
    domains.stage(root)
    for program in ("outcome", "busybox"):
        shutil.copy(BUILD / "root" / "bin" / program, root / "bin")
    for program in (*network.FILES, *served.FILES, "count", "crossing", "entrances", "kv", "scale", "share", "siege", "steps", "tx"):
        shutil.copy(BUILD / "programs" / program, root / "bin")
    shutil.copy(BUILD / "tests" / "backends" / "entrances_direct", root / "bin")
    for image in (*network.IMAGES, *served.IMAGES, "counter", "lmdb", "sqlite", "empty", "keeper", "outer", "slow", "tally", "twin"):
        shutil.copy(BUILD / "images" / f"{image}.image", root / "lib" / "portcullis")
    (root / "data").write_text("no program\n")
    (root / "forbidden").symlink_to("/data")
    (root / "garbage").write_text("no program\n")
    (root / "garbage").chmod(0o755)


def test_ends(report, root):
    plan = "".join(f"end{number} {line}\n" for number, (line, _) in enumerate(ENDS))
    plan += "memory backend=none memory=4M budget=1M -- /bin/count\npku backend=pku -- /bin/count\n"
    result = run_plan("native", plan, root)
    for number, (line, expected) in enumerate(ENDS):
        outcome = result.outcome(f"end{number}")
        report.equal(f"{line}: its outcome is recorded", {key: outcome.get(key) for key in expected}, expected)
    lacks = " pku" not in Path("/proc/cpuinfo").read_text()
    for sentence in SAID + (NO_PKU,) * lacks:
        report.check(f"one sentence: {sentence}", sentence in result.console, result.explain)
    report.equal("the plan's other lines run", len(result.runs), len(ENDS) + 2)


def test_domains(report, root):
    for backend in BACKENDS:
        cases = [case for case in CASES if case not in NOT_ON.get(backend, ())]
        result = run_plan("native", "".join(f"{case} backend={backend} -- /bin/domains {case}\n" for case in cases), root)
        for line in result.console.splitlines():
            if line.startswith("not ok "):
                report.check(line[7:], False, "see the line")
            elif line.startswith("ok "):
                report.check(line[3:], True, "")
        for case in cases:
            report.check(f"domains {case} on {backend} ends", result.outcome(case).get("status") == 0, result.explain)


def test_attacks(report, root):
    plan = "".join(f"{attack}-{backend} backend={backend} -- /bin/siege {attack}\n" for attack in ATTACKS for backend in BACKENDS)
    result = run_plan("native", plan, root)
    for attack in ATTACKS:
        for backend in BACKENDS:
            gained = backend in OPEN.get(attack, ()) or (backend == "none" and attack not in FILTERED)
            line = f"siege: {attack} on {backend}: {'gained' if gained else 'refused'}\n"
            report.check(f"{attack} on {backend}: {'gained, as the README says' if gained else 'refused'}", line in result.console,
                         result.console[-400:])
            report.equal(f"{attack} on {backend}: the library works", gained or result.outcome(f"{attack}-{backend}").get("status"),
                         gained or 0)


def test_databases(report, root):
    jobs = [(program, store, f"{'--store ' + store if program == 'kv' else ''} {arguments}")
            for program, store, arguments in (("kv", "lmdb", KV), ("kv", "sqlite", KV), ("tx", "sqlite", TX))]
    plan = "".join(f"{backend}-{program}-{store} backend={backend} -- /bin/{program} {arguments}\n"
                   for backend in BACKENDS for program, store, arguments in jobs)
    result = run_plan("native", plan, root)
    for backend in BACKENDS:
        for program, store, arguments in jobs:
            line = f"{backend}-{program}-{store}"
            expected = databases.native_digests(program, arguments)
            report.check(f"{line}: the answers are those of the distribution's own library",
                         expected and databases.values(result.records, line, "digest") == expected, result.explain)


def test_records(report, root):
    result = run_plan("native", "cross backend=none -- /bin/crossing --samples 20 --ticks 100000 --attach\n", root)
    times = [record for record in result.records if record.get("metric") == "entrance"]
    report.check("crossing has records", len(times) > 10, result.explain)
    report.equal("they are measured, in counts of the TSC", {(record["kind"], record["unit"]) for record in times}, {("measured", "tsc")})
    values = {record["args"]["case"]: record["value"] for record in times}
    report.check("a loop of calls tells what an entrance costs, though one call is less than a step of the clock",
                 0 < values["direct"] and 0 < values["empty"] < values["system_call"], values)
    attached = [record["value"] for record in result.records if record.get("metric") == "attach"]
    report.check("what passes from attach to first entrance is measured", len(attached) == 1 and attached[0] > 0, attached)
    rates = [record["value"] for record in result.records if record.get("metric") == "tsc_rate"]
    report.check("each run says how fast that counts", len(rates) == 1 and rates[0] > 10**8, rates)


def test_mode(report, root):
    for options, expected in (((), None), (("weaken=watch,filter",), "without watch,filter")):
        result = run_plan("native", "cross backend=none -- /bin/crossing --samples 1\n", root, options=options)
        report.equal(f"records with {' '.join(options) or 'all defences'} say what is missing",
                     {record.get("mode") for record in result.records}, {expected})


def steps_of(console):
    return [int(line.split()[2]) for line in console.splitlines() if line.startswith("section ")]


def test_steps(report, root):
    result = run_plan("native", "direct backend=none -- /bin/steps /bin/entrances_direct\n", root)
    direct = steps_of(result.console)
    report.equal("a direct call is CALL and RET", direct, [2] * 7)
    for backend in sorted({*BACKENDS, *STEPS_MORE, *STEPS_MOST}):
        # Its tracer is refused where system calls are filtered.
        result = run_plan("native", f"{backend} backend={backend} -- /bin/steps /bin/entrances\n", root, options=("weaken=filter",))
        steps = steps_of(result.console)
        if result.outcome(backend).get("reason") == "start":
            report.skip(f"instructions of an entrance on {backend}", result.console.strip())
            continue
        report.equal(f"instructions of an entrance on {backend} can be counted", len(steps), len(direct))
        if backend in STEPS_MORE:
            more = [step - least for step, least in zip(steps, direct)]
            report.check(f"an entrance on {backend} takes at most {STEPS_MORE[backend]} more than a direct call",
                         len(more) == len(direct) and max(more) <= STEPS_MORE[backend], steps)
        if backend in STEPS_MOST:
            report.check(f"an entrance on {backend} takes at most {STEPS_MOST[backend]}", steps and max(steps) <= STEPS_MOST[backend],
                         steps)


def test_place(report, root):
    for option, expected in (("cpu=0", "1"), ("cpu=any", str(len(os.sched_getaffinity(0))))):
        result = run_plan("native", "count backend=none -- /bin/busybox nproc\n", root, options=(option,))
        report.equal(f"{option}: CPUs of a program", result.console.strip(), expected)
    said = subprocess.run([LAUNCHER, "engines", "--option", "cpu=1023"], capture_output=True, text=True, check=False).stdout
    report.check("a CPU that there is not is a remark", "programs cannot be kept on CPU 1023: " in said, said)


def test_campaign(report):
    with tempfile.TemporaryDirectory(prefix="portcullis-native-") as folder:
        done = subprocess.run([TOP / "harness" / "run", "--engine", "native", "--only", "crossing", "--quick", "--seconds", "3",
                               "--results", folder, "--name", "n"], capture_output=True, text=True, check=False)
        report.equal("harness/run takes the engine", done.returncode, 0)
        if " pku" not in Path("/proc/cpuinfo").read_text():
            report.equal("a backend that this machine lacks is skipped, and its reason is said once",
                         done.stderr.count(f"harness/run: native: pku: {NO_PKU}\n"), 1)
        with open(Path(folder) / "n" / "rows.csv", newline="") as file:
            kinds = {(row["engine"], row["kind"], row["unit"]) for row in csv.DictReader(file) if row["metric"] == "entrance"}
        report.equal("and says that the times are measured", kinds, {("native", "measured", "ns")})


def processes_of(group):
    listed = subprocess.run(["ps", "-e", "-o", "pgid="], capture_output=True, text=True, check=True)
    return sum(int(line) == group for line in listed.stdout.split())


def test_interruption(report, root):
    with tempfile.TemporaryDirectory(prefix="portcullis-native-") as folder:
        plan = Path(folder) / "plan"
        plan.write_text("first -- /bin/outcome exit 0\nspin -- /bin/outcome spin\n")
        launcher = subprocess.Popen([LAUNCHER, "run", "--engine", "native", "--root", root, "--plan", plan, "--summary",
                                     Path(folder) / "summary"], start_new_session=True, stderr=subprocess.PIPE, text=True)
        deadline = time.monotonic() + 60
        while not (Path(folder) / "summary").exists() or not (Path(folder) / "summary").read_text():
            if time.monotonic() > deadline:
                break
            time.sleep(0.05)
        os.kill(launcher.pid, signal.SIGINT)
        launcher.communicate(timeout=60)
        report.equal("Ctrl-C ends the launcher", launcher.returncode, 128 + signal.SIGINT)
        report.equal("what had ended is kept", len((Path(folder) / "summary").read_text().splitlines()), 1)
        deadline = time.monotonic() + 60
        while processes_of(launcher.pid) and time.monotonic() < deadline:
            time.sleep(0.05)
        report.equal("no process is left", processes_of(launcher.pid), 0)


def test(report, _engine, root):
    stage(root)
    test_ends(report, root)
    test_domains(report, root)
    sharing.test(report, root, BACKENDS)
    served.test(report, root)
    network.test(report, root, BACKENDS)
    test_attacks(report, root)
    test_databases(report, root)
    test_records(report, root)
    test_mode(report, root)
    test_steps(report, root)
    test_place(report, root)
    test_campaign(report)
    test_interruption(report, root)


if __name__ == "__main__":
    on_engines(test, engines=("native",))
