#!/usr/bin/env python3
"""Workload events: signals and kills are held until the call has ended and come once; failures are told in time."""

from databases import check_refused, stage
from guest import on_engines, run_plan

BACKENDS = ("kernel", "syscall", "syscall-kpti", "vmfunc", "pku")
DELAY_MOST = 2000  # ticks from the end of the library's function to the handler
TICK_MOST = 1000  # more of them when the scheduler's own timer comes in between, which is rare
BUDGET = SLICE = 1_000_000  # ticks: of a call, and until the next thread has its turn (10 ms on Bochs)
SOME = "--signals 100 --kills 30 --failures 3"
REFUSED = (
    ("--calls 0", 2, "event-delay: --calls 0: not a number from 1 to 1000000000"),
    ("--signals x", 2, "event-delay: --signals x: not a number from 0 to 1000000"),
)


def test(report, engine, root):
    stage(root, ("event-delay",), ("guarded_pair",))
    plan = [f"{backend} backend={backend} ticks=1G -- /bin/event-delay {SOME}" for backend in BACKENDS]
    plan += [f"flag-{backend} backend={backend} defer=flag ticks=1G -- /bin/event-delay {SOME}" for backend in BACKENDS]
    plan += [f"refused{number} backend=pku -- /bin/event-delay {arguments}" for number, (arguments, _, _) in enumerate(REFUSED)]
    result = run_plan(engine, "\n".join(plan) + "\n", root, timeout=100)
    for line in (*BACKENDS, *(f"flag-{backend}" for backend in BACKENDS)):
        found = {(record["args"]["case"], record["metric"]): record["value"] for record in result.records
                 if record["line"] == line and "args" in record}
        report.check(f"{line}: it ends", result.outcome(line).get("status") == 0, result.explain)
        for case, metric in (("signal", "lost"), ("signal", "inside"), ("signal", "broken"), ("kill", "lost"), ("kill", "broken"),
                             ("failure", "lost")):
            report.equal(f"{line}: {case}: {metric}", found.get((case, metric)), 0)
        delay = found.get(("signal", "delay"), {"max": None, "count": 0})
        report.check(f"{line}: a signal is held for at most {DELAY_MOST} ticks after the call", delay["count"] >= 50 and
                     0 < found[("signal", "delay_p99")] <= DELAY_MOST and delay["max"] <= DELAY_MOST + TICK_MOST, delay)
        told = found.get(("failure", "told"), {"max": None})["max"]
        report.check(f"{line}: a failure is told to another process after the budget and a scheduling round",
                     told is not None and told <= BUDGET + 2 * SLICE, told)
        plain = found.get(("none", "entrance"))
        report.check(f"{line}: an entrance costs no instruction more when events can be held", plain and
                     found.get(("none", "entrance_handler")) == plain < found.get(("none", "entrance_polled"), 0), found)
    check_refused(report, engine, result, "event-delay", REFUSED)
    plan = "".join(f"{backend} backend={backend} ticks=200M -- /bin/event-delay {SOME}\n" for backend in BACKENDS)
    result = run_plan(engine, plan, root, timeout=100, options=("weaken=defer",))
    for backend in BACKENDS:
        inside = [record["value"] for record in result.records if (record["line"], record["metric"]) == (backend, "inside")]
        report.check(f"{backend}: without deferral signals come inside, or the program never ends",
                     any(inside) or result.outcome(backend).get("status") != 0, result.explain)


if __name__ == "__main__":
    on_engines(test, engines=("bochs",))  # where a tick is an instruction
