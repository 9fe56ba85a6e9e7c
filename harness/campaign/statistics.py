"""From records to rows of the table: median, quartiles and a confidence interval of the median over repetitions."""

import csv
import functools
import math
import random
import statistics

CONFIDENCE = 0.95
RESAMPLES = 1000
SEED = 1  # the same rows from the same records
SPREAD_MAX = 0.1  # interquartile range over median beyond which a row is marked
WIDTH = 0.05  # of time: half the interval over the median beyond which it is
REPETITIONS_MIN = 6  # of time: with fewer there is no such interval
SIGNS = {"": "", "spread": "*", "unstable": "!"}  # of marks, in figures and tables

COLUMNS = ("experiment", "workload", "backend", "settings", "metric", "kind", "unit", "engine", "profile", "median", "low", "high",
           "first_quartile", "third_quartile", "least", "most", "repetitions", "samples", "subtracted", "mark")


def interval(values):
    """Bounds of the median's bootstrap confidence interval (percentile method)."""
    if len(set(values)) == 1:
        return values[0], values[0]
    generator = random.Random(SEED)
    medians = sorted(statistics.median(generator.choices(values, k=len(values))) for _ in range(RESAMPLES))
    cut = int(RESAMPLES * (1 - CONFIDENCE) / 2)
    return medians[cut], medians[-1 - cut]


@functools.cache
def outside(count):
    """How many of so many values may be left out at each end, so that the rest holds the median of what they come from: each of them is
    below it with probability 1/2, whatever their distribution is."""
    left_out, probability = 0, 0.0
    while True:
        probability += math.comb(count, left_out) / 2 ** count
        if probability > (1 - CONFIDENCE) / 2:
            return max(left_out - 1, 0)
        left_out += 1


def interval_of_times(values):
    """Bounds by order, which many values cost little."""
    ordered, out = sorted(values), outside(len(values))
    return ordered[out], ordered[-1 - out]


def quartiles(values):
    if len(values) == 1:
        return values[0], values[0]
    first, _, third = statistics.quantiles(values, n=4, method="inclusive")
    return first, third


def summary(values, kind):
    """The columns that tell of the values."""
    median = statistics.median(values)
    low, high = interval_of_times(values) if kind == "measured" else interval(values)
    first, third = quartiles(values)
    return {"median": median, "low": low, "high": high, "first_quartile": first, "third_quartile": third,
            "least": min(values), "most": max(values), "repetitions": len(values)}


def is_narrow(row, width):
    """Is the median of times known to within `width` of itself?"""
    return row["repetitions"] >= REPETITIONS_MIN and row["high"] - row["low"] <= 2 * width * abs(row["median"])


def mark_of(row, kind, width):
    """What a reader must know of a row before he believes it."""
    if kind == "measured" and not is_narrow(row, width):
        return "unstable"
    spread = row["third_quartile"] - row["first_quartile"]
    return "spread" if spread > SPREAD_MAX * abs(row["median"]) else ""


def merged(histograms):
    """One histogram for all repetitions."""
    buckets = {}
    for histogram in histograms:
        for value, count in histogram["buckets"]:
            buckets[value] = buckets.get(value, 0) + count
    return sorted(buckets.items())


def rows(experiment, runs, records, width=WIDTH):
    """One row for each point, arguments and metric, in the order of the plan. A histogram's row has its buckets."""
    run_of = {run.identity: run for run in runs}
    points = {point: number for number, point in enumerate(dict.fromkeys(run.point for run in runs))}
    order = {run.identity: points[run.point] for run in runs}
    groups = {}
    for record in records:
        if record["line"] in order:
            labels = {**run_of[record["line"]].labels, **record.get("args", {})}
            # The kernel's own records name the line, which is the program's.
            program = experiment.workload if record["workload"] == record["line"] else record["workload"]
            key = (order[record["line"]], program, tuple(labels.items()), record["metric"], record["kind"], record["unit"])
            groups.setdefault(key, []).append(record)
    for (_, program, labels, metric, kind, unit), group in sorted(groups.items(), key=lambda item: item[0][0]):
        first = group[0]
        row = {"experiment": experiment.name, "workload": program, "backend": first["backend"], "point": run_of[first["line"]].point,
               "mode": first.get("mode", ""),
               "settings": " ".join(f"{key}={value}" for key, value in labels), "labels": dict(labels), "metric": metric,
               "kind": kind, "unit": unit, "engine": first["engine"], "profile": first.get("profile", ""),
               "samples": sum(record["n"] for record in group), "subtracted": first.get("subtracted", "")}
        if isinstance(first["value"], dict):
            row["buckets"] = merged([record["value"] for record in group])
            row.update(summary([record["value"]["sum"] / max(record["value"]["count"], 1) for record in group], kind))
        else:
            row.update(summary([record["value"] for record in group], kind))
        row["mark"] = mark_of(row, kind, width)
        yield row


def number(value):
    """A value as the table has it: no digits that carry nothing."""
    return f"{value:.10g}" if isinstance(value, float) else value


def settings(row):
    """What the point is, a weaker mode of the backend included."""
    return {"settings": f"{row['settings']} mode={row['mode']}".lstrip()} if row.get("mode") else {}


def write_csv(path, all_rows):
    partial = path.with_suffix(".partial")
    with open(partial, "w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n", extrasaction="ignore")
        writer.writeheader()
        writer.writerows({key: number(value) for key, value in row.items()} | settings(row) for row in all_rows)
    partial.rename(path)
