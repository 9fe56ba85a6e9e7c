"""The attacks of the threat list on the native platform: which are closed on which backend, and why the others are open.

The programs are those of ../attacks, whose table says what each case is, and this folder's own: siege (memory and system calls,
for all backends) and raid (keys). `threats.py --table` prints the table of backends/native/THREATS.md.
"""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "attacks"))

from table import ATTACKS  # noqa: E402

PROGRAMS = ("memory", "mapping", "deputy", "frame", "state", "process", "interface", "leak")
BACKENDS = ("pages", "process", "pku")

# Cases of ../attacks that are left out here, and why.
LEFT_OUT = {
    ("deputy", "load-ptrace"): "it stops itself for good where it may",
    ("deputy", "load-socket"): "a socket pair, which Linux has, is no attack",
    ("leak", "interrupted-registers"): "in an emulator its timer is faster than Linux handles signals",
    ("interface", "index-wide"): "for a gate that takes 64 bits",
    ("mapping", "low-memory"): "no gate here relies on low memory",
}

# Those that succeed: by (backend, program, case). The rest must fail.
UNCHECKED = "the library believes its argument, as on every backend"
SCRUB = "scrub level none leaves it"
NO_SCRUB = "the gate clears no registers"
OPEN = {
    **{(backend, "interface", case): UNCHECKED for backend in ("pages", "pku")
       for case in ("read-own-unchecked", "write-own-unchecked", "changed-unchecked")},
    **{("pku", "leak", case): SCRUB for case in ("general", "vector", "x87", "nested")},
    **{("pku", "state", case): SCRUB for case in ("mxcsr", "x87-control", "x87-stack")},
    **{("pages", "leak", case): NO_SCRUB for case in ("vector", "x87", "nested")},
    **{("pages", "state", case): NO_SCRUB for case in ("mxcsr", "x87-control", "x87-stack")},
    **{("pages", program, case): "rights of pages are the process's, and a thread is inside" for program, case in (
        ("memory", "store-stack"), ("process", "thread"), ("process", "vforked"), ("leak", "preempted"))},
}
UNSTEADY = (("pages", "leak", "preempted"),)  # whether it succeeds depends on the moment
# At these scrub levels pku closes what it leaves open at `none`; pages knows no levels.
for _row in ATTACKS:
    if ("pages", _row.program, _row.case) in OPEN and _row.scrub != "none":
        OPEN[("pages", _row.program, f"{_row.case} at scrub {_row.scrub}")] = NO_SCRUB

# raid: (case, item of the threat list, the defence without which it succeeds, what is seen).
KILLED, REFUSED = "killed", "refused"
RAID = (
    *((case, "2", "watch", KILLED) for case in (
        "aligned", "unaligned", "immediate", "prefixed", "two-pages", "two-pages-backwards", "rewritten", "later-thread", "resume-flag")),
    ("forked", "2", "watch", REFUSED),
    *((case, "2", "watch", REFUSED) for case in ("many", "beside-thread")),
    *((case, "2", None, REFUSED) for case in ("moved", "file-twice", "shared-memory", "writable")),
    ("xrstor", "3", "watch", KILLED),
    ("gate-exit", "4", "rights-check", KILLED),
    ("gate-entry", "4", None, KILLED),
    ("signal-entry", "4", None, KILLED),
    ("runtime-call", "4", None, REFUSED),
    ("library-call", "8", None, REFUSED),
    ("rseq", "6", "filter", REFUSED),
    ("keys", "9", "filter", REFUSED),
    ("filter", "8", "filter", REFUSED),
    ("dispatch", "8", "filter", REFUSED),
    ("frame", "10", "sigreturn", REFUSED),
    ("handler", "18", "defer", REFUSED),
    ("index", "14", "index-check", KILLED),
    ("beside", "1", None, REFUSED),
)
# These prove nothing on `none`, which has no gate and no filter of that kind, or refuses them as well.
RAID_NOT_ON_NONE = ("moved", "gate-exit", "gate-entry", "signal-entry", "runtime-call", "library-call", "filter", "index")

ITEMS = {
    "1": "loads and stores", "2": "stray WRPKRU", "3": "XRSTOR", "4": "jumps into gates and into the runtime",
    "6": "interrupted and preempted entrances", "7": "forged processor state", "8": "the kernel as a deputy", "9": "mappings and keys",
    "10": "signal frames", "11": "ways of 32-bit programs", "12": "new threads, processes and programs",
    "13": "what the kernel writes when a thread ends", "14": "entry indices", "15": "pointers", "16": "recursion",
    "17": "what is left in registers", "18": "re-entry by a handler",
}


def rows():
    """The rows of ../attacks that are tried here."""
    return [row for row in ATTACKS if row.program in PROGRAMS and (row.program, row.case) not in LEFT_OUT]


def name(row):
    return row.case + (f" at scrub {row.scrub}" if row.scrub != "none" else "")


def is_open(backend, row):
    """Why the attack succeeds, None: it must not."""
    return OPEN.get((backend, row.program, name(row)))


def cell(backend, item):
    """What the table says of a backend at an item."""
    mine = [row for row in rows() if row.item == item]
    raided = [case for case, at, _, _ in RAID if at == item] if backend == "pku" else []
    count = len(mine) + len(raided)
    if not count:
        return ""
    reasons = {}
    for row in mine:
        if is_open(backend, row):
            reasons.setdefault(is_open(backend, row), []).append(f"{row.program} {name(row)}")
    closed = count - sum(map(len, reasons.values()))
    text = [f"{closed} closed"] if closed else []
    text += [f"open: {', '.join(cases)} ({why})" for why, cases in reasons.items()]
    return "; ".join(text)


def markdown():
    lines = ["| item | attacks | `pages` | `process` | `pku` | `pku` without |", "|---|---|---|---|---|---|"]
    for item, what in ITEMS.items():
        weaken = sorted({defence for _, at, defence, _ in RAID if at == item and defence})
        lines.append(f"| {item} | {what} | " + " | ".join(cell(backend, item) for backend in BACKENDS)
                     + " | " + ", ".join(f"`{defence}`" for defence in weaken) + " |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    if sys.argv[1:] != ["--table"]:
        sys.exit("usage: threats.py --table")
    print(markdown(), end="")
