#!/usr/bin/env python3
"""What the kernel's memory management refuses beyond what Linux does, and what it costs (on Bochs: instructions)."""

from guest import on_engines, run_plan, stage

PAGES = 64  # that one round of "cost fault" touches

# Most instructions of one step, counted as the difference of two run lengths.
BUDGETS = {
    "fault": (10, 1500 * PAGES, "64 first writes to anonymous pages cost under 1,500 instructions each"),
    "map": (100, 3500, "mmap and munmap of a page cost under 3,500 instructions"),
    "fork": (10, 60000, "fork, exit and wait of a small process cost under 60,000 instructions"),
}


def ticks(result, name):
    outcome = result.outcome(name)
    return outcome.get("user_ticks", 0) + outcome.get("system_ticks", 0)


def check_budgets(report, engine, result):
    for what, (count, most, name) in BUDGETS.items():
        each = (ticks(result, f"{what}-2") - ticks(result, f"{what}-1")) / count
        report.check(f"{engine}: {name}", 0 < each <= most, f"{each:.0f}")


def test(report, engine, root):
    stage(root, "boundaries")
    plan = "boundaries -- /bin/boundaries\n"
    for what, (count, _, _) in BUDGETS.items():
        plan += f"{what}-1 -- /bin/boundaries cost {what} {count}\n{what}-2 -- /bin/boundaries cost {what} {2 * count}\n"
    result = run_plan(engine, plan, root)
    report.check(f"{engine}: no page is writable and executable, no call reaches beyond the application",
                 result.outcome("boundaries").get("status") == 0,
                 lambda: f"{result.explain()} {' / '.join(result.console.splitlines()[-3:])}")
    if engine == "bochs":
        check_budgets(report, engine, result)


if __name__ == "__main__":
    on_engines(test)
