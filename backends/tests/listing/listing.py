#!/usr/bin/env python3
"""What each backend's README says of an entrance, against what the CPU executes, instruction by instruction."""

import shutil
from collections import Counter

import debugger
from debugger import BUILD, TOP
from readme import SCRUBS, Readme

from guest import on_engines, run_plan

# Instructions of an entrance at most, by scrub; on `none`: a direct call, which is CALL and RET, and one more.
MOST = {
    "none": {"none": 3, "general": 3, "vector": 3},
    "pku": {"none": 36, "general": 52},
    "kernel": {"none": 60},
    "syscall": {"none": 110},
}

# Names of one and the same instruction.
SYNONYMS = {"jz": "je", "jnz": "jne", "jnb": "jae"}


def stage(root):
    for folder in ("bin", "tmp", "lib/portcullis"):
        (root / folder).mkdir(parents=True)
    for program in ("entrance", "crossing"):
        shutil.copy(BUILD / "programs" / program, root / "bin" / program)
    for image in ("empty", "twin", "outer"):
        shutil.copy(BUILD / "images" / f"{image}.image", root / "lib" / "portcullis" / f"{image}.image")


def names(mnemonics):
    return [SYNONYMS.get(mnemonic, mnemonic) for mnemonic in mnemonics]


def difference(seen, expected):
    """Where two lists of names part."""
    for number, (a, b) in enumerate(zip(seen, expected), 1):
        if a != b:
            return f"number {number} is {a}, not {b}"
    return f"{len(seen)} instructions, not {len(expected)}"


def repeated(instructions):
    """An instruction that is executed twice by the same piece of straight code: a loop. None: there is none."""
    seen = set()
    for instruction in instructions:
        if instruction.mnemonic == "syscall":
            seen.clear()  # the kernel's entry may come again
        elif instruction.address in seen:
            return instruction
        seen.add(instruction.address)
    return None


def locked(instructions):
    return [str(one) for one in instructions if one.text.startswith("lock") or (one.mnemonic == "xchg" and "ptr" in one.text)]


def check_arithmetic(report, backend, readme):
    rows = [row for listing in readme.listings.values() for row in listing]
    report.equal(f"{backend}: README: each row's count is that of its instructions",
                 [len(row.mnemonics) for row in rows], [abs(row.count) for row in rows])
    for scrub in SCRUBS:
        report.equal(f"{backend}: README: the rows add up to the total at scrub {scrub}", readme.total(backend, scrub),
                     readme.totals[backend][scrub].entrance)


def check_trace(report, backend, readme, scrub, instructions):
    executed = names(instruction.mnemonic for instruction in instructions)
    stated = readme.totals[backend][scrub].entrance
    report.equal(f"{backend}: an entrance at scrub {scrub} is as many instructions as the README says", len(instructions), stated)
    most = MOST.get(backend, {}).get(scrub)
    if most:
        report.check(f"{backend}: an entrance at scrub {scrub} is at most {most} instructions", 0 < len(instructions) <= most,
                     len(instructions))
    if scrub == "none" and backend == next(iter(readme.totals)):
        listed = names(mnemonic for row in readme.parts(backend, scrub) for mnemonic in row.mnemonics)
        report.check(f"{backend}: README: the listing at scrub none is what is executed, in its order",
                     executed == listed, lambda: difference(executed, listed))
    seen, expected = Counter(executed), Counter(names(readme.executed(backend, scrub).elements()))
    report.check(f"{backend}: README: the rows at scrub {scrub} name the instructions that are executed", seen == expected,
                 lambda: f"executed besides: {dict(seen - expected)}, not executed: {dict(expected - seen)}")
    report.check(f"{backend}: an entrance at scrub {scrub} has no loop", instructions and not repeated(instructions),
                 lambda: repeated(instructions) or "no trace")
    report.equal(f"{backend}: an entrance at scrub {scrub} has no locked instruction", locked(instructions), [])
    report.equal(f"{backend}: an entrance at scrub {scrub} calls nothing but the library", seen["call"],
                 1 if backend == "none" else 2)


def check_crossing(report, backend, readme, result):
    """The workload measures what the debugger counts."""
    for scrub in SCRUBS:
        values = {record["args"]["case"]: record["value"] for record in result.records
                  if record.get("metric") == "entrance" and record.get("line") == f"{backend}-{scrub}"}
        stated = readme.totals[backend][scrub]
        report.equal(f"{backend}: workload crossing measures the README's counts at scrub {scrub}",
                     (values.get("empty"), values.get("nested")), (stated.entrance, stated.entrance + stated.nested))


def test(report, engine, root):
    stage(root)
    readmes = {}
    for folder in sorted(path.parent for path in (TOP / "backends").glob("*/kernel.c")):
        readme = Readme(folder / "README.md") if (folder / "README.md").exists() else None
        report.check(f"{folder.name}: there is a README that says what an entrance costs", readme and readme.totals,
                     "no README, or no table of totals")
        if readme:
            readmes.update(dict.fromkeys(readme.totals, readme))
    runs = [(backend, scrub) for backend in readmes for scrub in SCRUBS]
    _, traces = debugger.trace("".join(f"{backend}-{scrub} backend={backend} scrub={scrub} -- /bin/entrance\n"
                                    for backend, scrub in runs), root)
    report.equal("every entrance was traced", len(traces), len(runs))
    measured = run_plan(engine, "".join(f"{backend}-{scrub} backend={backend} scrub={scrub} -- /bin/crossing --samples 5\n"
                                        for backend, scrub in runs), root)
    for backend, readme in readmes.items():
        check_arithmetic(report, backend, readme)
        for (name, scrub), instructions in zip(runs, traces):
            if name == backend:
                check_trace(report, backend, readme, scrub, instructions)
        check_crossing(report, backend, readme, measured)


if __name__ == "__main__":
    on_engines(test, engines=("bochs",))
