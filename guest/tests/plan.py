#!/usr/bin/env python3
"""The plan: each way that a run can end is recorded with its reason, and the next line runs."""

from guest import on_engines, run_plan, stage

PLAN = """
# ways to end
success   -- /bin/outcome exit 0
failure   -- /bin/outcome exit 7
crash     -- /bin/outcome crash
jump      -- /bin/outcome jump
divide    -- /bin/outcome divide
illegal   -- /bin/outcome illegal
abort     -- /bin/outcome abort
terminate -- /bin/outcome raise 15
overflow  -- /bin/outcome overflow
spin      ticks=2M -- /bin/outcome spin
hog       memory=4M -- /bin/outcome hog
hog-all   -- /bin/outcome hog
wait      -- /bin/outcome wait
deadlock  -- /bin/outcome deadlock
leave     -- /bin/outcome leave-child
child     -- /bin/outcome crash-child
absent    -- /dangling
forbidden -- /forbidden
garbage   -- /garbage
show      env=ONE=1 env="TWO=two words" uid=1000 cwd=/tmp stdin=/data -- /bin/outcome show a "b c" "\\"" ""
records   -- /bin/outcome record "{\\"metric\\":\\"m\\",\\"value\\":1,\\"unit\\":\\"bytes\\"}" "{\\"metric\\":\\"n\\",\\"value\\":2}"
no-record -- /bin/outcome record "{\\"metric\\":"
repeat    repeat=3 -- /bin/outcome exit 0
compute   -- /bin/outcome compute
kernel    -- /bin/outcome call-kernel
last      -- /bin/outcome exit 0
"""

# What the outcome of a line must hold; a value may be a function that judges it.
EXPECTED = {
    "success": {"reason": "exited", "status": 0},
    "failure": {"reason": "exited", "status": 7},
    "crash": {"reason": "signal", "signal": 11, "address": "123456789000",
              "symbol": lambda symbol: symbol.startswith("crash_here")},
    "jump": {"reason": "signal", "signal": 11, "address": "123456789000", "instruction": "123456789000"},
    "divide": {"reason": "signal", "signal": 8},
    "illegal": {"reason": "signal", "signal": 4},
    "abort": {"reason": "signal", "signal": 6},
    "terminate": {"reason": "signal", "signal": 15},
    "overflow": {"reason": "signal", "signal": 11, "symbol": lambda symbol: symbol.startswith("overflow_stack")},
    "spin": {"reason": "ticks", "ticks": lambda ticks: ticks >= 2_000_000},
    "hog": {"reason": "memory", "peak_memory": lambda peak: 3 << 20 <= peak <= 4 << 20},
    "hog-all": {"reason": "memory", "peak_memory": lambda peak: peak > 16 << 20},
    "wait": {"reason": "deadlock"},
    "deadlock": {"reason": "deadlock"},
    "leave": {"reason": "exited", "status": 0},
    "child": {"reason": "exited", "status": 0},
    "absent": {"reason": "start", "status": 2},
    "forbidden": {"reason": "start", "status": 13},
    "garbage": {"reason": "start", "status": 8},
    "show": {"reason": "exited", "status": 0},
    "records": {"reason": "exited", "status": 0},
    "no-record": {"reason": "exited", "status": 1},
    "compute": {"user_ticks": lambda ticks: ticks > 3_000_000, "system_ticks": lambda ticks: ticks < 1_000_000},
    "kernel": {"system_ticks": lambda ticks: ticks > 500_000},
    "last": {"reason": "exited", "status": 0},
}

SHOWN = ["argument <a>", "argument <b c>", 'argument <">', "argument <>", "variable <ONE=1>", "variable <TWO=two words>",
         "directory </tmp>", "user <1000>", "input <some data\n>"]

STATUS_RUN_FAILED = 1


def matches(seen, expected):
    return expected(seen) if callable(expected) and seen is not None else seen == expected


def check_outcomes(report, engine, result):
    for name, expected in EXPECTED.items():
        outcome = result.outcome(name)
        wrong = [key for key, value in expected.items() if not matches(outcome.get(key), value)]
        # On QEMU a tick is a moment of time: how many there are says nothing.
        if engine != "bochs":
            wrong = [key for key in wrong if not key.endswith("ticks")]
        report.check(f"{engine}: {name}", outcome and not wrong, lambda: f"{outcome or result.explain()}")


def check_records(report, engine, result):
    seen = [(record.get("metric"), record.get("value")) for record in result.records]
    report.check(f"{engine}: a program's records arrive", ("m", 1) in seen and ("n", 2) in seen, seen)
    times = [record["repetition"] for record in result.records
             if record.get("workload") == "repeat" and record["metric"] == "user_time"]
    report.equal(f"{engine}: each repetition has a record of its time", times, [0, 1, 2])
    if engine == "bochs":
        units = {record.get("unit") for record in result.records if record.get("metric") == "user_time"}
        report.equal(f"{engine}: ticks are called instructions", units, {"instructions"})


def test(report, engine, root):
    stage(root, "outcome")
    (root / "data").write_text("some data\n")
    (root / "data").chmod(0o644)
    # Links and a script without an interpreter: what the launcher lets pass and execve refuses.
    (root / "dangling").symlink_to("/bin/absent")
    (root / "forbidden").symlink_to("/data")
    (root / "garbage").write_text("neither ELF nor script\n")
    (root / "garbage").chmod(0o755)
    result = run_plan(engine, PLAN, root)
    report.check(f"{engine}: the plan runs to its end", result.status == STATUS_RUN_FAILED, result.explain)
    if not result.runs:
        return
    check_outcomes(report, engine, result)
    check_records(report, engine, result)
    report.equal(f"{engine}: a line is repeated as often as it says",
                 [result.outcome("repeat", repetition).get("status") for repetition in range(4)], [0, 0, 0, None])
    absent = [line for line in SHOWN if line not in result.console]
    report.equal(f"{engine}: arguments, environment, folder, user, input", absent, [])


if __name__ == "__main__":
    on_engines(test)
