#!/usr/bin/env python3
"""The campaign's parts: what a user can get wrong gives one sentence; the same records give the same table."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(TOP / "harness"))
sys.dont_write_bytecode = True

from campaign import Refusal, experiments, figures, records, statistics  # noqa: E402

GOOD = """
title = "A title"
workload = "crossing"
backends = ["none", "pku"]
[sweep]
scrub = ["none", "vector"]
[figure]
kind = "bars"
metric = "entrance"
case = "empty"
series = "scrub"
"""
RECORD = ('{"schema":1,"workload":"crossing","args":{"case":"empty","count":0},"backend":"%s","metric":"entrance",'
          '"unit":"instructions","value":%d,"n":1,"kind":"counted","engine":"bochs","cpu":"c","commit":"0","line":"%s"}\n')
failures = 0


def check(name, good, why=""):
    global failures
    failures += not good
    print(f"ok {name}" if good else f"not ok {name}: {why}")


def refusal(function, *arguments):
    """The sentence with which it refuses, or an empty text."""
    try:
        function(*arguments)
    except Refusal as error:
        return str(error)
    return ""


def experiment_of(folder, text):
    path = folder / "sample.toml"
    path.write_text(text)
    return experiments.Experiment(path)


def test_experiments(folder):
    lines = [line for _, _, line in experiment_of(folder, GOOD).runs([], False)]
    check("an experiment expands into one run for each backend and setting", len(lines) == 4, lines)
    check("--backends keeps those that are named", len(list(experiment_of(folder, GOOD).runs(["pku"], False))) == 2)
    for name, old, new, expected in (
            ("a key with a typo names file, line, key and the closest key", "workload", "worklaod",
             "sample.toml:3: unknown key 'worklaod'; did you mean 'workload'?"),
            ("a value of the wrong type is refused", '"crossing"', "7", "workload must be str"),
            ("an unknown kind of figure is refused", '"bars"', '"pie"', "kind must be one of"),
            ("a file that is not TOML is refused", "[sweep]", "[sweep", "sample.toml"),
            ("a missing key is named", 'title = "A title"', "", "key 'title' is missing")):
        said = refusal(experiment_of, folder, GOOD.replace(old, new))
        check(name, expected in said, said)
    experiment_of(folder, GOOD)
    said = refusal(experiments.load, folder, ["sampel"])
    check("an unknown experiment is refused with the closest one", "did you mean sample" in said, said)


def test_records(folder):
    path = folder / "records.jsonl"
    for name, text, expected in (
            ("a line that is no JSON is refused with its place", "{\n", "records.jsonl:1: not a record"),
            ("another schema is refused", (RECORD % ("none", 3, "a")).replace('"schema":1', '"schema":2'), "schema 2"),
            ("a record without a member is refused", (RECORD % ("none", 3, "a")).replace('"unit"', '"Unit"'), "no 'unit'")):
        path.write_text(text)
        said = refusal(records.read, path)
        check(name, expected in said, said)


def test_statistics(folder):
    experiment = experiment_of(folder, GOOD)
    settings = {identity: values for values, identity, _ in experiment.runs([], False)}
    path = folder / "records.jsonl"
    line = next(iter(settings))
    path.write_text("".join(RECORD % ("none", value, line) for value in (3, 5, 4)))
    rows = [list(statistics.rows(experiment, records.read(path), settings)) for _ in range(2)]
    check("repetitions become their median", rows[0][0]["median"] == 4, rows[0])
    check("the interval holds the median", rows[0][0]["low"] <= 4 <= rows[0][0]["high"], rows[0])
    check("the same records give the same rows", rows[0] == rows[1])
    commands, _ = figures.script(experiment, [], ["bochs"])
    check("a figure without data says so", any("no data" in command for command in commands), commands)


def test_command(folder):
    def run(*arguments, **changes):
        return subprocess.run([TOP / "harness" / "run", *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, env=dict(os.environ, **changes), check=False)

    done = run("--list")
    check("--list names the experiments", done.returncode == 0 and "crossing" in done.stdout, done.stdout)
    done = run("--dry-run", "--only", "crossing", "--backends", "pku")
    check("--dry-run prints the plan", done.stdout.count("backend=pku") == 3, done.stdout)
    done = run("--backends", "pkku")
    check("an unknown backend is one sentence and a status", done.returncode == 1 and done.stdout.count("\n") == 1, done.stdout)
    python = str(Path(sys.executable).parent)
    done = run("--only", "crossing", "--backends", "none", "--quick", "--engine", "no-such-engine", "--name", ".test",
               PATH=python + ":/bin:/usr/bin")
    check("an unknown engine is refused", done.returncode == 1 and "status" in done.stdout, done.stdout)


def main():
    with tempfile.TemporaryDirectory(prefix="portcullis-campaign-") as scratch:
        folder = Path(scratch)
        test_experiments(folder)
        test_records(folder)
        test_statistics(folder)
    test_command(folder)
    for path in (TOP / "results" / ".test").glob("*"):
        path.unlink()
    if (TOP / "results" / ".test").exists():
        (TOP / "results" / ".test").rmdir()
    sys.exit(failures > 0)


main()
