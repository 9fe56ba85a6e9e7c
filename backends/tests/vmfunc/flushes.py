#!/usr/bin/env python3
"""Flushes, by the checked kernel (guest/mm/tlb_model.h): it finds nothing missing, and does find what is left out."""

import os

os.environ["KERNEL"] = "kernel-checked"

import vmfunc  # noqa: E402
from guest import on_engines, run_plan  # noqa: E402

BACKENDS = ("none", "kernel", "syscall", "syscall-kpti", "pku")

# A flush that is left out by weaken=NAME, a program that needs it, and what the kernel says when it is missed.
LEFT_OUT = (
    ("flush-page", "end-of-page", "TLB: in view 0 the page "),
    ("flush-ept", "end-of-page", "EPT: view 2 lost rights to the frame "),
)


def left_out(report, root):
    for name, case, sentence in LEFT_OUT:
        result = run_plan("bochs", f"v backend=vmfunc -- /bin/views {case}\n", root, options=(f"weaken={name}",))
        report.check(f"{name} left out: the kernel stops before the next return to user mode",
                     result.status == vmfunc.STATUS_PANIC and sentence in result.errors, result.explain)


def complete(report, engine, root):
    plan = "".join(f"{backend} backend={backend} -- /bin/crossing\n" for backend in BACKENDS)
    result = run_plan(engine, plan, root)
    for backend in BACKENDS:
        report.equal(f"{engine}: crossing on {backend} misses no flush", result.outcome(backend).get("status"), 0)


def test(report, engine, root):
    vmfunc.stage(root)
    complete(report, engine, root)
    if engine == "bochs":
        left_out(report, root)
        vmfunc.violations(report, root, "without=nothing", True)
        vmfunc.many_domains(report, root)
        vmfunc.crossing(report, root)
        vmfunc.attacks(report, root)


if __name__ == "__main__":
    on_engines(test)
