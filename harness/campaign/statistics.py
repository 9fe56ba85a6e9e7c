"""From records to rows: medians with a bootstrap confidence interval over repetitions."""

import random
import statistics

CONFIDENCE = 0.95
RESAMPLES = 1000
SEED = 1  # the same rows from the same records


def interval(values):
    """Bounds of the median's bootstrap confidence interval (percentile method)."""
    if len(set(values)) == 1:
        return values[0], values[0]
    generator = random.Random(SEED)
    medians = sorted(statistics.median(generator.choices(values, k=len(values))) for _ in range(RESAMPLES))
    cut = int(RESAMPLES * (1 - CONFIDENCE) / 2)
    return medians[cut], medians[-1 - cut]


def argument_of(record):
    """What an experiment varies inside a workload: the first member of args that is a number."""
    for value in record.get("args", {}).values():
        if isinstance(value, (int, float)):
            return value
    return 0


def rows(experiment, records, settings_of):
    """One row for each backend, setting, case, argument and metric."""
    groups = {}
    for record in records:
        if record["line"] not in settings_of or "args" not in record:
            continue
        settings = settings_of[record["line"]]
        key = (record["backend"], tuple(sorted((k, v) for k, v in settings.items() if k != "backend")),
               record["args"].get("case", ""), argument_of(record), record["metric"], record["kind"], record["unit"])
        groups.setdefault(key, []).append(record["value"])
    for (backend, settings, case, argument, metric, kind, unit), values in groups.items():
        low, high = interval(values)
        yield {"experiment": experiment.name, "backend": backend, "settings": " ".join(f"{k}={v}" for k, v in settings),
               "case": case, "argument": argument, "metric": metric, "kind": kind, "unit": unit,
               "median": statistics.median(values), "low": low, "high": high, "n": len(values)}
