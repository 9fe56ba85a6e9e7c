#!/usr/bin/env python3
"""Domains on each backend and engine: domains.py [CASE...]

The program `domains` makes the claims of a case, one a line; this script runs all cases on all backends in one boot of each
engine, passes the claims on, and judges how the runs ended. CASEs confine it to these.
"""

import shutil
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(TOP / "guest" / "tests"))

from guest import BUILD, on_engines, run_plan  # noqa: E402

BACKENDS = ("none", "pku", "kernel", "syscall", "syscall-kpti", "vmfunc")
CASES = ("attach", "names", "malformed", "interface", "manifest", "init", "teardown", "many", "churn", "shared", "younger", "fork", "exec",
         "nesting", "nested-shared", "heap", "stack", "index", "busy", "threads", "system-calls", "signals", "nested-signals")
LIBRARIES = ("subject", "guarded", "alone", "fussy", "broken", "front", "back", *(f"chain{i}" for i in range(1, 10)))
IMAGES_AT_ONCE = 97

NO_GATE = "index"  # backend none has none
MAY_LACK = ("vmfunc",)  # backends that not every engine has
COUNTED = ("bochs",)  # engines whose ticks are instructions
LONG_CALLS = ("kvm",)  # engines where the host may emulate VMFUNC: nested calls outlast the default budget

# Runs that lack memory somewhere between their start and their end, KiB.
SCARCE_CASES = ("attach", "nested-shared")
SCARCE_SIZES = range(60, 700, 44)

# What the console says besides the claims: (case, backends or None for all that protect, text).
SENTENCES = [
    ("stack", "library subject: stack overflow at image offset "),
    ("init", "library broken: invalid opcode at image offset "),
]


def stage(root):
    for folder in ("bin", "tmp", "lib/portcullis", "lib/many"):
        (root / folder).mkdir(parents=True)
    (root / "tmp").chmod(0o777)
    shutil.copy(BUILD / "programs" / "domains", root / "bin" / "domains")
    for library in LIBRARIES:
        shutil.copy(BUILD / "images" / f"{library}.image", root / "lib" / "portcullis" / f"{library}.image")
    for number in range(IMAGES_AT_ONCE):
        shutil.copy(BUILD / "images" / "subject.image", root / "lib" / "many" / f"{number}.image")
    shutil.copy(BUILD / "images" / "subject.image", root / "lib" / "portcullis" / "secret.image")
    (root / "lib" / "portcullis" / "secret.image").chmod(0o600)


def runs_of(engine):
    """(case, backend, options of the plan line)"""
    wanted = [case for case in CASES if not sys.argv[1:] or case in sys.argv[1:]]
    if engine in COUNTED and (not sys.argv[1:] or "cost" in sys.argv[1:]):
        wanted.append("cost")
    for case in wanted:
        for backend in BACKENDS:
            budget = "budget=1G " if engine in LONG_CALLS else ""
            if case == NO_GATE and backend == "none":
                continue
            yield case, backend, budget
            if case == "manifest":
                yield case, backend, f"{budget}uid=1000 "


def test_cases(report, engine, root):
    runs = list(runs_of(engine))
    plan = "".join(f"run{number} backend={backend} {options}-- /bin/domains {case}\n"
                   for number, (case, backend, options) in enumerate(runs))
    result = run_plan(engine, plan, root, memory=128, timeout=240)
    lines = result.console.splitlines()
    for line in lines:
        if line.startswith("ok "):
            report.check(f"{engine}: {line[3:]}", True, "")
        elif line.startswith("not ok "):
            name, _, why = line[7:].rpartition(": ")
            report.check(f"{engine}: {name}", False, why)
    lacking = set()
    for number, (case, backend, options) in enumerate(runs):
        outcome = result.outcome(f"run{number}")
        if backend in MAY_LACK and outcome.get("reason") == "start":
            lacking.add(backend)
            continue
        report.check(f"{engine}: {case} on {backend} {options}ends", outcome.get("status") == 0,
                     lambda: f"{outcome or result.explain()} {' / '.join(lines[-3:])}")
    for backend in lacking:
        report.skip(f"{engine}: backend {backend}", next(line for line in lines if line.startswith(f"backend {backend}: ")))
    for case, sentence in SENTENCES:
        count = sum(run[0] == case and run[1] != "none" and run[1] not in lacking for run in runs)
        report.equal(f"{engine}: {case}: the console says why, once for each backend that protects",
                     result.console.count(sentence), count)


def test_scarce(report, engine, root):
    """Attaching with ever more memory: wherever it runs out, nothing stays behind."""
    plan = ""
    for sweep in range(3):  # the first one brings the kernel's own memory to its size, the last one is but a look
        plan += f"free{sweep} -- /bin/domains free\n"
        plan += "".join(f"{case}{sweep}-{backend}-{size} backend={backend} memory={size}K -- /bin/domains {case}\n"
                        for case in SCARCE_CASES for backend in BACKENDS for size in SCARCE_SIZES if sweep < 2)
    result = run_plan(engine, plan, root, memory=128)
    bytes_free = [int(line.split()[1]) for line in result.console.splitlines() if line.startswith("free ")]
    refused = "Out of memory" in result.console
    report.check(f"{engine}: scarce memory: attaching fails by one clear sentence", refused, result.explain)
    report.check(f"{engine}: scarce memory: no frame is lost", len(bytes_free) == 3 and bytes_free[1] == bytes_free[2],
                 lambda: f"{bytes_free} bytes free, {result.explain()}")


def test_unavailable(report, engine, root):
    """A backend that does not exist, and one that the CPU lacks."""
    plan = "unknown backend=nonesuch -- /bin/domains attach\nlacking backend=pku -- /bin/domains attach\n" \
           "other backend=syscall -- /bin/domains attach\n"
    result = run_plan(engine, plan, root, options=("without=pku,pcid",))
    report.equal(f"{engine}: an unknown backend: the run does not start", result.outcome("unknown").get("reason"), "start")
    report.check(f"{engine}: an unknown backend: one clear sentence",
                 "backend nonesuch: there is none of that name in this kernel\n" in result.console, result.console)
    report.equal(f"{engine}: a backend that the CPU lacks: the run does not start", result.outcome("lacking").get("reason"),
                 "start")
    report.check(f"{engine}: a backend that the CPU lacks: one clear sentence",
                 "backend pku: this CPU has no protection keys (CPUID leaf 7, ECX bit 3)\n" in result.console, result.console)
    report.equal(f"{engine}: the other backends work there, without PCID, too", result.outcome("other").get("status"), 0)


def test(report, engine, root):
    stage(root)
    test_cases(report, engine, root)
    if not sys.argv[1:]:
        if engine in COUNTED:
            test_scarce(report, engine, root)
        test_unavailable(report, engine, root)


if __name__ == "__main__":
    unknown = set(sys.argv[1:]) - {*CASES, "cost"}
    if unknown:
        sys.exit(f"domains.py: there is no case {min(unknown)}")
    on_engines(test)
