"""Processes that share a library, and what becomes of it when they end: a part of native.py."""

from guest import run_plan

# Cases of the program `share`. On `none` nobody knows who is inside.
CASES = ("killed", "outside", "closed", "copied", "impostor", "starting")
NOT_ON = {"killed": ("none",)}
PROCESSES = 8


def claims(report, result):
    for line in result.console.splitlines():
        if line.startswith(("ok ", "not ok ")):
            report.check(line.partition("ok ")[2], line.startswith("ok "), "see the line")


def test_cases(report, root, backends):
    runs = [(case, backend) for case in CASES for backend in backends if backend not in NOT_ON.get(case, ())]
    result = run_plan("native", "".join(f"{case}-{backend} backend={backend} -- /bin/share {case}\n" for case, backend in runs), root)
    claims(report, result)
    for case, backend in runs:
        report.equal(f"share {case} on {backend} ends", result.outcome(f"{case}-{backend}").get("status"), 0)


def test_users(report, root, backends):
    """Processes of different users, which the manifest lets share or not."""
    plan = "".join(f"scale-{backend} backend={backend} -- /bin/scale --case processes --count {PROCESSES}\n"
                   f"manifest-{backend} backend={backend} uid=1000 -- /bin/domains manifest\n" for backend in backends)
    result = run_plan("native", plan, root)
    claims(report, result)
    for backend in backends:
        report.equal(f"{PROCESSES} users share a library on {backend}", result.outcome(f"scale-{backend}").get("status"), 0)
        report.equal(f"who may not is refused on {backend}", result.outcome(f"manifest-{backend}").get("status"), 0)


def test(report, root, backends):
    test_cases(report, root, backends)
    test_users(report, root, backends)
