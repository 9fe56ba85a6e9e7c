"""A folder in which a test runs the launcher, and what it checks there."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import machine_code

TOP = Path(__file__).resolve().parents[2]
BUILD = TOP / os.environ.get("BUILD", "build")
LAUNCHER = BUILD / "portcullis"
KERNEL = BUILD / "guest" / "kernel.bin"

# Exit statuses: host/status.h.
GOOD, RUN_FAILED, USAGE, NO_ENGINE, PANIC, DIED, TICK_LIMIT, TIMEOUT, LOST = range(9)

PATIENCE = 120  # seconds for what takes far less

EMULATORS = {"bochs": "bochs-bin", "qemu": "qemu-system-x86_64"}

# What the kernel records of every run (guest/plan/run.c).
RUN_METRICS = ["page_flushes", "space_flushes", "system_time", "user_time"]

class Failed(Exception):
    pass


class Skipped(Exception):
    pass


def check(condition, why):
    if not condition:
        raise Failed(why)


def describe(status, errors):
    return f"exit status {status}, standard error: {' | '.join(errors.strip().splitlines()[-4:])}"


class Run:
    """A launcher that has ended."""

    def __init__(self, status, out, errors):
        self.status = status
        self.out = out
        self.errors = errors

    def expect(self, status, *patterns):
        """The exit status, and a match of each pattern on standard error."""
        check(self.status == status, f"expected exit status {status}: {describe(self.status, self.errors)}")
        for pattern in patterns:
            check(re.search(pattern, self.errors, re.MULTILINE),
                  f"no {pattern!r}: {describe(self.status, self.errors)}")
        return self

    def expect_refusal(self, status, pattern):
        """One sentence, and nothing else but a hint at --help."""
        self.expect(status, pattern)
        said = [text for text in self.errors.splitlines() if not text.startswith("See `")]
        check(len(said) == 1, f"more than one sentence: {describe(self.status, self.errors)}")
        check(not self.out, f"standard output: {self.out!r}")
        return self


class Place:
    """A folder of one test: root file system, plan, outputs, emulators; and all processes that its launchers start."""

    def __init__(self, folder):
        self.folder = folder
        self.marker = f"PORTCULLIS_TEST={uuid.uuid4()}"
        self.root = folder / "root"
        (self.root / "bin").mkdir(parents=True)
        self.temporary = folder / "tmp"
        self.temporary.mkdir()
        self.add_program("good", machine_code.EXIT_GOOD)
        self.add_program("spin", machine_code.SPIN)
        self.plan("one -- /bin/good\n")

    def add_program(self, name, code):
        path = self.root / "bin" / name
        path.write_bytes(machine_code.program(code))
        path.chmod(0o755)

    def plan(self, text):
        return self.write("plan", text)

    def write(self, name, content):
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def fake(self, engine, script):
        """Puts a Python program in front of PATH in place of the engine's emulator; W(bytes) writes to its standard output."""
        folder = self.folder / "fake"
        folder.mkdir(exist_ok=True)
        path = folder / EMULATORS[engine]
        path.write_text(f"#!{sys.executable}\n"
                        f"import os, signal, subprocess, sys, time\nsys.path.insert(0, {str(Path(__file__).parent)!r})\n"
                        "from guest_link import *\nW = lambda data: os.write(1, data)\n" + script)
        path.chmod(0o755)

    def environment(self, **changes):
        name, value = self.marker.split("=")
        environment = dict(os.environ, TMPDIR=str(self.temporary), **{name: value})
        if (self.folder / "fake").is_dir():
            environment["PATH"] = f"{self.folder / 'fake'}:{environment['PATH']}"
        environment.update(changes)
        return environment

    def command(self, *arguments, engine=None, plan=True, root=True):
        command = [str(LAUNCHER), "run"]
        if engine:
            command += ["--engine", engine]
        if plan:
            command += ["--plan", str(self.folder / "plan")]
        if root:
            command += ["--root", str(self.root)]
        return command + [str(argument) for argument in arguments]

    def start(self, *arguments, environment=None, preexec=None, **options):
        return subprocess.Popen(self.command(*arguments, **options), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, cwd=self.temporary, preexec_fn=preexec,
                                env=environment or self.environment())

    def finish(self, process):
        """Waits for the end; no process and no file may be left."""
        try:
            out, errors = process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            raise Failed(f"the launcher did not end within {PATIENCE} s") from None
        self.expect_nothing_left()
        return Run(process.returncode, (out or b"").decode(errors="replace"), errors.decode(errors="replace"))

    def run(self, *arguments, **options):
        return self.finish(self.start(*arguments, **options))

    def processes(self):
        """Numbers of the processes that belong to this test."""
        found = []
        for entry in Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and self.marker.encode() in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
            except OSError:
                pass  # it has ended, or is another user's
        return found

    def expect_nothing_left(self):
        deadline = time.monotonic() + PATIENCE
        while self.processes() and time.monotonic() < deadline:
            time.sleep(0.02)  # killed processes take a moment to go
        check(not self.processes(), f"processes are left: {self.processes()}")
        check(not list(self.temporary.iterdir()), f"files are left: {list(self.temporary.iterdir())}")

    def wait_for(self, condition, what):
        deadline = time.monotonic() + PATIENCE
        while not condition():
            check(time.monotonic() < deadline, f"{what} did not happen within {PATIENCE} s")
            time.sleep(0.02)

    def objects(self, name):
        return [json.loads(text) for text in (self.folder / name).read_text().splitlines()]

    def clean_up(self):
        for number in self.processes():
            os.kill(number, signal.SIGKILL)
