"""Records: JSON Lines of one schema, checked when they are read."""

import csv
import json

from . import Refusal

SCHEMA = 1
REQUIRED = ("schema", "workload", "backend", "metric", "unit", "value", "n", "kind", "engine", "cpu", "commit", "line")


def read(path):
    """All records of a file; a line that is none, or is of another schema, is refused with its place."""
    records = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        try:
            record = json.loads(line)
        except json.JSONDecodeError as error:
            raise Refusal(f"{path}:{number}: not a record: {error}") from None
        if record.get("schema") != SCHEMA:
            raise Refusal(f"{path}:{number}: schema {record.get('schema')}, but this harness reads schema {SCHEMA}")
        missing = [key for key in REQUIRED if key not in record]
        if missing:
            raise Refusal(f"{path}:{number}: the record has no {missing[0]!r}")
        records.append(record)
    return records


COLUMNS = ("experiment", "backend", "settings", "case", "argument", "metric", "kind", "unit", "median", "low", "high", "n")


def write_csv(path, rows):
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
