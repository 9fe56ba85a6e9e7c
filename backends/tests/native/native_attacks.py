#!/usr/bin/env python3
"""The attacks of the threat list on the native platform: native_attacks.py [pku]

On `pages` and `process` here; with the argument `pku` on that backend, here if the CPU has keys, else in the rig
(host/tests/rig). Each must end as threats.py says, and the library must still work, or say that it has failed.
"""

import sys
from pathlib import Path

TOP = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(TOP / folder) for folder in ("guest/tests", "backends/tests/attacks")]

import attacks  # noqa: E402
import threats  # noqa: E402
from guest import on_engines, run_plan  # noqa: E402

TABLE = TOP / "backends" / "native" / "THREATS.md"
RIG = TOP / "host" / "tests" / "rig" / "launcher.py"
TICKS = "2G"  # of one run: one that hangs ends before the rest's time is over

# A thread was inside when its process ended: the domain has failed, and says so to all others.
FAILS = " broken: it has failed\n"


def launcher(backend):
    """None: the machine itself."""
    return RIG if backend == "pku" and " pku" not in Path("/proc/cpuinfo").read_text() else None


class Batch(attacks.Batch):
    """As there, on a backend that the table of the guest does not know."""

    def lines(self, _engine):
        names = " ".join(row.case for row in self.rows)
        return (f"mark{self.number} -- /bin/marker {self.number}\nrun{self.number} backend={self.backend} scrub={self.rows[0].scrub} "
                f"ticks={TICKS} -- /bin/{self.rows[0].program} --each {names}\n")


def batches(backend):
    groups = {}
    for row in threats.rows():
        groups.setdefault((row.program, row.scrub), []).append(row)
    return [Batch(number, backend, rows) for number, rows in enumerate(groups.values())]


def judge(backend, row, part):
    """What is wrong, or None."""
    expected_open = threats.is_open(backend, row)
    said = part.partition(f"attack: {row.case}\n")[2].partition("attack: ")[0]
    gained = "secret " in said or "gained: " in said
    if f"outcome: {row.case} " not in said:
        return f"it did not end: {attacks.tail(said or part)}"
    if bool(expected_open) != gained and (backend, row.program, row.case) not in threats.UNSTEADY:
        return "IT SUCCEEDED" if gained else f"it fails now: {attacks.tail(said)}"
    if not gained and f"vault: {row.case} works\n" not in said and FAILS not in said:
        return f"the library neither works nor has failed: {attacks.tail(said)}"
    return None


def try_backend(report, root, backend):
    tried = batches(backend)
    plan = "".join(batch.lines("native") for batch in tried) + "end -- /bin/marker end\n"
    result = run_plan("native", plan, root, timeout=300, launcher=launcher(backend))
    for batch in tried:
        part = batch.part(result.console)
        for row in batch.rows:
            why = threats.is_open(backend, row)
            wrong = judge(backend, row, part)
            report.check(f"{row.program} {threats.name(row)} on {backend}: {'open: ' + why if why else 'closed'}", not wrong,
                         f"{wrong}; {result.explain()}" if wrong else "")


def test(report, _engine, root):
    attacks.stage(root, {row.program for row in threats.rows()} | {"marker"})
    if sys.argv[1:] == ["pku"]:
        try_backend(report, root, "pku")
        return
    try_backend(report, root, "pages")
    try_backend(report, root, "process")
    report.check("the table of backends/native/THREATS.md is that of threats.py", threats.markdown() in TABLE.read_text(),
                 "threats.py --table prints it")


if __name__ == "__main__":
    if sys.argv[1:] not in ([], ["pku"]):
        sys.exit("usage: native_attacks.py [pku]")
    on_engines(test, engines=("native",))
