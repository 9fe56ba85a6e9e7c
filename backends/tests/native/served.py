"""Backend process: clients that do to its servers what they can: a part of native.py."""

import sharing
from guest import run_plan

BACKEND = "process"
CASES = ("crashed", "forged", "deputy", "pointers", "threads", "out-of-sight", "secret")  # of the program `served`


SOAK_EVENTS = 2000
FILES = ("served", "soak")
IMAGES = ("store",)


def test_soak(report, root):
    """
    Timers, kills, faults and stops among processes that share a library: no client sees what becomes of another. The call of one
    that was killed may end after its parent has looked, and memory is the whole machine's: the program's other claims are no test
    here.
    """
    result = run_plan("native", f"soak backend={BACKEND} -- /bin/soak 1 {SOAK_EVENTS}\n", root, timeout=100)
    for claim in ("no record is torn", "no client has seen an error"):
        report.check(f"soak on {BACKEND}: {claim}", f"ok soak on {BACKEND}: {claim}\n" in result.console, result.explain)


def test(report, root):
    plan = "".join(f"{case} backend={BACKEND} -- /bin/served {case}\n" for case in CASES)
    result = run_plan("native", plan, root)
    sharing.claims(report, result)
    for case in CASES:
        report.equal(f"served {case} ends", result.outcome(case).get("status"), 0)
    test_soak(report, root)
