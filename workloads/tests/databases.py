"""What the tests of the database programs share."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "guest" / "tests"))

from guest import BUILD  # noqa: E402

BACKENDS = ("none", "pku", "kernel", "syscall", "syscall-kpti", "vmfunc")
NOT_ON = {("qemu", "vmfunc"): "it has no VMX"}

# A call may take 10 ms of the guest's time, and on QEMU that is time on the host, which may be busy with other things.
BUDGET = "budget=1G"

NONE_OVERHEAD_MAX = 1.01  # instructions on backend none, against the direct link


def backends_of(report, engine):
    """The backends that the engine can run; a skip line for each of the others."""
    for (missing, backend), why in NOT_ON.items():
        if missing == engine:
            report.skip(f"{engine}: {backend}", why)
    return [backend for backend in BACKENDS if (engine, backend) not in NOT_ON]


def stage(root, programs, libraries):
    """A root file system with these programs and protected libraries."""
    (root / "bin").mkdir(parents=True)
    (root / "tmp").mkdir()
    (root / "lib" / "portcullis").mkdir(parents=True)
    for program in programs:
        shutil.copy(BUILD / "programs" / program, root / "bin" / program)
    for library in libraries:
        shutil.copy(BUILD / "images" / f"{library}.image", root / "lib" / "portcullis")


def values(records, line, metric):
    """By phase."""
    return {record["args"]["case"]: record["value"] for record in records
            if record["line"] == line and record["metric"] == metric}


def native_digests(program, arguments):
    """Runs a program on the host, with the distribution's own databases; its digests by phase."""
    with tempfile.TemporaryDirectory(prefix="portcullis-native-") as folder:
        done = subprocess.run([BUILD / "tests" / "workloads" / f"{program}_native", *arguments.split()], text=True,
                              capture_output=True, env={**os.environ, "TMPDIR": folder})
    return {phase: int(digest, 16)
            for phase, digest in re.findall(r"^(\S+) .*, digest ([0-9a-f]+)$", done.stdout, re.MULTILINE)}


def instructions(records, line):
    """Of one operation, by phase: in the library and outside."""
    inside, outside = values(records, line, "operation"), values(records, line, "application")
    return {phase: inside[phase] + outside[phase] for phase in inside}


def check_none(report, name, none, direct):
    """Both: instructions of one operation, by phase."""
    for phase, count in direct.items():
        seen = none.get(phase)
        report.check(f"{name}: {phase}: none takes at most 1 % more instructions than the direct link",
                     seen is not None and seen <= count * NONE_OVERHEAD_MAX, f"{seen} against {count}")


def check_refused(report, engine, result, program, refused):
    """Rows: arguments, exit status, what standard error says; plan lines refused0 and so on."""
    for number, (arguments, status, sentence) in enumerate(refused):
        report.equal(f"{engine}: {program} {arguments} ends with status {status}",
                     result.outcome(f"refused{number}").get("status"), status)
        report.check(f"{engine}: {program} {arguments} says why",
                     re.search(rf"^{re.escape(sentence)}$", result.console, re.MULTILINE), lambda: result.console[-300:])
