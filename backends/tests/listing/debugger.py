"""What the CPU executes in one entrance, by the debugger of Bochs.

The launcher starts the first bochs-bin in PATH. While a plan is traced that is a script, which puts commands for the debugger
in front of the launcher's own and starts the real one; what the debugger prints arrives on the guest's console.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

TOP = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(TOP / "guest" / "tests"))

from guest import BUILD, Unavailable, run_plan  # noqa: E402

STEPS = 200  # instructions that are traced, from the CALL on: more than any entrance has

# The launcher's arguments are: -q -f SETTINGS -rc COMMANDS.
SCRIPT = """#!/bin/sh
sed '/^c$/e cat {folder}/first' "$5" > {folder}/commands
exec {bochs} "$1" "$2" "$3" "$4" {folder}/commands
"""

# (0).[TICK] [PHYSICAL] SELECTOR:ADDRESS (SYMBOL): INSTRUCTION ; BYTES
LINE = re.compile(r"^\(0\)\.\[\d+\] \[0x[0-9a-f]+\] [0-9a-f]{4}:([0-9a-f]{16}) \(.*?\): (.+?) *; [0-9a-f]+$")
STOP = "(0) Breakpoint 1, "


class Instruction:
    def __init__(self, address, text):
        self.address = address
        self.text = text
        self.mnemonic = text.split()[0]


def symbols(program):
    """Addresses by name."""
    lines = subprocess.run(["nm", program], stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()
    return {words[2]: int(words[0], 16) for words in map(str.split, lines) if len(words) == 3}


def trace(plan, root):
    """Runs the plan, whose every line starts the program `entrance`: the Result, and for each line the Instructions of its entrance,
    [] where it did not come to an end."""
    bochs = shutil.which("bochs-bin") or shutil.which("bochs")
    if not bochs:
        raise Unavailable("bochs-bin is not in PATH (package bochs)")
    names = symbols(BUILD / "programs" / "entrance")
    with tempfile.TemporaryDirectory(prefix="portcullis-trace-") as folder:
        script = Path(folder, "bochs-bin")
        script.write_text(SCRIPT.format(folder=folder, bochs=bochs))
        script.chmod(0o755)
        Path(folder, "first").write_text(f"lb {names['entrance_call']:#x}\n" +
                                         f"c\ntrace on\ns {STEPS}\ntrace off\n" * len(plan.splitlines()))
        path = os.environ["PATH"]
        os.environ["PATH"] = f"{folder}:{path}"
        try:
            result = run_plan("bochs", plan, root)
        finally:
            os.environ["PATH"] = path
    return result, [entrance(part, names["entrance_return"]) for part in result.console.split(STOP)[1:]]


def entrance(text, end):
    """The instructions in a part of the console, up to the address `end`."""
    found = []
    for match in filter(None, map(LINE.match, text.splitlines())):
        if int(match[1], 16) == end:
            return found
        found.append(Instruction(int(match[1], 16), match[2]))
    return []
