#!/usr/bin/env python3
"""The memcached server: the same answers on each backend and by the direct link; recorded sessions; clients that misbehave."""

import re
import shutil
from pathlib import Path

from databases import BUDGET, NONE_OVERHEAD_MAX, backends_of, stage
from guest import on_engines, run_plan

SESSIONS = Path(__file__).resolve().parent / "sessions"
PROGRAMS = ("serve", "serve-load", "serve-replay")
REQUESTS = 200
COMMON = f"--requests {REQUESTS}"

# On pku alone: name, arguments of serve-load.
CASES = (
    ("all-commands", "--mix all --connections 4 --pipeline 4"),
    ("updates", "--mix update --size 1000"),
    ("resets", "--resets 20"),
    ("open-loop", "--interval 100000"),
    ("loss", "--latency 5000 --loss 200"),
)
# Sessions for each backend, each with a server of its own.
SHORT = ("storage", "cas", "counting", "mistakes", "lines")
# On pku alone: name, sessions, options. What is cut is there for the next one.
LONG = (
    ("statistics", ("statistics",), ""),
    ("pipelining", ("pipelining",), ""),
    ("cut", ("cut-line", "cut-data", "cut-answer", "cut-after"), ""),
    ("full", ("full",), "--store 512K"),
)
LONGEST = (("limits", ("limits",), ""),)  # moves some values of 1 MiB: not on every engine
REFUSED = (
    ("--connections 0", 2, "serve-load: --connections 0: not a number from 1 to "),
    ("--mix salad", 2, "serve-load: --mix salad: must be one of "),
    ("--store 1K", 2, "serve-load: --store 1K: not a number from 262144 to 1073741824"),
)


def replay(names):
    return " ".join(f"/sessions/{name}.session" for name in names)


def cost(records, line):
    """Instructions of one command outside of the kernel, of the server and of the load."""
    parts = {("serve", "application"), ("serve", "library"), ("serve-load", "application"), ("serve-load", "library")}
    return sum(record["value"] for record in records if record["line"] == line and (record["workload"], record["metric"]) in parts)


def test(report, engine, root):
    stage(root, (*PROGRAMS, *(f"{program}-direct" for program in PROGRAMS)), ("lwip", "lmdb"))
    shutil.copytree(SESSIONS, root / "sessions")
    backends = backends_of(report, engine)
    long = LONG + (LONGEST if engine == "bochs" else ())
    plan = [f"direct -- /bin/serve-load-direct {COMMON}", *(f"direct-{name} -- /bin/serve-replay-direct {replay([name])}" for name in SHORT)]
    plan += [f"{backend}-{interface} backend={backend} {BUDGET} -- /bin/serve-load {COMMON} --interface {interface}"
             for backend in backends for interface in ("calls", "burst")]
    plan += [f"{backend}-{name} backend={backend} {BUDGET} -- /bin/serve-replay {replay([name])}"
             for backend in backends for name in SHORT]
    plan += [f"{name} backend=pku {BUDGET} -- /bin/serve-load {COMMON} {arguments}" for name, arguments in CASES]
    plan += [f"replay-{name} backend=pku {BUDGET} -- /bin/serve-replay {replay(names)} {options}" for name, names, options in long]
    lines = [line.split()[0] for line in plan]
    plan += [f"refused{number} backend=pku -- /bin/serve-load {arguments}" for number, (arguments, _, _) in enumerate(REFUSED)]
    plan.append("wrong backend=pku -- /bin/serve-replay /sessions/cut-after.session")
    result = run_plan(engine, "\n".join(plan) + "\n", root, memory=256, timeout=250)

    for line in lines:
        report.check(f"{engine}: {line} ends, and each answer was as expected", result.outcome(line).get("status") == 0, result.explain)
    digests = re.findall(rf"^serve-load: {REQUESTS} requests of mix read, 64 bytes, 1 connections: .*, digest ([0-9a-f]+)$",
                         result.console, re.MULTILINE)
    count = 1 + 2 * len(backends)
    report.check(f"{engine}: both interfaces on each backend have the answers of the direct link", len(digests) >= count and
                 len(set(digests[:count])) == 1, digests)
    if engine == "bochs":
        direct, none = cost(result.records, "direct"), cost(result.records, "none-calls")
        report.check("bochs: none takes at most 1 % more instructions than the direct link", 0 < none <= direct * NONE_OVERHEAD_MAX,
                     f"{none} against {direct}")
    report.check(f"{engine}: an answer that differs from its session is named", "serve-replay: /sessions/cut-after.session:3: " in
                 result.console and result.outcome("wrong").get("status") == 1, result.console[-300:])
    for number, (arguments, status, sentence) in enumerate(REFUSED):
        report.check(f"{engine}: serve-load {arguments}: one sentence", sentence in result.console and
                     result.outcome(f"refused{number}").get("status") == status, result.console[-300:])


if __name__ == "__main__":
    on_engines(test)
