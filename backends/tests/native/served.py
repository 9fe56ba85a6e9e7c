"""Backend process: clients that do to its servers what they can: a part of native.py."""

import sharing
from guest import run_plan

BACKEND = "process"
CASES = ("crashed", "forged", "deputy", "pointers", "threads", "out-of-sight")  # of the program `served`


def test(report, root):
    plan = "".join(f"{case} backend={BACKEND} -- /bin/served {case}\n" for case in CASES)
    result = run_plan("native", plan, root)
    sharing.claims(report, result)
    for case in CASES:
        report.equal(f"served {case} ends", result.outcome(case).get("status"), 0)
