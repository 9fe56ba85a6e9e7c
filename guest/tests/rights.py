#!/usr/bin/env python3
"""What a program cannot do: each attempt of guest/tests/programs/rights.c ends as its table says."""

import re

from guest import on_engines, run_plan, stage

ATTEMPTS = 38


def test(report, engine, root):
    stage(root, "rights")
    result = run_plan(engine, "rights -- /bin/rights\n", root)
    report.check(f"{engine}: the kernel survives every attempt", result.outcome("rights").get("status") == 0, result.explain)
    seen = re.findall(r"^(.*?)(not ok|ok) (.+?)(?:: (wait status .*))?$", result.console, re.MULTILINE)
    for said, verdict, name, why in seen:
        report.check(f"{engine}: {name}", verdict == "ok", f"{said}{why}")
    report.equal(f"{engine}: every attempt was made", len(seen), ATTEMPTS)


if __name__ == "__main__":
    on_engines(test)
