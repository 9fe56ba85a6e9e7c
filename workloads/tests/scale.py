#!/usr/bin/env python3
"""Threads, processes of different users and many domains get right answers on every backend."""

from databases import BUDGET, backends_of, check_refused, stage
from guest import on_engines, run_plan

CASES = ("threads", "processes", "domains")
COUNTS = (1, 14)
REFUSED = (
    ("--count 65", 2, "scale: --count 65: not a number from 1 to 64"),
    ("--case cows", 2, "scale: --case cows: must be one of threads processes domains"),
    ("--case domains --count 15", 1, "scale: attach: No space left on device"),
)


def test(report, engine, root):
    stage(root, ("scale",), ("tally",))
    backends = backends_of(report, engine)
    runs = [(backend, case, count) for backend in backends for case in CASES for count in COUNTS]
    plan = [f"run{number} backend={backend} {BUDGET} -- /bin/scale --case {case} --count {count} --calls 1000"
            for number, (backend, case, count) in enumerate(runs)]
    plan += [f"refused{number} backend=pku -- /bin/scale {arguments}" for number, (arguments, _, _) in enumerate(REFUSED)]
    result = run_plan(engine, "\n".join(plan) + "\n", root, memory=128, timeout=100)
    for number, (backend, case, count) in enumerate(runs):
        wrong = [record["value"] for record in result.records if (record["line"], record["metric"]) == (f"run{number}", "errors")]
        report.check(f"{engine}: {count} {case} on {backend}", result.outcome(f"run{number}").get("status") == 0 and wrong == [0],
                     result.explain)
    check_refused(report, engine, result, "scale", REFUSED)


if __name__ == "__main__":
    on_engines(test)
