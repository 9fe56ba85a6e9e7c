"""The tables of a backend's README that say what an entrance costs.

    | scrub | `NAME` | ... | `VARIANT` | ... |         totals of an entrance, and what a nested call adds
    | at `none` | instructions | for |                 in the order in which they are executed
    | `general` adds | instructions | for |            beyond `none`; a count of -1 takes one away
    | `vector` adds | instructions | for |             beyond `general`
    | `VARIANT` adds | instructions | for |            beyond the first backend, at every level

A row of the others holds a count, and instructions between backquotes; `8 × ` in front of one repeats it.
"""

import re
from collections import Counter, namedtuple

SCRUBS = ("none", "general", "vector")

Row = namedtuple("Row", "count mnemonics")
Totals = namedtuple("Totals", "entrance nested")


class Readme:
    def __init__(self, path):
        self.totals = {}  # {backend: {scrub: Totals}}, the first backend is the one of the listing
        self.listings = {}  # {first cell of the header without backquotes: [Row]}
        for header, *rows in tables(path.read_text()):
            if header[0] == "scrub":
                for column in range(1, len(header), 2):
                    self.totals[plain(header[column])] = {
                        plain(row[0]): Totals(int(row[column]), int(row[column + 1])) for row in rows}
            elif header[1:2] == ["instructions"]:
                self.listings[plain(header[0])] = [Row(int(row[0]), mnemonics(row[1])) for row in rows]

    def parts(self, backend, scrub):
        """The listings that make up an entrance."""
        names = ["at none"] + [f"{level} adds" for level in SCRUBS[1:SCRUBS.index(scrub) + 1]]
        if backend != next(iter(self.totals)):
            names.append(f"{backend} adds")
        return [row for name in names for row in self.listings.get(name, [])]

    def total(self, backend, scrub):
        return sum(row.count for row in self.parts(backend, scrub))

    def executed(self, backend, scrub):
        """How often each mnemonic is executed."""
        counts = Counter()
        for row in self.parts(backend, scrub):
            for mnemonic in row.mnemonics:
                counts[mnemonic] += 1 if row.count > 0 else -1
        return +counts


def tables(text):
    """Lists of rows, each a list of cells, without the line of dashes."""
    for part in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in part.splitlines()]
        yield rows[:1] + rows[2:]


def plain(cell):
    return cell.replace("`", "")


def mnemonics(cell):
    found = []
    for times, mnemonic in re.findall(r"(?:(\d+) × )?`(\w+)[^`]*`", cell):
        found += [mnemonic] * int(times or 1)
    return found
