"""The claims of the paper, held against the rows of a run: a verdict, its evidence, and the kind of numbers behind it.

A claim is never said to hold on more than the run has: without the rows that it needs, the verdict is "no data".
"""

from dataclasses import dataclass

HOLDS, PARTLY, FAILS, NO_DATA = "holds", "holds in part", "does not hold", "no data"
PAPER_RATE = 2.3e6  # entrances a second on a core
CLOSE = 1.25  # C3: "close to unprotected" is at most this many times the cost of `none`; the bound is ours
OTHERS = ("kernel", "syscall", "vmfunc")  # what C1 compares PKU with
APPLICATIONS = ("net", "net-bulk", "db-kv", "db-tx", "stack")


@dataclass(frozen=True)
class Claim:
    name: str
    text: str
    verdict: str
    evidence: str
    kind: str


def entrances(rows):
    """The rows of an empty entrance that clears nothing, by backend."""
    return {row["backend"]: row for row in rows if row["experiment"] == "crossing" and row["metric"] == "entrance"
            and row["labels"].get("case") == "empty" and row["labels"].get("scrub", "none") == "none"}


def judge(good, total):
    return HOLDS if good == total else PARTLY if good else FAILS


def crossing(data):
    text = "PKU beats kernel-level protection, a system-call switch and a VMFUNC switch"
    rows, counted = entrances(data.modelled), entrances(data.rows)
    others = [name for name in OTHERS if name in rows]
    if "pku" not in rows or not others:
        return Claim("C1", text, NO_DATA, "needs the experiment crossing with pku and another mechanism, and cost profiles", "")
    good = total = 0
    parts = []
    for name in others:
        pairs = {profile: (rows["pku"]["by_profile"].get(profile), rows[name]["by_profile"].get(profile)) for profile in data.profiles}
        pairs = {profile: pair for profile, pair in pairs.items() if None not in pair}
        lost = [profile for profile, (ours, theirs) in pairs.items() if ours >= theirs]
        good, total = good + len(pairs) - len(lost), total + len(pairs)
        chosen = pairs[data.profile]
        parts.append(f"{chosen[0]:.0f} against {chosen[1]:.0f} cycles of {name} in profile {data.profile_label}, cheaper in "
                     f"{len(pairs) - len(lost)} of {len(pairs)} profiles" + (f" (not in {', '.join(lost)})" if lost else ""))
    missing = [name for name in OTHERS if name not in rows]
    if missing:
        parts.append(f"no data of {', '.join(missing)}")
    counts = ", ".join(f"{name} {row['median']:g}" for name, row in counted.items())
    verdict = judge(good, total)
    if verdict == HOLDS and missing:
        verdict = PARTLY
    return Claim("C1", text, verdict, f"An empty entrance with pku: {'; '.join(parts)}. Counted instructions: {counts}.", "modelled")


def rate(data):
    text = "up to 2.3 million library entrances per second per core"
    row = entrances(data.modelled).get("pku")
    if not row:
        return Claim("C2", text, NO_DATA, "needs the experiment crossing with pku, and cost profiles", "")
    shares = {name: PAPER_RATE * cycles / data.profiles[name].frequency for name, cycles in row["by_profile"].items() if cycles is not None}
    most = max(data.profiles[name].frequency / cycles for name, cycles in row["by_profile"].items() if cycles)
    least = min(data.profiles[name].frequency / cycles for name, cycles in row["by_profile"].items() if cycles)
    good = sum(share < 1 for share in shares.values())
    return Claim("C2", text, judge(good, len(shares)),
                 f"2.3 million entrances a second with pku take {min(shares.values()):.1%} to {max(shares.values()):.1%} of a core over "
                 f"{len(shares)} profiles; empty entrances alone could be {least / 1e6:.1f} to {most / 1e6:.1f} million a second.", "modelled")


