#!/usr/bin/env python3
"""`portcullis run` with engine kvm or native inside the rig, with the options that guest.run_plan() uses.

The launcher that runs there is linked statically: $BUILD/host/tests/portcullis. A rig that cannot be had here is an engine that does
not work: exit status 3.
"""

import argparse
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
BUILD = HERE.parents[2] / os.environ.get("BUILD", "build")
OUTPUTS = ("records", "summary", "console")
START_SECONDS = 20  # of wall time, for the rig itself

STATUS_USAGE = 2
STATUS_NO_ENGINE = 3  # of the launcher: host/status.h
STATUS_NO_RIG = 126


def parse():
    parser = argparse.ArgumentParser(description="runs a plan in the rig")
    parser.add_argument("command", choices=["run"])
    parser.add_argument("--engine", choices=["kvm", "native"], default="kvm")
    parser.add_argument("--plan", required=True)
    parser.add_argument("--root", required=True)
    parser.add_argument("--kernel", default=BUILD / "guest" / "kernel.bin", type=Path)
    parser.add_argument("--memory", default="64")
    parser.add_argument("--timeout", default=120, type=int)
    parser.add_argument("--option", action="append", default=[])
    parser.add_argument("--counters")
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("--ordinary", action="store_true", help="as an ordinary user, where perf_event_paranoid is 3")
    for name in OUTPUTS:
        parser.add_argument(f"--{name}")
    return parser.parse_args()


def pack(root, archive):
    names = subprocess.run(["find", "."], cwd=root, capture_output=True, check=True).stdout
    done = subprocess.run(["cpio", "--create", "--format=newc", "--quiet"], cwd=root, input=names, capture_output=True,
                          check=True)
    archive.write_bytes(done.stdout)


def stage(arguments, folder):
    """The files that the rig gets."""
    (folder / "guest").mkdir()
    shutil.copy(BUILD / "host" / "tests" / "portcullis", folder / "portcullis")
    shutil.copy(BUILD / "portcullis-native", folder / "portcullis-native")
    shutil.copy(arguments.kernel, folder / "guest" / "kernel.bin")
    shutil.copy(arguments.kernel.with_suffix(".elf"), folder / "guest" / "kernel.elf")
    shutil.copy(BUILD / "guest" / "rom.bin", folder / "guest" / "rom.bin")
    shutil.copy(arguments.plan, folder / "plan")
    pack(arguments.root, folder / "root.cpio")


def command(arguments):
    """What the rig executes: the run, then its outputs as an archive on standard output."""
    words = ["./portcullis", "run", "--engine", arguments.engine, "--plan", "plan", "--root", "root.cpio", "--memory", arguments.memory,
             "--timeout", str(arguments.timeout)]
    for name in OUTPUTS:
        words += [f"--{name}", name]
    if arguments.counters:
        words += ["--counters", arguments.counters]
    for option in arguments.option:
        words += ["--option", option]
    if arguments.verbose:
        words.append("--verbose")
    files = "\\n".join(OUTPUTS)
    run = shlex.join(words)
    if arguments.ordinary:
        run = (f"mkdir -p /etc; echo 'nobody:x:65534:65534:nobody:/:/bin/sh' >/etc/passwd; chmod 777 .; "
               f"echo 3 >/proc/sys/kernel/perf_event_paranoid; su -s /bin/sh nobody -c {shlex.quote(run)}")
    # Linux turns its huge pages off on a machine as small as this one.
    huge_pages = "echo madvise >/sys/kernel/mm/transparent_hugepage/enabled"
    tracepoints = "mount -t tracefs t /sys/kernel/tracing"
    return f"{huge_pages}; {tracepoints}; {{ {run}; }} >output; status=$?; printf '{files}\\noutput\\n' | cpio -o -H newc 2>/dev/null; exit $status"


def fetch(arguments, archive, folder):
    subprocess.run(["cpio", "--extract", "--quiet"], cwd=folder, input=archive, check=True)
    for name in OUTPUTS:
        if getattr(arguments, name):
            shutil.copy(folder / name, getattr(arguments, name))
    sys.stdout.write((folder / "output").read_text(errors="replace"))


def main():
    arguments = parse()
    with tempfile.TemporaryDirectory(prefix="portcullis-rig-") as name:
        folder = Path(name)
        (folder / "in").mkdir()
        (folder / "out").mkdir()
        stage(arguments, folder / "in")
        files = sorted((folder / "in").iterdir())
        done = subprocess.run([HERE / "rig", "-t", str(arguments.timeout + START_SECONDS), *files, "--", command(arguments)],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        if done.returncode == STATUS_NO_RIG:
            return STATUS_NO_ENGINE
        if done.stdout:
            fetch(arguments, done.stdout, folder / "out")
        return done.returncode


if __name__ == "__main__":
    sys.exit(main())
