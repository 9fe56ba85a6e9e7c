#!/usr/bin/env python3
"""Attacks on a protected library: attacks.py [PROGRAM...]

Each row of ATTACKS is a program and a case (attack.h). It is run on each backend, where its outcome must be the stated one, and
once more with the defence switched off that stops it (kernel option weaken=NAME): then it must come to the secret, or the test
would prove nothing. PROGRAMs confine the run to their rows.
"""

import shutil
import sys
from collections import namedtuple
from pathlib import Path

TOP = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(TOP / "guest" / "tests"))

from guest import BUILD, on_engines, run_plan  # noqa: E402

BACKENDS = ("none", "kernel", "syscall", "pku")
LIMIT_TICKS = {"bochs": "2G", "qemu": "60G"}  # of one run; on QEMU a tick is a moment of time
SIGSEGV, SIGKILL = 11, 9

# ---- outcomes: functions of a run's outcome (guest/plan/run.h) and its part of the console; None, or what is wrong ----


def found(outcome, console):
    """The attack succeeds."""
    if "secret " not in console:
        return "the secret was not found"
    return None if outcome.get("status") == 0 else f"status {outcome.get('status')}"


def ended(signal, text=""):
    """The kernel ends the program with the signal, and says why."""
    def judge(outcome, console):
        if "secret " in console:
            return "THE SECRET WAS FOUND"
        if outcome.get("reason") != "signal" or outcome.get("signal") != signal:
            return f"it did not die of signal {signal}"
        return None if text in console else f"the console does not say: {text}"
    return judge


def refused(text):
    """The program is told that it cannot have that, or finds that nothing has changed."""
    def judge(outcome, console):
        if "secret " in console:
            return "THE SECRET WAS FOUND"
        if outcome.get("reason") != "exited" or outcome.get("status") != 1:
            return "it did not end by itself"
        return None if f"refused: {text}" in console else f"the program does not say: {text}"
    return judge


def passes(text):
    """No attack: the program must run to its end."""
    def judge(outcome, console):
        if outcome.get("reason") != "exited" or outcome.get("status") != 0:
            return "it did not exit with status 0"
        return None if text in console else f"the program does not say: {text}"
    return judge


# ---- the table --------------------------------------------------------------------------------------------------

# outcomes: by backend; weaken: the defence without which the case succeeds on the backends in `weakened`, None: no such run;
# engines: where the case cannot run, and why.
Row = namedtuple("Row", "program case outcomes weaken weakened unable", defaults=(None, ("pku",), {}))

FAULT = ended(SIGSEGV)
STRAY = ended(SIGKILL, "stray WRPKRU at ")
UNCHANGED = refused("the rights are what they were")

# QEMU 7.2 reads the stack of a user-mode IRETQ with the kernel's rights, so that SMAP forbids it.
NO_IRETQ = {"qemu": "a user-mode IRETQ does not work under SMAP there"}


def stray(case, pku=STRAY, unable=None):
    """A case of stray.c: rights are raised everywhere, but reach a secret only where PKRU guards it."""
    return Row("stray", case, {"none": found, "kernel": FAULT, "syscall": FAULT, "pku": pku}, "watch", unable=unable or {})


ATTACKS = [
    stray("aligned"),
    stray("unaligned"),
    stray("immediate"),
    stray("displacement"),
    stray("prefixed"),
    stray("behind-mov-ss"),
    stray("resume-flag", unable=NO_IRETQ),
    stray("resume-flag-in-frame"),
    stray("trap-flag"),
    stray("library"),
    stray("library-rights"),
    stray("library-behind-mov-ss", ended(SIGKILL, "MOV SS at ")),
    stray("read-first"),
    stray("later"),
    stray("rewritten"),
    stray("two-pages"),
    stray("two-pages-one-later"),
    stray("prefix-in-other-page"),
    stray("end-of-page"),
    stray("file-twice", UNCHANGED),
    stray("file-written", UNCHANGED),
    stray("file-shared", refused("mmap")),
    stray("shared-memory", refused("mprotect")),
    stray("moved"),
    stray("moved-together"),
    stray("many-in-page"),
    stray("many-pages"),
    stray("slept"),
    stray("two-threads"),
    stray("busy-thread"),
    stray("forked"),
    stray("forked-library"),
    stray("executed"),
    Row("harmless", "all", dict.fromkeys(BACKENDS, passes("harmless: all done"))),
]

# ---- running ----------------------------------------------------------------------------------------------------


def stage(root, programs):
    for folder in ("bin", "tmp", "lib/portcullis"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    for program in programs:
        shutil.copy(BUILD / "programs" / program, root / "bin" / program)
    shutil.copy(BUILD / "images" / "vault.image", root / "lib" / "portcullis" / "vault.image")


def plan_of(runs, engine):
    """A line for each (row, backend), with a line in front of it that marks its part of the console."""
    lines = []
    for number, (row, backend) in enumerate(runs):
        lines.append(f"mark{number} -- /bin/marker {number}")
        lines.append(f"run{number} backend={backend} ticks={LIMIT_TICKS[engine]} -- /bin/{row.program} {row.case}")
    return "\n".join(lines + ["end -- /bin/marker end", ""])


def part_of(console, number):
    """What was said between mark `number` and the next."""
    return console.partition(f"marker: {number}\n")[2].partition("marker: ")[0]


def run_rows(report, engine, root, runs, judge_of, title, options=()):
    """Runs (row, backend) pairs in one boot and judges each."""
    result = run_plan(engine, plan_of(runs, engine), root, timeout=240, options=options)
    for number, (row, backend) in enumerate(runs):
        outcome, said = result.outcome(f"run{number}"), part_of(result.console, number)
        wrong = judge_of(row, backend)(outcome, said) if outcome else result.explain()
        report.check(f"{engine}: {title(row, backend)}", not wrong,
                     lambda: f"{wrong}: {outcome} {' / '.join(said.splitlines()[-3:])}")


def test(report, engine, root):
    rows = [row for row in ATTACKS if not sys.argv[1:] or row.program in sys.argv[1:]]
    stage(root, {row.program for row in rows} | {"marker"})
    for row in rows:
        if engine in row.unable:
            report.skip(f"{engine}: {row.program} {row.case}", row.unable[engine])
    rows = [row for row in rows if engine not in row.unable]
    run_rows(report, engine, root, [(row, backend) for row in rows for backend in row.outcomes],
             lambda row, backend: row.outcomes[backend], lambda row, backend: f"{row.program} {row.case} on {backend}")
    for weaken in sorted({row.weaken for row in rows if row.weaken}):
        run_rows(report, engine, root,
                 [(row, backend) for row in rows if row.weaken == weaken for backend in row.weakened],
                 lambda row, backend: found,
                 lambda row, backend: f"{row.program} {row.case} succeeds on {backend} without {weaken}",
                 options=(f"weaken={weaken}",))


if __name__ == "__main__":
    unknown = set(sys.argv[1:]) - {row.program for row in ATTACKS}
    if unknown:
        sys.exit(f"attacks.py: no program {min(unknown)} in the table")
    on_engines(test)
