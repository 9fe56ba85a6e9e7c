"""Runs plans in the guest for tests, and reports in the form that harness/test reads."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
BUILD = TOP / os.environ.get("BUILD", "build")
KERNEL = os.environ.get("KERNEL", "kernel")  # kernel-checked: guest/mm/tlb_model.h
# Other engines, and a launcher that reaches them, by the environment: host/tests/rig/README.md.
ENGINES = tuple(os.environ.get("ENGINES", "bochs qemu").split())
LAUNCHER = TOP / os.environ.get("LAUNCHER", BUILD / "portcullis")

STATUS_NO_ENGINE = 3  # of the launcher: host/status.h


class Unavailable(Exception):
    """The engine does not work here; the text says why."""


class Result:
    """What one boot left: exit status of the launcher, outcomes of the runs by plan line, records, console text."""

    def __init__(self, status, folder, errors):
        self.status = status
        self.errors = errors
        self.runs = read_objects(folder / "summary")
        self.records = read_objects(folder / "records")
        self.console = read_text(folder / "console")

    def outcome(self, name, repetition=0):
        """The outcome of a run (guest/plan/run.h), {} when it never ended."""
        for run in self.runs:
            if run.get("id") == name and run.get("repetition") == repetition:
                return run
        return {}

    def explain(self):
        """One line on how the boot ended, for a failed test."""
        last = (self.errors.strip().splitlines() or self.console.strip().splitlines() or ["no output"])[-1]
        return f"launcher status {self.status}, {len(self.runs)} runs ended: {last}"


def read_text(path):
    return path.read_text(errors="replace") if path.exists() else ""


def read_objects(path):
    return [json.loads(line) for line in read_text(path).splitlines() if line]


def stage(folder, *programs):
    """Makes a root file system with these programs of build/root/bin."""
    (folder / "bin").mkdir(parents=True)
    (folder / "tmp").mkdir()
    for program in programs:
        shutil.copy(BUILD / "root" / "bin" / program, folder / "bin" / program)
    return folder


def run_plan(engine, plan, root, memory=64, timeout=120, limit_ticks=None, options=(), launcher=None, kernel=None, platform=None):
    """Boots the guest with the plan (text), the folder root and these options of the kernel ("key=value")."""
    with tempfile.TemporaryDirectory(prefix="portcullis-test-") as name:
        folder = Path(name)
        (folder / "plan").write_text(plan)
        command = [launcher or LAUNCHER, "run", "--engine", engine, "--memory", str(memory), "--timeout", str(timeout),
                   "--root", root, "--plan", folder / "plan", "--records", folder / "records",
                   "--summary", folder / "summary", "--console", folder / "console",
                   "--kernel", BUILD / "guest" / f"{KERNEL}.bin"]
        for option in options:
            command += ["--option", option]
        if kernel:
            command += ["--kernel", kernel]
        if platform:
            command += ["--platform", platform]
        if limit_ticks:
            command += ["--limit-ticks", str(limit_ticks)]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace")
        if done.returncode == STATUS_NO_ENGINE:
            raise Unavailable((done.stderr.strip().splitlines() or ["no reason given"])[-1])
        return Result(done.returncode, folder, done.stdout + done.stderr)


class Report:
    """Prints results and remembers whether one was bad."""

    def __init__(self):
        self.failures = 0

    def check(self, name, good, why):
        """why: text, or a function that makes it."""
        if good:
            print(f"ok {name}", flush=True)
            return
        self.failures += 1
        why = " ".join(str(why() if callable(why) else why).split())
        print(f"not ok {name}: {why}", flush=True)

    def equal(self, name, seen, expected):
        self.check(name, seen == expected, lambda: f"{seen!r}, not {expected!r}")

    def skip(self, name, why):
        print(f"skip {name}: {why}", flush=True)


def on_engines(test, engines=ENGINES, before=None, after=None):
    """
    Calls before(report) if there is one, test(report, engine, root) for each engine, root a folder that does not exist yet, and
    after(report) if there is one; ends the program.
    """
    report = Report()
    if before:
        before(report)
    for engine in engines:
        with tempfile.TemporaryDirectory(prefix="portcullis-root-") as folder:
            try:
                test(report, engine, Path(folder) / "root")
            except Unavailable as unavailable:
                report.skip(engine, unavailable)
    if after:
        after(report)
    sys.exit(1 if report.failures else 0)
