"""Counts of a time-stamp counter become nanoseconds, by the rate that the records of the same campaign tell."""

import statistics

COUNTS, NANOSECONDS = "tsc", "ns"
RATE = "tsc_rate"  # the metric of records that say how fast it counts, in Hz


def rate_of(all_records):
    """Hz: the median of what the boots found; None where none of them says."""
    rates = [record["value"] for record in all_records if record["metric"] == RATE]
    return statistics.median(rates) if rates else None


def name_of(rate):
    return f"TSC of {rate / 1e9:.4g} GHz"


def in_nanoseconds(all_records, rate):
    """The records but those of the rate, each count of the TSC as nanoseconds with the name of the rate as its profile."""
    for record in (record for record in all_records if not rate or record["metric"] != RATE):
        yield converted(record, 1e9 / rate) | {"profile": name_of(rate)} if rate and record["unit"] == COUNTS else record


def converted(record, factor):
    changed = {**record, "unit": NANOSECONDS}
    if isinstance(record["value"], dict):
        histogram = record["value"]
        changed["value"] = {**histogram, **{key: histogram[key] * factor for key in ("sum", "min", "max")},
                            "buckets": [[value * factor, count] for value, count in histogram["buckets"]]}
    else:
        changed["value"] = record["value"] * factor
    changed.update({key: record[key] * factor for key in ("min", "max") if key in record})
    return changed
