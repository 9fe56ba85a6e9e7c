"""From records to rows of the table: median, quartiles and a bootstrap confidence interval over repetitions."""

import csv
import random
import statistics

CONFIDENCE = 0.95
RESAMPLES = 1000
SEED = 1  # the same rows from the same records
SPREAD_MAX = 0.1  # interquartile range over median beyond which a row is marked

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


def quartiles(values):
    if len(values) == 1:
        return values[0], values[0]
    first, _, third = statistics.quantiles(values, n=4, method="inclusive")
    return first, third


def summary(values):
    """The columns that tell of the values."""
    median = statistics.median(values)
    low, high = interval(values)
    first, third = quartiles(values)
    spread = (third - first) / abs(median) if median else float(third > first)
    return {"median": median, "low": low, "high": high, "first_quartile": first, "third_quartile": third,
            "least": min(values), "most": max(values), "repetitions": len(values),
            "mark": "spread" if spread > SPREAD_MAX else ""}


def merged(histograms):
    """One histogram for all repetitions."""
    buckets = {}
    for histogram in histograms:
        for value, count in histogram["buckets"]:
            buckets[value] = buckets.get(value, 0) + count
    return sorted(buckets.items())


def rows(experiment, runs, records):
    """One row for each run, arguments and metric, in the order of the plan. A histogram's row has its buckets."""
    order = {run.identity: number for number, run in enumerate(runs)}
    groups = {}
    for record in records:
        if record["line"] in order:
            labels = {**runs[order[record["line"]]].labels, **record.get("args", {})}
            # The kernel's own records name the line, which is the program's.
            program = experiment.workload if record["workload"] == record["line"] else record["workload"]
            key = (order[record["line"]], program, tuple(labels.items()), record["metric"], record["kind"], record["unit"])
            groups.setdefault(key, []).append(record)
    for (_, program, labels, metric, kind, unit), group in sorted(groups.items(), key=lambda item: item[0][0]):
        first = group[0]
        row = {"experiment": experiment.name, "workload": program, "backend": first["backend"],
               "settings": " ".join(f"{key}={value}" for key, value in labels), "labels": dict(labels), "metric": metric,
               "kind": kind, "unit": unit, "engine": first["engine"], "profile": first.get("profile", ""),
               "samples": sum(record["n"] for record in group), "subtracted": first.get("subtracted", "")}
        if isinstance(first["value"], dict):
            row["buckets"] = merged([record["value"] for record in group])
            row.update(summary([record["value"]["sum"] / max(record["value"]["count"], 1) for record in group]))
        else:
            row.update(summary([record["value"] for record in group]))
        yield row


def number(value):
    """A value as the table has it: no digits that carry nothing."""
    return f"{value:.10g}" if isinstance(value, float) else value


def write_csv(path, all_rows):
    partial = path.with_suffix(".partial")
    with open(partial, "w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n", extrasaction="ignore")
        writer.writeheader()
        writer.writerows({key: number(value) for key, value in row.items()} for row in all_rows)
    partial.rename(path)