def applications(data):
    text = "databases and network stacks are protected at a cost close to unprotected kernel bypass"
    parts, ratios, kinds = [], [], set()
    for name in APPLICATIONS:
        for rows in (data.modelled, data.rows):
            found = costs_relative(rows, name, "pku")
            if found:
                ratios += found
                kinds.add("modelled" if rows is data.modelled else "counted")
                parts.append(f"{name} {min(found):.2f} to {max(found):.2f} ({'modelled' if rows is data.modelled else 'counted'}, "
                             f"{len(found)} points)")
                break
        else:
            parts.append(f"{name} no data")
    if not ratios:
        return Claim("C3", text, NO_DATA, f"needs one of the experiments {', '.join(APPLICATIONS)} with none and pku", "")
    verdict = judge(sum(ratio <= CLOSE for ratio in ratios), len(ratios))
    if verdict == HOLDS and any("no data" in part for part in parts):
        verdict = PARTLY
    return Claim("C3", text, verdict, f"Cost of an operation with pku, in times of none: {'; '.join(parts)}. "
                 f"Taken as close: at most {CLOSE:g} times.", ", ".join(sorted(kinds)))


def costs_relative(rows, experiment, backend):
    """Cost of one operation relative to `none`, at every point that both have."""
    costs = {(row["backend"], (row["workload"], row["settings"])): row["median"] for row in rows
             if row["experiment"] == experiment and row["metric"] in COSTS and "buckets" not in row}
    return [value / costs["none", point] for (name, point), value in costs.items()
            if name == backend and costs.get(("none", point))]


COSTS = ("operation", "elapsed")  # metrics that are the cost of one operation


def failures(data):
    text = "watchpoints delay asynchronous events, so that applications that share a library fail independently"
    rows = [row for row in data.rows if row["experiment"] == "events" and row["backend"] != "none"]
    if not rows:
        return Claim("C4", text, NO_DATA, "needs the experiment events", "")
    broken = [row for row in rows if row["metric"] in ("broken", "lost", "inside") and row["most"] > 0]
    delays = [row for row in rows if row["metric"].startswith("delay") and "buckets" not in row]
    parts = [f"{len(set((row['backend'], row['settings']) for row in rows))} points"]
    if delays:
        parts.append(f"delay of an event that arrives inside: {min(row['median'] for row in delays):.0f} to "
                     f"{max(row['median'] for row in delays):.0f} {delays[0]['unit']}")
    failed = [outcome for outcome in data.failed if outcome.identity.startswith("events_") and not outcome.unavailable]
    if failed:
        parts.append(f"{len(failed)} runs failed: {failed[0].reason}")
    return Claim("C4", text, FAILS if broken or failed else HOLDS, "; ".join(parts) + ".", "counted")


def sharing(data):
    text = "a data-plane library can be shared by applications that distrust each other"
    rows = [row for row in data.rows if row["experiment"] == "scale" and row["labels"].get("case") == "processes"
            and row["backend"] != "none"]
    wrong = sum(row["median"] for row in rows if row["metric"] == "errors")
    costs = {(row["backend"], row["labels"]["count"]): row["median"] for row in rows if row["metric"] == "operation"}
    most = max((count for _, count in costs), default=0)
    if not costs or most < 2:
        return Claim("C5", text, NO_DATA, "needs the experiment scale", "")
    growth = [costs[name, most] / costs[name, 1] for name, count in costs if count == most and (name, 1) in costs]
    backends = sorted({name for name, _ in costs})
    failed = [outcome for outcome in data.failed if outcome.identity.startswith("scale_") and not outcome.unavailable]
    good = not wrong and not failed
    return Claim("C5", text, HOLDS if good else FAILS,
                 f"{most} processes of different users share one library under {', '.join(backends)}: {wrong:g} wrong answers, "
                 f"{len(failed)} runs failed; a call costs {min(growth):.2f} to {max(growth):.2f} times what it costs one process.",
                 ", ".join(sorted({row["kind"] for row in rows if row["metric"] == "operation"})))


def judge_all(data):
    return [crossing(data), rate(data), applications(data), failures(data), sharing(data)]
