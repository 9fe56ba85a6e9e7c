#!/usr/bin/env python3
"""What the guest must reach: bench.py prints each figure beside its limit; bench.py --check judges the repeatable ones.

Ticks are instructions that Bochs counted: the same on every machine. Seconds are wall time of this machine: they are
printed, and only `make bench` fails when they are over the limit.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from guest import BUILD, TOP, Report, Unavailable, run_plan, stage

MEMORY = 64  # MiB, of the limits below

# metric: what it is, limit in ticks
TICKS = {
    "boot": ("process start to the first user instruction", 3_000_000),
    "null_call": ("null system call (getppid)", 120),
    "switch_yield": ("context switch between two threads (sched_yield)", 600),
    "switch_pipe": ("message to a thread over a pipe, and its switch", None),
    "minor_fault": ("minor page fault", 1_500),
    "fork_exit_wait": ("fork + exit + wait", 60_000),
    "fork_exec_exit_wait": ("fork + exec + exit + wait", None),
}
FIRST_SECONDS = 0.3
TWENTY_SECONDS = 0.5
TEXT_BYTES = 120 * 1024
BUILD_SECONDS = 60

FIRST = "first -- /bin/first\n"
TWENTY = "".join(f"run{number} -- /bin/outcome exit 0\n" for number in range(20))


def measure_ticks(root):
    """The value of each metric, on Bochs."""
    result = run_plan("bochs", FIRST + "bench -- /bin/bench\n", root, memory=MEMORY)
    if result.status:
        sys.exit(f"bench: {result.explain()}")
    return {record["metric"]: record["value"] for record in result.records if record.get("metric") in TICKS}


def seconds_to_first(root):
    """Wall time from the start of the launcher to the record of the first user program, best of five."""
    best = float("inf")
    with tempfile.TemporaryDirectory(prefix="portcullis-bench-") as folder:
        plan = Path(folder) / "plan"
        plan.write_text(FIRST)
        for _ in range(5):
            start = time.monotonic()
            launcher = subprocess.Popen(
                [BUILD / "portcullis", "run", "--engine", "bochs", "--memory", str(MEMORY), "--root", root, "--plan", plan,
                 "--records", "-"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
            for line in launcher.stdout:
                if '"boot"' in line:
                    best = min(best, time.monotonic() - start)
            launcher.wait()
    return best


def seconds_of_plan(root, plan):
    """Wall time of a whole run, best of five."""
    best = float("inf")
    for _ in range(5):
        start = time.monotonic()
        result = run_plan("bochs", plan, root, memory=MEMORY)
        best = min(best, time.monotonic() - start)
        if result.status:
            sys.exit(f"bench: {result.explain()}")
    return best


def text_bytes():
    """Size of the kernel's executable sections."""
    sections = subprocess.run(["readelf", "-SW", BUILD / "guest" / "kernel.elf"], capture_output=True, text=True, check=True)
    total = 0
    for line in sections.stdout.splitlines():
        words = line.replace("[ ", "[").split()
        if len(words) > 8 and words[2] == "PROGBITS" and "X" in words[7]:
            total += int(words[5], 16)
    return total


def seconds_of_build():
    with tempfile.TemporaryDirectory(prefix="portcullis-build-") as folder:
        start = time.monotonic()
        done = subprocess.run(["make", "-j2", f"BUILD={folder}", "all"], cwd=TOP, capture_output=True, text=True,
                              env={key: value for key, value in os.environ.items() if not key.startswith("MAKE")})
        if done.returncode:
            sys.exit(f"bench: make from clean failed: {done.stderr.strip().splitlines()[-1]}")
        return time.monotonic() - start


class Table:
    def __init__(self):
        self.good = True
        print(f"{'':58}{'measured':>18}{'at most':>18}")

    def row(self, what, value, limit, form="{:,}", unit=""):
        over = limit is not None and value > limit
        self.good &= not over
        shown = form.format(value) + unit
        bound = "" if limit is None else form.format(limit) + unit
        print(f"{what:58}{shown:>18}{bound:>18}{'  OVER' if over else ''}")

    def seconds(self, what, value, limit):
        self.row(what, value, limit, "{:.2f}", " s")


def print_table(root):
    table = Table()
    first, second = measure_ticks(root), measure_ticks(root)
    for metric, (what, limit) in TICKS.items():
        table.row(what, first[metric], limit, unit=" ticks")
    print(f"two runs give identical ticks: {'yes' if first == second else f'NO: {first} {second}'}")
    table.seconds("process start to the first user instruction", seconds_to_first(root), FIRST_SECONDS)
    table.seconds("a plan of 20 trivial programs", seconds_of_plan(root, TWENTY), TWENTY_SECONDS)
    table.row("kernel text", text_bytes(), TEXT_BYTES, unit=" bytes")
    table.seconds("make from clean, two cores", seconds_of_build(), BUILD_SECONDS)
    return table.good and first == second


def check(root):
    report = Report()
    first, second = measure_ticks(root), measure_ticks(root)
    for metric, (what, limit) in TICKS.items():
        if limit is not None:
            value = first.get(metric)
            report.check(f"{what}: at most {limit:,} ticks", value is not None and value <= limit, value)
    report.check("two runs give identical ticks", first == second and len(first) == len(TICKS), f"{first} and {second}")
    report.check(f"kernel text: at most {TEXT_BYTES:,} bytes", 0 < text_bytes() <= TEXT_BYTES, text_bytes())
    return report.failures == 0


def main():
    if sys.argv[1:] not in ([], ["--check"]):
        sys.exit("bench: usage: bench.py [--check]")
    with tempfile.TemporaryDirectory(prefix="portcullis-root-") as folder:
        root = stage(Path(folder) / "root", "first", "bench", "outcome")
        try:
            good = check(root) if sys.argv[1:] else print_table(root)
        except Unavailable as unavailable:
            print(f"skip bochs: {unavailable}")
            good = True
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
