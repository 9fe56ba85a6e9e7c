#!/usr/bin/env python3
"""The events of one entrance, as backends/*/backend.toml states them, are those of an executed gate.

Bochs's debugger traces every instruction of an empty entrance; a stand-in for bochs-bin in PATH adds the commands for it and
takes the trace out of what the launcher sees. Counted: WRPKRU, VMFUNC, SYSCALL, writes of CR3, and all instructions, which must be
as many as the record of the same run says.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent.parent
BUILD = TOP / os.environ.get("BUILD", "build")
sys.path.insert(0, str(TOP / "harness"))
sys.dont_write_bytecode = True

from campaign import backends  # noqa: E402

SAMPLES = 3
STEPS = 250  # more than any entrance has instructions
PATTERNS = {"wrpkru": r"\bwrpkru\b", "vmfunc": r"\bvmfunc\b", "syscall": r"\bsyscall\b", "cr3_write": r"\bmov cr3,"}
failures = 0

# Runs Bochs with more debugger commands; lines of the debugger up to the end of the trace go to the file TRACE.
STAND_IN = """#!/usr/bin/env python3
import os, subprocess, sys, tempfile
arguments = sys.argv[1:]
place = arguments.index("-rc") + 1
commands = open(arguments[place]).read()
mark = commands.split("\\n")[0]
trace = ["lb 0x%s" % os.environ["TRACE_ADDRESS"], mark] + ["c"] * int(os.environ["TRACE_HITS"])
trace += ["trace on", "s %s" % os.environ["TRACE_STEPS"], "trace off", "? 0x7ace", "bpd 1"]
with tempfile.NamedTemporaryFile("w", suffix=".rc") as file:
    file.write("\\n".join(trace) + commands[len(mark):])
    file.flush()
    arguments[place] = file.name
    real = subprocess.Popen([os.environ["TRACE_BOCHS"], *arguments], stdout=subprocess.PIPE, close_fds=False)
    tracing = True
    with open(os.environ["TRACE_FILE"], "wb") as kept:
        for line in real.stdout:
            debugger = line.startswith((b"(0)", b"Next at t=", b"<bochs", b"Enabled", b"Disabled")) or b"tracing" in line.lower()
            if tracing and b"0x0000000000007ace" in line:
                tracing = False
            elif tracing and debugger:
                kept.write(line)
            else:
                sys.stdout.buffer.write(line)
                sys.stdout.buffer.flush()
    sys.exit(real.wait())
"""


def check(name, good, why=""):
    global failures
    failures += not good
    print(f"ok {name}" if good else f"not ok {name}: {why}", flush=True)


def address_of(program, symbol):
    done = subprocess.run(["nm", program], stdout=subprocess.PIPE, text=True, check=True)
    return next(line.split()[0] for line in done.stdout.splitlines() if line.split()[-1] == symbol)


def stage(folder):
    root = folder / "root"
    (root / "lib" / "portcullis").mkdir(parents=True)
    (root / "bin").mkdir()
    shutil.copy(BUILD / "programs" / "crossing", root / "bin")
    for image in ("empty", "twin", "outer"):
        shutil.copy(BUILD / "images" / f"{image}.image", root / "lib" / "portcullis")
    stand_in = folder / "bin" / "bochs-bin"
    stand_in.parent.mkdir()
    stand_in.write_text(STAND_IN)
    stand_in.chmod(0o755)
    return root


def trace(folder, root, backend, bochs):
    """The traced instructions of one entrance, from the stub to its return, and the instructions that the record counts."""
    plan, records, trace_file = folder / "plan", folder / "records.jsonl", folder / "trace"
    plan.write_text(f"one backend={backend} -- /bin/crossing --samples {SAMPLES}\n")
    environment = dict(os.environ, PATH=f"{folder / 'bin'}:{os.environ['PATH']}", TRACE_BOCHS=bochs, TRACE_HITS=str(SAMPLES),
                       TRACE_ADDRESS=address_of(BUILD / "programs" / "crossing", "empty_0"), TRACE_STEPS=str(STEPS),
                       TRACE_FILE=str(trace_file))
    done = subprocess.run([BUILD / "portcullis", "run", "--engine", "bochs", "--plan", plan, "--root", root, "--records", records,
                           "--timeout", "60", "--quiet"], env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"portcullis ended with status {done.returncode}: {done.stdout.strip()[-300:]}")
    counted = next(record["value"] for record in map(json.loads, records.read_text().splitlines())
                   if record["metric"] == "entrance" and record["args"]["case"] == "empty")
    lines = [line for line in trace_file.read_text(errors="replace").splitlines() if re.match(r"\(0\)\.\[", line)]
    return lines, counted


def entrance(lines, program):
    """Lines from the stub on, as long as the program itself is not executing again."""
    found = []
    for line in lines:
        address = int(re.search(r"\b[0-9a-f]{4}:([0-9a-f]{16})", line)[1], 16)
        inside_program = program <= address < program + 0x100000
        if found and inside_program:
            return found
        if found or inside_program:
            found.append(line)
    return []


def main():
    bochs = shutil.which("bochs-bin") or shutil.which("bochs")
    if not bochs:
        print("skip costs: bochs-bin is not in PATH")
        return
    with tempfile.TemporaryDirectory(prefix="portcullis-costs-") as scratch:
        folder = Path(scratch)
        root = stage(folder)
        start = int(address_of(BUILD / "programs" / "crossing", "empty_0"), 16) & ~0xfffff
        known = backends.load(TOP / "backends")
        for backend in map(known.get, backends.choose([], known, "bochs")):
            try:
                lines, counted = trace(folder, root, backend.name, bochs)
            except (RuntimeError, StopIteration) as error:
                check(f"{backend.name}: an entrance is traced", False, error)
                continue
            executed = entrance(lines, start)
            events = {name: sum(bool(re.search(pattern, line)) for line in executed) for name, pattern in PATTERNS.items()}
            events = {name: count for name, count in events.items() if count}
            check(f"{backend.name}: events of an entrance are those of backend.toml", executed and events == backend.events,
                  f"executed {events} in {len(executed)} instructions, stated {backend.events}")
            check(f"{backend.name}: the trace has as many instructions as the record counts", len(executed) + 1 == counted,
                  f"{len(executed)} and the CALL, {counted} counted")


main()
sys.exit(failures > 0)
