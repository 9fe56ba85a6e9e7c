"""The base cost of the model, measured: what an instruction of each workload costs without protection.

The same operation is measured natively and counted in the guest, on the backend that protects nothing; the quotient is cycles of the
TSC an instruction. In place of the one cycle that cost profiles assume, it is the base of modelled numbers that say so.
"""

import json
import statistics
from dataclasses import dataclass

from . import Refusal, clock

SCHEMA = 1
UNPROTECTED = "none"
COSTS = ("entrance", "operation")  # metrics that are the cost of one operation to one process; others have the kernel's switches in them


@dataclass(frozen=True)
class Base:
    """Cycles an instruction, by workload."""
    cycles: dict
    cpu: str
    source: str  # the file that has it

    @property
    def label(self):
        return f", base calibrated on {self.cpu}"


def key_of(row):
    return row["experiment"], row["workload"], row["settings"], row["metric"]


def operations(experiments, data):
    """The rows that are the cost of an operation and that a figure shows, by what they are."""
    shown = [row for experiment in experiments for figure in experiment.figures if not figure.get("relative_to")
             for row in figure.select(data, numbers="records") if row["experiment"] == experiment.name]
    return {key_of(row): row for row in shown if row["backend"] == UNPROTECTED and row["metric"] in COSTS and "buckets" not in row}


def values_of(rows, metric):
    """By experiment, workload and point."""
    return {key_of(row)[:3]: row["median"] for row in rows if row["backend"] == UNPROTECTED and row["metric"] == metric}


def points(experiments, counted, measured):
    """
    What both have. Not operations with system calls, whose kernels differ, nor those whose answers differ: they are not the same.
    """
    times = operations(experiments, measured)
    calls, digests, others = (values_of(rows, metric) for rows, metric in ((counted.rows, "system_calls"), (counted.rows, "digest"),
                                                                          (measured.rows, "digest")))
    for key, row in operations(experiments, counted).items():
        time = times.get(key)
        if time and row["unit"] == "instructions" and time["unit"] == clock.NANOSECONDS and row["median"] > 0 \
                and not calls.get(key[:3]) and digests.get(key[:3]) == others.get(key[:3]):
            cycles = time["median"] * measured.rate / 1e9
            yield {"experiment": row["experiment"], "workload": row["workload"], "settings": row["settings"], "metric": row["metric"],
                   "instructions": row["median"], "nanoseconds": time["median"], "interval": [time["low"], time["high"]],
                   "cycles": cycles / row["median"], "mark": time["mark"]}


def calibrate(experiments, counted, measured, provenance):
    """
    What is written: for each workload the median over the points that are known well. Where there is none it is over all of them,
    and is told, but is no base.
    """
    found = list(points(experiments, counted, measured))
    workloads = {}
    for name in dict.fromkeys(point["workload"] for point in found):
        own = [point for point in found if point["workload"] == name]
        stable = [point["cycles"] for point in own if point["mark"] != "unstable"]
        cycles = stable or [point["cycles"] for point in own]
        workloads[name] = {"cycles": statistics.median(cycles), "least": min(cycles), "most": max(cycles),
                           "nanoseconds": statistics.median(cycles) * 1e9 / measured.rate, "stable": len(stable), "points": len(own)}
    return {"schema": SCHEMA, **provenance, "hz": measured.rate, "workloads": workloads, "points": found}


def write(path, calibration):
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(calibration, indent=1) + "\n")
    partial.rename(path)


def read(path):
    """The base of a file that write() has written: the workloads with a point that is known well."""
    try:
        text = json.loads(path.read_text())
        if text["schema"] != SCHEMA:
            raise Refusal(f"{path}: schema {text['schema']}, but this harness reads schema {SCHEMA}")
        return Base({name: float(one["cycles"]) for name, one in text["workloads"].items() if one["stable"]}, text["cpu"], str(path))
    except OSError as error:
        raise Refusal(f"{path}: {error.strerror}") from None
    except (ValueError, TypeError, KeyError):
        raise Refusal(f"{path}: not a calibration of harness/run") from None
