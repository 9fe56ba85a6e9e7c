#!/usr/bin/env python3
"""Stress of the guest kernel: stress.py churn|memory|interrupt|full. Random tests print their seed; SEED=N repeats one."""

import os
import random
import sys

from guest import on_engines, run_plan, stage

SEED = int(os.environ.get("SEED", random.randrange(1 << 32)))
CALLS = ("read-restarting", "read", "read-ready", "write-restarting", "nanosleep", "futex", "futex-restarting", "ppoll",
         "sigsuspend", "sigtimedwait")
INTERRUPTED = ("read", "nanosleep", "futex")  # of these, the calls that end with EINTR
POINTS = 4000
MODELS = 4
LIMIT = {"bochs": "ticks=20G", "qemu": ""}  # on QEMU ticks follow wall time: the boot's timeout is the limit there


def check_runs(report, engine, result, names):
    """Each of these runs exited 0; else says what the program said."""
    for line, name in names.items():
        outcome = result.outcome(line)
        said = [text for text in result.console.splitlines() if text.strip()][-3:]
        report.check(f"{engine}: {name}", outcome.get("reason") == "exited" and outcome.get("status") == 0,
                     lambda: f"{outcome or result.explain()} {' / '.join(said)}")


def churn(report, engine, root):
    stage(root, "churn")
    plan = f"""
processes {LIMIT[engine]} -- /bin/churn processes 10000
threads   {LIMIT[engine]} -- /bin/churn threads 10000
"""
    result = run_plan(engine, plan, root, timeout=300)
    check_runs(report, engine, result, {
        "processes": "10,000 forks, executions and exits leave as many free frames",
        "threads": "10,000 threads leave as many free frames"})


def memory(report, engine, root):
    stage(root, "mapmodel")
    plan = "".join(f"model{i} {LIMIT[engine]} -- /bin/mapmodel {SEED + i} 1500\n" for i in range(MODELS))
    result = run_plan(engine, plan, root, timeout=300)
    check_runs(report, engine, result,
               {f"model{i}": f"mappings follow the model, seed {SEED + i}" for i in range(MODELS)})


def interrupt(report, engine, root):
    stage(root, "interrupt")
    plan = "".join(f"{call} {LIMIT[engine]} -- /bin/interrupt {call} {POINTS}\n" for call in CALLS)
    result = run_plan(engine, plan, root, timeout=300)
    check_runs(report, engine, result, {call: f"a signal at any point of {call} is not lost" for call in CALLS})
    if engine == "bochs":  # where a tick is an instruction, the points are known to lie on both sides of the wait
        for call in INTERRUPTED:
            counts = [int(line.split()[2]) for line in result.console.splitlines()
                      if line.startswith(f"interrupt: {call}: ") and line.endswith(" calls interrupted")]
            report.check(f"{engine}: {call} was interrupted at some points and not at others",
                         len(counts) == 1 and 0 < counts[0] < POINTS, counts)


def full(report, engine, root):
    stage(root, "fill", "churn")
    plan = """
before -- /bin/fill frames
memory -- /bin/fill memory
after-memory -- /bin/fill frames
disk -- /bin/fill disk
after-disk -- /bin/fill frames
child -- /bin/churn processes 10
"""
    result = run_plan(engine, plan, root, memory=32, timeout=120)
    report.equal(f"{engine}: using up the memory ends the run with its reason",
                 result.outcome("memory").get("reason"), "memory")
    report.equal(f"{engine}: a full disk is an error of write, and room can be made",
                 result.outcome("disk").get("status"), 0)
    report.check(f"{engine}: the full disk is said in one line", "fill: disk: No space left on device" in result.console,
                 result.explain)
    free = [line.split()[-1] for line in result.console.splitlines() if line.startswith("fill: free ")]
    report.check(f"{engine}: all frames come back", len(free) == 3 and len(set(free)) == 1, free)
    report.equal(f"{engine}: the next line runs", result.outcome("child").get("status"), 0)


TESTS = {"churn": churn, "memory": memory, "interrupt": interrupt, "full": full}

if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in TESTS:
        sys.exit(f"stress.py: usage: stress.py {'|'.join(TESTS)}")
    on_engines(TESTS[sys.argv[1]])
