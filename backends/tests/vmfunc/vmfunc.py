#!/usr/bin/env python3
"""The VMX monitor and backend vmfunc: counts, attacks by VMFUNC, and what is said where there is no VMX."""

import re
import shutil
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(TOP / "guest" / "tests"))

from guest import BUILD, on_engines, run_plan  # noqa: E402

MOST = {"none": 40, "general": 55}  # instructions of an empty entrance, by scrub
CASES = ("every-index", "beyond-the-list", "every-alignment", "end-of-page")


def stage(root):
    for folder in ("bin", "tmp", "lib/portcullis"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    for program in ("views", "crossing", "count"):
        shutil.copy(BUILD / "programs" / program, root / "bin" / program)
    for image in ("vault", "empty", "twin", "outer", "counter"):
        shutil.copy(BUILD / "images" / f"{image}.image", root / "lib" / "portcullis" / f"{image}.image")


def counts(result):
    """The values of workload crossing by case and argument."""
    return [(str(record["args"]), record["value"]) for record in result.records if record.get("metric") == "entrance"]


def exits(result):
    found = re.search(r"VMX monitor: (\d+) exits", result.console)
    return int(found[1]) if found else None


def crossing(report, root):
    """Entrances, and exits that they do not cause."""
    seen = []
    for samples in (10, 10000):
        for scrub, most in MOST.items():
            result = run_plan("bochs", f"c backend=vmfunc scrub={scrub} -- /bin/crossing --samples {samples}\n", root)
            empty = [value for case, value in counts(result) if "'empty'" in case]
            report.check(f"{samples} empty entrances at scrub {scrub}: at most {most} instructions each",
                         len(empty) == 1 and empty[0] <= most, lambda: f"{empty}; {result.explain()}")
            seen.append(exits(result))
    report.check("entrances cause no VM exit", None not in seen and seen[:2] == seen[2:], seen)


def other_backends(report, root):
    for backend in ("none", "pku", "syscall", "kernel"):
        runs = [run_plan("bochs", f"c backend={backend} -- /bin/crossing\n", root, options=(f"monitor={on}",)) for on in (0, 1)]
        report.check(f"the monitor changes no count of backend {backend}",
                     counts(runs[0]) and counts(runs[0]) == counts(runs[1]) and exits(runs[0]) is None and exits(runs[1]),
                     lambda: f"{runs[0].explain()}; {runs[1].explain()}")


def attacks(report, root):
    def attempt(backend, case, **settings):
        result = run_plan("bochs", f"v backend={backend} -- /bin/views {case}\n", root, timeout=200, **settings)
        return result, result.outcome("v").get("status"), "secret " in result.console

    for case in CASES:
        result, status, found = attempt("vmfunc", case)
        report.check(f"{case} gains nothing", status == 1 and not found and "refused: nothing was gained" in result.console,
                     lambda: f"{'THE SECRET WAS FOUND; ' if found else ''}{result.explain()}")
        report.equal(f"{case}: the kernel names the stray VMFUNC", "stray VMFUNC before " in result.console,
                     case != "beyond-the-list")
        result, status, found = attempt("none", case)
        report.check(f"{case} succeeds on none", found and status == 0, result.explain)
    for case in ("every-index", "every-alignment"):
        result, status, found = attempt("vmfunc", case, options=("weaken=view-execution",))
        report.check(f"{case} succeeds without view-execution", found and status == 0, result.explain)


def refusal(report, engine, root, text, options=()):
    result = run_plan(engine, "v backend=vmfunc -- /bin/count\nn -- /bin/count\n", root, options=options)
    report.check(f"{engine}: backend vmfunc says: {text}", f"backend vmfunc: {text}" in result.console, result.explain)
    report.equal(f"{engine}: its run is not started", result.outcome("v").get("reason"), "start")
    report.equal(f"{engine}: the next run is", result.outcome("n").get("status"), 0)


def test(report, engine, root):
    stage(root)
    if engine == "qemu":
        refusal(report, engine, root, "this CPU has no VMX")
        return
    refusal(report, engine, root, "the command line switches the VMX monitor off", ("monitor=0",))
    for option in ("monitor=1", "without=ept-1g"):
        result = run_plan(engine, "v backend=vmfunc repeat=3 -- /bin/count\n", root, options=(option,))
        report.equal(f"the example runs with {option}", result.console.count("7 apples on backend vmfunc"), 3)
    crossing(report, root)
    other_backends(report, root)
    attacks(report, root)


if __name__ == "__main__":
    on_engines(test)
