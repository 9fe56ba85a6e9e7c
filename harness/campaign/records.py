"""Raw records: JSON Lines of one schema, checked when they are read. harness/README.md describes the schema."""

import json

from . import Refusal

SCHEMA = 1
NUMBER = (int, float)
# Members that every record has, and the type of each.
MEMBERS = {"schema": int, "workload": str, "backend": str, "metric": str, "unit": str, "value": (int, float, dict), "n": int,
           "kind": str, "engine": str, "cpu": str, "commit": str, "line": str}
OPTIONAL = {"experiment": str, "run": str, "host": str, "args": dict, "seed": int, "min": NUMBER, "max": NUMBER,
            "subtracted": str, "repetition": int, "profile": str,
            "mode": str}  # mode: of a backend that does less here than it can
HISTOGRAM = {"count": int, "sum": NUMBER, "min": NUMBER, "max": NUMBER, "buckets": list}
KINDS = ("measured", "counted", "modelled", "uncalibrated")


def is_of(value, wanted):
    return isinstance(value, wanted) and not isinstance(value, bool)


def fault_of(record):
    """What is wrong with a record, or an empty text."""
    if not isinstance(record, dict):
        return "not a record, which is a JSON object"
    if record.get("schema") != SCHEMA:
        return f"the record is of schema {record.get('schema')}, but this harness reads schema {SCHEMA}: use the harness of its commit"
    for key, wanted in MEMBERS.items():
        if key not in record:
            return f"the record has no {key!r}"
        if not is_of(record[key], wanted):
            return f"{key} cannot be {record[key]!r}"
    for key, wanted in OPTIONAL.items():
        if key in record and not is_of(record[key], wanted):
            return f"{key} cannot be {record[key]!r}"
    if record["kind"] not in KINDS:
        return f"unknown kind {record['kind']!r}; there are {', '.join(KINDS)}"
    if isinstance(record["value"], dict):
        for key, wanted in HISTOGRAM.items():
            if not is_of(record["value"].get(key), wanted):
                return f"the histogram's {key!r} is missing or no number"
    return ""


def read(path):
    """All records of a file; a line that is none, or is of another schema, is refused with its place."""
    records = []
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise Refusal(f"{path}: {getattr(error, 'strerror', None) or 'not text'}") from None
    for number, line in enumerate(lines, 1):
        try:
            record = json.loads(line)
        except json.JSONDecodeError as error:
            raise Refusal(f"{path}:{number}: not a record: {error}") from None
        fault = fault_of(record)
        if fault:
            raise Refusal(f"{path}:{number}: {fault}")
        records.append(record)
    return records


def write(path, records):
    """Replaces the file: whole, or not at all."""
    partial = path.with_suffix(".partial")
    partial.write_text("".join(json.dumps(record, separators=(",", ":")) + "\n" for record in records))
    partial.rename(path)
