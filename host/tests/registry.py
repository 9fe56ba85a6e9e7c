"""The tests of the launcher: a list to which each registers itself, and what runs it."""

import re
import subprocess
import tempfile
from pathlib import Path

from place import EMULATORS, Failed, LAUNCHER, Place, Skipped

tests = []  # (name, function, engine or None, engines that it needs)
available = set()


def test(name, needs=()):
    """Registers a function of a Place."""
    def register(function):
        tests.append((name, function, None, needs))
        return function
    return register


def test_on_engines(name, made_up=False):
    """Registers a function of a Place and an engine's name, once for each engine; made_up: it brings its own emulator."""
    def register(function):
        for engine in EMULATORS:
            tests.append((f"{engine}: {name}", function, engine, () if made_up else (engine,)))
        return function
    return register


def find_engines():
    done = subprocess.run([LAUNCHER, "engines"], capture_output=True, text=True, check=False)
    print("".join(f"# {text}\n" for text in done.stdout.splitlines()), end="")
    available.update(re.findall(r"^(\w+)\s+works: ", done.stdout, re.MULTILINE))


def execute(function, engine, needs):
    missing = [name for name in needs if name not in available]
    if missing:
        raise Skipped(f"{', '.join(missing)} does not work here")
    with tempfile.TemporaryDirectory(prefix="portcullis-test-") as folder:
        place = Place(Path(folder))
        try:
            function(*((place, engine) if engine else (place,)))
        finally:
            place.clean_up()


def run_all(words):
    """Runs the tests that have one of these words in their names, all without words. The exit status."""
    status = 0
    find_engines()
    for name, function, engine, needs in tests:
        if words and not any(word in name for word in words):
            continue
        try:
            execute(function, engine, needs)
            print(f"ok {name}", flush=True)
        except Skipped as why:
            print(f"skip {name}: {why}", flush=True)
        except (Failed, OSError, ValueError, KeyError, IndexError) as why:
            print(f"not ok {name}: {' '.join((str(why) or repr(why)).split())}", flush=True)
            status = 1
    return status
