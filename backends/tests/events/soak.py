#!/usr/bin/env python3
"""Thousands of timers, kills, faults and stops among processes that share a library; and that it fails without deferral."""

import os
import shutil
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(TOP / "guest" / "tests"))

from guest import BUILD, on_engines, run_plan  # noqa: E402

BACKENDS = ("kernel", "syscall", "syscall-kpti", "pku", "vmfunc")
EVENTS = 5000
SEED = os.environ.get("SEED", "1")


def soak(root, backend, events, **settings):
    return run_plan("bochs", f"soak backend={backend} ticks=4G -- /bin/soak {SEED} {events}\n", root, timeout=200, **settings)


def test(report, _engine, root):
    for folder in ("bin", "tmp", "lib/portcullis"):
        (root / folder).mkdir(parents=True)
    shutil.copy(BUILD / "programs" / "soak", root / "bin")
    shutil.copy(BUILD / "images" / "store.image", root / "lib" / "portcullis")
    for backend in BACKENDS:
        result = soak(root, backend, EVENTS)
        for line in result.console.splitlines():
            if line.startswith("ok "):
                report.check(line[3:], True, "")
            elif line.startswith("not ok "):
                name, _, why = line[7:].rpartition(": ")
                report.check(f"{name} (seed {SEED})", False, why)
            elif line.startswith("soak: "):
                print(f"{backend}: {line}")
        report.check(f"soak on {backend} ends (seed {SEED})", result.outcome("soak").get("status") == 0, result.explain)
    for backend in BACKENDS:
        result = soak(root, backend, 300, options=("weaken=defer",))
        report.check(f"without deferral it fails on {backend}", "not ok soak " in result.console or
                     result.outcome("soak").get("status") != 0, result.explain)


if __name__ == "__main__":
    on_engines(test, engines=("bochs",))
