#!/usr/bin/env python3
"""System calls mean what they mean on Linux: guest/tests/differential.py [CASE | SUBJECT]...

Runs the program of guest/tests/differential on this host and in the guest, all cases in one boot of each engine. What a case
prints must be the same. Nothing is recorded: the expected lines are those of the host's kernel, at each run.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from guest import BUILD, on_engines, run_plan, stage

PROGRAM = BUILD / "guest" / "tests" / "differential" / "differential"
HOST_SECONDS = 120
GUEST_SECONDS = 280
MEMORY = 128  # MiB

# What an engine itself does not do as a CPU does.
LIMITS = {
    ("qemu", "frames.floating_point_faults"): "QEMU's TCG raises no SSE exceptions",
}

LAST_LINE = "all cases ran"

CASE = re.compile(r"^case ([a-z_]+\.[a-z0-9_]+)$")
SKIPPED = re.compile(r"^end skipped: (.*)$")


def split_cases(text):
    """What each case printed: {name: [line, ...]}."""
    cases = {}
    lines = None
    for line in text.splitlines():
        match = CASE.match(line)
        if match:
            lines = cases[match[1]] = []
        elif line == LAST_LINE:
            lines = None
        elif lines is not None:
            lines.append(line)
    return cases


def run_on_host(wanted):
    with tempfile.TemporaryDirectory(prefix="portcullis-differential-") as folder:
        os.chmod(folder, 0o755)  # cases that give up their rights work in it
        try:
            done = subprocess.run([PROGRAM, *wanted], cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, timeout=HOST_SECONDS, text=True, errors="replace")
        except subprocess.TimeoutExpired:
            sys.exit(f"differential: on the host: still running after {HOST_SECONDS} s")
    if done.returncode != 0:
        sys.exit(f"differential: on the host: exit status {done.returncode}: {done.stdout.strip()[-200:]}")
    return split_cases(done.stdout)


def first_difference(expected, seen):
    """A sentence on the first line that differs, None when there is none."""
    for number, (left, right) in enumerate(zip(expected, seen), 1):
        if left != right:
            return f'line {number}: "{right}", on Linux "{left}"'
    if len(seen) < len(expected):
        return f'ends before line {len(seen) + 1}, on Linux "{expected[len(seen)]}"'
    if len(seen) > len(expected):
        return f'line {len(expected) + 1}: "{seen[len(expected)]}", on Linux nothing'
    return None


def compare(report, engine, root, expected, wanted):
    stage(root)
    shutil.copy(PROGRAM, root / "bin" / "differential")
    plan = f"differential cwd=/tmp -- /bin/differential {' '.join(wanted)}\n"
    result = run_plan(engine, plan, root, memory=MEMORY, timeout=GUEST_SECONDS)
    seen = split_cases(result.console)
    for name, lines in expected.items():
        skipped = SKIPPED.match(lines[-1]) if lines else None
        if skipped:
            report.skip(f"{engine}: {name}", f"{skipped[1]} on the host")
        elif (engine, name) in LIMITS:
            report.skip(f"{engine}: {name}", LIMITS[engine, name])
        elif name not in seen:
            report.check(f"{engine}: {name}", False, f"did not run: {result.explain()}")
        else:
            difference = first_difference(lines, seen[name])
            report.check(f"{engine}: {name}", difference is None, difference)


def main():
    wanted = sys.argv[1:]
    if not PROGRAM.exists():
        sys.exit(f"differential: there is no {PROGRAM}: run `make test`")
    expected = run_on_host(wanted)
    if not expected:
        sys.exit(f"differential: no case is called {' or '.join(wanted)}")
    on_engines(lambda report, engine, root: compare(report, engine, root, expected, wanted))


if __name__ == "__main__":
    main()
