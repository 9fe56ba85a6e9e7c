#!/usr/bin/env python3
"""The campaign's parts: what a user can get wrong gives one sentence; the same records give the same table."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(TOP / "harness"))
sys.dont_write_bytecode = True

from campaign import Refusal, backends, boots, engines, experiments, figures, profiles, records, results, statistics  # noqa: E402

GOOD = """
title = "A title"
workload = "crossing"
arguments = ["--samples", "{samples}"]
backends = ["none", "pku"]
[sweep]
samples = [5, 6]
scrub = ["none", "vector"]
[figure]
kind = "bars"
metric = "entrance"
case = "empty"
series = "scrub"
"""
PROFILE = """
cpu = "a CPU"
frequency = { value = 1e9, source = "s", status = "read" }
[events]
instruction = { value = 1, source = "s", status = "read" }
wrpkru = { value = 20, source = "s", status = "unverified" }
"""
RECORD = {"schema": 1, "workload": "crossing", "args": {"case": "empty", "count": 0}, "backend": "none", "metric": "entrance",
          "unit": "instructions", "value": 3, "n": 1, "kind": "counted", "engine": "bochs", "cpu": "c", "commit": "0", "line": "l"}
ROW = {"workload": "w", "backend": "pku", "settings": "", "metric": "entrance"}
KNOWN = backends.load(TOP / "backends")
KINDS = figures.load_kinds(TOP / "harness" / "figures")
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


def written(folder, name, text):
    path = folder / name
    path.write_text(text)
    return path


def experiment_of(folder, text):
    return experiments.Experiment(written(folder, "sample.toml", text), KNOWN, KINDS)


def test_experiments(folder):
    experiment = experiment_of(folder, GOOD)
    runs = list(experiment.runs([], "normal"))
    check("an experiment expands into one run for each backend and point of its sweep", len(runs) == 8, runs)
    check("a word of the arguments is replaced, a setting of the plan is not an argument",
          runs[0].line == "sample_none_samples-5_scrub-none backend=none repeat=1 scrub=none -- /bin/crossing --samples 5", runs[0].line)
    check("--backends keeps those that are named", {run.backend for run in experiment.runs(["pku"], "normal")} == {"pku"})
    check("--full repeats more", next(experiment.runs([], "full")).repetitions == experiments.FULL_REPETITIONS)
    for name, old, new, expected in (
            ("a key with a typo names file, line, key and the closest key", "workload", "worklaod",
             "sample.toml:3: unknown key 'worklaod'; did you mean 'workload'?"),
            ("so does a key of the figure", "series", "serie", "sample.toml:13: unknown key 'serie'; did you mean 'series'?"),
            ("a backend with a typo is named with its line", '"pku"', '"pkuu"', "sample.toml:5: unknown backend 'pkuu'; did you mean 'pku'?"),
            ("a swept key that nothing uses is refused", "samples =", "sample =", "sample.toml:7: 'sample' is neither"),
            ("a word of the arguments that is not swept is refused", "{samples}", "{samples}{other}", "{other} in the arguments is not swept"),
            ("a value of the wrong type is refused", '"crossing"', "7", "sample.toml:3: workload must be text in quotes, not 7"),
            ("an unknown kind of figure is refused", '"bars"', '"bar"', "sample.toml:10: unknown kind of figure 'bar'; did you mean 'bars'?"),
            ("a file that is not TOML is refused", "[sweep]", "[sweep", "sample.toml"),
            ("a missing key is named", 'title = "A title"', "", "key 'title' is missing")):
        said = refusal(experiment_of, folder, GOOD.replace(old, new, 1))
        check(name, bool(said) and expected in said and "\n" not in said, said)
    experiment_of(folder, GOOD)
    said = refusal(experiments.load, folder, ["sampel"], KNOWN, KINDS)
    check("an unknown experiment is refused with the closest one", "did you mean 'sample'?" in said, said)
    said = refusal(backends.choose, ["vmfnc"], KNOWN, "auto")
    check("an unknown backend is refused with the closest one", said == "unknown backend 'vmfnc'; did you mean 'vmfunc'?", said)


def test_engines():
    found = [engines.Engine("fast", False, "no such CPU"), engines.Engine("slow", True, "pku")]
    chosen, why = engines.choose(found, "auto")
    check("the first engine that works is taken, and the text says why not an earlier one",
          chosen.name == "slow" and "fast (no such CPU)" in why, why)
    check("an engine that does not work is refused with its reason", "no such CPU" in refusal(engines.choose, found, "fast"))
    check("an unknown engine is refused", "unknown engine 'slwo'; did you mean 'slow'?" in refusal(engines.choose, found, "slwo"))
    check("no engine at all is one sentence", "no engine works here" in refusal(engines.choose, found[:1], "auto"))


def test_records(folder):
    for name, changes, expected in (
            ("a record of another schema is refused with its place", {"schema": 2}, "r.jsonl:1: the record is of schema 2"),
            ("a record without a member is refused", {"unit": None}, "unit cannot be None"),
            ("a value that is no number is refused", {"value": "3"}, "value cannot be '3'"),
            ("a kind that does not exist is refused", {"kind": "guessed"}, "unknown kind 'guessed'"),
            ("a histogram without buckets is refused", {"value": {"count": 1, "sum": 1, "min": 1, "max": 1}}, "'buckets' is missing")):
        said = refusal(records.read, written(folder, "r.jsonl", json.dumps({**RECORD, **changes}) + "\n"))
        check(name, expected in said, said)
    check("a line that is no JSON is refused", "r.jsonl:1: not a record" in refusal(records.read, written(folder, "r.jsonl", "{\n")))
    check("an empty result set is refused", "no record" in refusal(results.load_records, written(folder, "r.jsonl", "")))


def test_statistics(folder):
    experiment = experiment_of(folder, GOOD)
    runs = list(experiment.runs([], "normal"))
    found = [{**RECORD, "value": value, "line": runs[0].identity} for value in (3, 5, 4)]
    rows = [list(statistics.rows(experiment, runs, found)) for _ in range(2)]
    check("repetitions become their median, with quartiles", (rows[0][0]["median"], rows[0][0]["first_quartile"]) == (4, 3.5), rows[0])
    check("the interval holds the median", rows[0][0]["low"] <= 4 <= rows[0][0]["high"], rows[0])
    check("a large spread is marked", rows[0][0]["mark"] == "spread", rows[0])
    check("the same records give the same rows", rows[0] == rows[1])
    even = list(statistics.rows(experiment, runs, [{**RECORD, "line": runs[0].identity}] * 3))
    check("equal repetitions are not marked", even[0]["mark"] == "" and even[0]["low"] == even[0]["high"] == 3, even)


def test_profiles(folder):
    profile = profiles.Profile(written(folder, "p.toml", PROFILE))
    check("cycles are plain instructions and events", profile.cycles(35, {"wrpkru": 2}) == 73)
    check("an event that the profile does not know gives no number", profile.cycles(30, {"vmfunc": 2}) is None)
    for name, old, new, expected in (
            ("a value without a source is refused", 'source = "s", status = "unverified"', 'status = "unverified"', "'source' is missing"),
            ("an unknown status is refused", '"unverified"', '"guessed"', "unknown status 'guessed'")):
        said = refusal(profiles.Profile, written(folder, "p.toml", PROFILE.replace(old, new, 1)))
        check(name, expected in said, said)
    check("an unknown profile is refused", "unknown cost profile 'pp'" in refusal(profiles.choose, {"p": profile}, "pp"))
    point = {"experiment": "e", "workload": "w", "backend": "pku", "settings": "", "labels": {}, "metric": "entrance",
             "kind": "counted", "unit": "instructions", "engine": "x", "profile": "", "median": 35, "mark": ""}
    made = list(profiles.model([point, {**point, "metric": "entrances", "unit": "entrances", "median": 1}], KNOWN, profile, {"p": profile}))
    check("a model is a row of its own kind and names its profile",
          [(row["kind"], row["unit"], row["profile"], row["median"]) for row in made] == [("modelled", "cycles", "p", 73)], made)
    two = [{**point, "metric": "elapsed"}, *({**point, "workload": program, "metric": "entrances", "unit": "entrances", "median": count}
                                             for program, count in (("w", 1), ("v", 2)))]
    check("time that passes for all programs has the entrances of all",
          [row["median"] for row in profiles.model(two, KNOWN, profile, {"p": profile})] == [149])
    check("without the number of entrances there is no model", not list(profiles.model([point], KNOWN, profile, {"p": profile})))


def test_figures(folder):
    experiment = experiment_of(folder, GOOD)
    data = results.Data([], [], "p", {}, ["bochs"], ["pku: this CPU has no protection keys"])
    text = "\n".join(figures.script(experiment.figures[0], data))
    check("a figure without data says so, and why", "data missing" in text and "no protection keys" in text, text)
    rows = [{**ROW, "backend": "none", "by_profile": {"p": 10, "q": 40}, "median": 10, "low": 10, "high": 40},
            {**ROW, "by_profile": {"p": 20, "q": 60}, "median": 20, "low": 20, "high": 60}]
    rows = [{"least": row["low"], "most": row["high"], **row} for row in rows]
    found = [(row["median"], row["low"], row["high"]) for row in figures.relative(rows, "none")]
    check("a ratio of modelled rows has the range of ratios within each profile", found == [(1, 1, 1), (2, 1.5, 2)], found)
    (folder / "kinds").mkdir()
    said = refusal(figures.load_kinds, written(folder / "kinds", "broken.py", "1 / 0\n").parent)
    check("a kind of figure that fails is named", "broken.py: ZeroDivisionError" in said, said)


def test_reference():
    reference = TOP / "results" / "reference"
    said = refusal(records.read, reference / "records.jsonl")
    check("the reference run can be read by this harness", not said, said)
    done = subprocess.run([TOP / "harness" / "compare", reference, reference], capture_output=True, text=True, check=False)
    check("and compared: with itself nothing has changed", done.returncode == 0 and " 0 changed beyond noise" in done.stdout,
          done.stdout[-200:] + done.stderr)
    told = {claim["name"]: claim["verdict"] for claim in json.loads((reference / "claims.json").read_text())}
    check("it has a verdict on each claim", sorted(told) == ["C1", "C2", "C3", "C4", "C5"] and "no data" not in told.values(), told)


def test_outcomes(folder):
    experiment = experiment_of(folder, GOOD.replace('"crossing"', '"crossing"\nrepetitions = 2', 1))
    runs = {run.identity: run for run in experiment.runs([], "normal")}
    whole, half, bad = list(runs)[:3]
    store = boots.Store(folder / "boots")
    ended = [{"id": whole, "reason": "exited", "status": 0}] * 2 + [{"id": half, "reason": "exited", "status": 0}]
    ended += [{"id": bad, "reason": "start", "status": 95}]
    (folder / "boots" / "a-0.plan").touch()
    (folder / "boots" / "a-0.summary").write_text("".join(json.dumps(line) + "\n" for line in ended) + '{"id":')
    (folder / "boots" / "a-0.log").write_text(f"{bad}: could not be started: x\n  | backend pku: this CPU has none\n")
    (folder / "boots" / "a-0.jsonl").write_text("".join(json.dumps({**RECORD, "line": name}) + "\n" for name in (whole, whole, half)))
    found = {identity: outcome for identity, (outcome, _) in store.outcomes(runs).items()}
    check("a run is finished when all its repetitions are", whole in found and found[whole].good and half not in found, found)
    check("what the guest said of a run is its reason", found[bad].unavailable and found[bad].reason == "backend pku: this CPU has none",
          found[bad])
    check("records of unfinished runs are not taken", [one["line"] for one in store.records(runs)] == [whole, whole])


def main():
    with tempfile.TemporaryDirectory(prefix="portcullis-campaign-") as scratch:
        folder = Path(scratch)
        for test in (test_experiments, test_records, test_statistics, test_profiles, test_figures, test_outcomes):
            test(folder)
    test_engines()
    test_reference()
    sys.exit(failures > 0)


main()
