#!/usr/bin/env python3
"""Flushes, by the checked kernel (guest/mm/tlb_model.h): it finds nothing missing, and does find what is left out."""

import os
import sys
from pathlib import Path

os.environ["KERNEL"] = "kernel-checked"
sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "workloads" / "tests"))

import databases  # noqa: E402
import vmfunc  # noqa: E402
from guest import on_engines, run_plan  # noqa: E402

KV = "--workload a --records 50 --operations 20"
BACKENDS = ("none", "kernel", "syscall", "syscall-kpti", "pku")

# A flush that is left out by weaken=NAME, a program that needs it, and what the kernel says when it is missed.
LEFT_OUT = (
    ("flush-page", "views end-of-page", "TLB: in view 0 the page "),
    ("flush-space", "count", "TLB: in view 0 the page table of "),
    ("flush-ept", "views end-of-page", "EPT: view 2 lost rights to the frame "),
)


def left_out(report, root):
    for name, command, sentence in LEFT_OUT:
        result = run_plan("bochs", f"v backend=vmfunc -- /bin/{command}\n", root, options=(f"weaken={name}",))
        report.check(f"{name} left out: the kernel stops before the next return to user mode",
                     result.status == vmfunc.STATUS_PANIC and sentence in result.errors, result.explain)


def complete(report, engine, root):
    plan = "".join(f"{backend} backend={backend} -- /bin/crossing\n" for backend in BACKENDS)
    result = run_plan(engine, plan, root)
    for backend in BACKENDS:
        report.equal(f"{engine}: crossing on {backend} misses no flush", result.outcome(backend).get("status"), 0)


def databases_too(report, root):
    databases.stage(root, ("kv",), ("lmdb", "sqlite"))
    plan = "".join(f"{backend}-{store} backend={backend} {databases.BUDGET} -- /bin/kv --store {store} {KV}\n"
                   for backend in (*BACKENDS, "vmfunc") for store in ("lmdb", "sqlite"))
    result = run_plan("bochs", plan, root, memory=192, timeout=250)
    for line in (words.split()[0] for words in plan.splitlines()):
        report.check(f"the databases miss no flush: {line}", result.outcome(line).get("status") == 0, result.explain)


def test(report, engine, root):
    vmfunc.stage(root)
    complete(report, engine, root)
    if engine == "bochs":
        left_out(report, root)
        vmfunc.violations(report, root, "without=nothing", True)
        vmfunc.many_domains(report, root)
        vmfunc.crossing(report, root)
        vmfunc.attacks(report, root)
        databases_too(report, root.with_name("databases"))


if __name__ == "__main__":
    on_engines(test)
