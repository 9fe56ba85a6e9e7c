#!/usr/bin/env python3
"""Events inside libraries, and libraries that fail, on each backend that protects; and the kill sweep without deferral."""

import shutil
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(TOP / "guest" / "tests"))

from guest import BUILD, on_engines, run_plan  # noqa: E402

BACKENDS = ("kernel", "syscall", "syscall-kpti", "pku", "vmfunc")
CASES = ("fault", "others", "teardown", "users", "signals", "kills", "nested")


def stage(root):
    for folder in ("bin", "tmp", "lib/portcullis"):
        (root / folder).mkdir(parents=True)
    shutil.copy(BUILD / "programs" / "events", root / "bin" / "events")
    for image in ("fragile", "outer", "twin"):
        shutil.copy(BUILD / "images" / f"{image}.image", root / "lib" / "portcullis" / f"{image}.image")


def test(report, engine, root):
    stage(root)
    runs = [(f"{case}-{backend}", case, backend) for case in CASES for backend in BACKENDS]
    runs.append(("teardown-none", "teardown", "none"))
    plan = "".join(f"{name} backend={backend} ticks=2G -- /bin/events {case}\n" for name, case, backend in runs)
    result = run_plan(engine, plan, root, memory=64, timeout=100)
    for line in result.console.splitlines():
        if line.startswith("ok "):
            report.check(line[3:], True, "")
        elif line.startswith("not ok "):
            name, _, why = line[7:].rpartition(": ")
            report.check(name, False, why)
    for name, case, backend in runs:
        report.check(f"{case} on {backend} ends", result.outcome(name).get("status") == 0,
                     lambda: f"{result.outcome(name) or result.explain()}")
    plan = "".join(f"{backend} backend={backend} ticks=2G -- /bin/events kills\n" for backend in BACKENDS)
    result = run_plan(engine, plan, root, memory=64, timeout=100, options=("weaken=defer",))
    for backend in BACKENDS:
        report.check(f"without deferral a kill breaks the invariant or the lock on {backend}",
                     f"not ok kills on {backend}: " in result.console, result.explain)


if __name__ == "__main__":
    on_engines(test, engines=("bochs",))  # where a tick is an instruction
