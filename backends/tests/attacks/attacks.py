#!/usr/bin/env python3
"""Attacks on a protected library: attacks.py [--table | PROGRAM...]

Each row of ATTACKS (table.py) is a case of a program (attack.h). It is run on each backend, where its outcome must be the stated
one and the library must still work, and once more with the defence switched off that stops it (kernel option weaken=NAME): then it
must succeed, or the test would prove nothing. PROGRAMs confine the run to their rows; --table prints the table of README.md.
"""

import re
import shutil
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[2] / "guest" / "tests"))

from guest import BUILD, on_engines, run_plan  # noqa: E402
from table import ATTACKS, BACKENDS, FOUND, markdown  # noqa: E402

LIMIT_TICKS = {"bochs": "20G", "qemu": "200G", "kvm": "200G"}  # of one run; on QEMU a tick is a moment of time
TIMEOUT = 240  # seconds of one boot
UNABLE = {("qemu", "vmfunc"): "no VMX there"}


class Batch:
    """The rows of one program that one run tries, and what became of them."""

    def __init__(self, number, backend, rows):
        self.number, self.backend, self.rows = number, backend, rows

    def lines(self, engine):
        """Of the plan: a line that marks this run's part of the console, and the run."""
        row = self.rows[0]
        names = " ".join(each.case for each in self.rows)
        words = f"--each {names}" if row.alone is None else row.alone
        return (f"mark{self.number} -- /bin/marker {self.number}\n"
                f"run{self.number} backend={self.backend} scrub={row.scrub} ticks={LIMIT_TICKS[engine]} -- /bin/{row.program} {words}\n")

    def part(self, console):
        return console.partition(f"marker: {self.number}\n")[2].partition("marker: ")[0]

    def judge(self, result, outcome_of):
        """(row, what is wrong or None) for each row."""
        console, run = self.part(result.console), result.outcome(f"run{self.number}")
        for row in self.rows:
            expected = outcome_of(row, self.backend)
            if row.alone is not None:
                yield row, expected.judge(run, console) if run else result.explain()
            else:
                yield row, judge_case(row.case, console, expected) or None


def judge_case(case, console, expected):
    """What is wrong with one case of a run with --each, by its part of the console."""
    said = console.partition(f"attack: {case}\n")[2].partition("attack: ")[0]
    ended = re.search(rf"^outcome: {case} (exited|signal) (\d+)$", said, re.M)
    if not ended:
        return f"it did not end: {tail(said or console)}"
    outcome = {"reason": ended[1], "status" if ended[1] == "exited" else "signal": int(ended[2])}
    wrong = expected.judge(outcome, said)
    if wrong:
        return f"{wrong}: {tail(said)}"
    if expected is not FOUND and f"vault: {case} works\n" not in said:
        return f"the library does not work any more: {tail(said)}"
    return None


def tail(text):
    return " / ".join(text.splitlines()[-5:])


def batches_of(pairs):
    """Rows on one backend that one run can try together."""
    groups = {}
    for row, backend in pairs:
        key = (BACKENDS.index(backend), row.program, row.scrub, row.alone)
        groups.setdefault(key, []).append(row)
    return [Batch(number, BACKENDS[key[0]], rows) for number, (key, rows) in enumerate(sorted(
        groups.items(), key=lambda item: (item[0][0], str(item[0][1:]))))]


def boot(report, engine, root, pairs, outcome_of, title, options=()):
    """Tries (row, backend) pairs in one boot."""
    batches = batches_of(pairs)
    plan = "".join(batch.lines(engine) for batch in batches) + "end -- /bin/marker end\n"
    result = run_plan(engine, plan, root, timeout=TIMEOUT, options=options)
    for batch in batches:
        for row, wrong in batch.judge(result, outcome_of):
            report.check(f"{engine}: {title(row, batch.backend)}", not wrong, f"{wrong}; {result.explain()}" if wrong else "")


def stage(root, programs):
    for folder in ("bin", "tmp", "lib/portcullis"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    for program in programs:
        shutil.copy(BUILD / "programs" / program, root / "bin" / program)
    for image in ("vault", "clerk"):
        shutil.copy(BUILD / "images" / f"{image}.image", root / "lib" / "portcullis" / f"{image}.image")


def able(report, engine, pairs):
    """The pairs that the engine can try."""
    for row, backend in pairs:
        why = UNABLE.get((engine, backend)) or row.unable.get(engine)
        if why:
            report.skip(f"{engine}: {row.title} on {backend}", why)
        else:
            yield row, backend


def test(report, engine, root):
    rows = [row for row in ATTACKS if not sys.argv[1:] or row.program in sys.argv[1:]]
    stage(root, {row.program for row in rows} | {"marker"})
    pairs = able(report, engine, [(row, backend) for row in rows for backend in row.outcomes])
    boot(report, engine, root, list(pairs), lambda row, backend: row.outcomes[backend],
         lambda row, backend: f"{row.title} on {backend}")
    for weaken in sorted({row.weaken for row in rows if row.weaken}):
        pairs = able(report, engine, [(row, backend) for row in rows if row.weaken == weaken
                                      for backend in row.weakened_on(engine)])
        boot(report, engine, root, list(pairs), lambda row, backend: FOUND,
             lambda row, backend, name=weaken: f"{row.title} succeeds on {backend} without {name}",
             options=(f"weaken={weaken}",))


def check_table(report):
    """README.md shows the table as it is."""
    report.check("README.md holds the table of table.py", markdown() in (HERE / "README.md").read_text(),
                 "replace it by what attacks.py --table prints")


def main():
    words = sys.argv[1:]
    if words == ["--table"]:
        print(markdown(), end="")
        return
    unknown = set(words) - {row.program for row in ATTACKS}
    if unknown:
        sys.exit(f"attacks.py: no program {min(unknown)} in the table")
    on_engines(test, before=check_table if not words else None)


if __name__ == "__main__":
    main()
