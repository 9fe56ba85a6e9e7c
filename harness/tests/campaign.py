#!/usr/bin/env python3
"""The campaign's parts: what a user can get wrong gives one sentence; the same records give the same table."""

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

TOP = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(TOP / "harness"))
sys.dont_write_bytecode = True

from campaign import (Refusal, backends, boots, calibration, clock, engines, experiments, figures, measuring, profiles,  # noqa: E402
                      records, results, statistics)

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
    timed = experiment_of(folder, GOOD + '[measured]\noptions = ["--ticks", "9"]\n')
    check("where ticks are time, the table `measured` says what differs",
          [run.line for run in timed.runs([], "normal", True)] == [f"{run.line} --ticks 9" for run in runs],
          list(timed.runs([], "normal", True)))
    check("and nothing else", list(timed.runs([], "normal")) == runs)
    again = runs[0].again("round-2", 3)
    check("a run is repeated under a name of its own", again.line == runs[0].line.replace("none repeat=1", "none repeat=3", 1)
          .replace(runs[0].identity, f"{runs[0].identity}_round-2", 1) and again.point == runs[0].identity, again)
    counting = experiment_of(folder, GOOD.replace('"crossing"', '"crossing"\ncounters = "cycles"', 1))
    check("counters that an experiment asks for are those of its runs", {run.counters for run in counting.runs([], "normal")} == {"cycles"}
          and {run.counters for run in runs} == {""})
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
            ("a mistake in the table `measured` is found", "[sweep]", "[measured]\noption = []\n[sweep]", "unknown key 'option'"),
            ("a missing key is named", 'title = "A title"', "", "key 'title' is missing")):
        said = refusal(experiment_of, folder, GOOD.replace(old, new, 1))
        check(name, bool(said) and expected in said and "\n" not in said, said)
    experiment_of(folder, GOOD)
    said = refusal(experiments.load, folder, ["sampel"], KNOWN, KINDS)
    check("an unknown experiment is refused with the closest one", "did you mean 'sample'?" in said, said)
    said = refusal(backends.choose, ["vmfnc"], KNOWN, "auto")
    check("an unknown backend is refused with the closest one", said == "unknown backend 'vmfnc'; did you mean 'vmfunc'?", said)


def test_backends(folder):
    (folder / "own").mkdir()
    (folder / "other").mkdir()
    table = '[{}]\nsummary = "s"\norder = {}\nevents = {}\n'
    written(folder / "own", "backend.toml", table.format("both", 2, "{ wrpkru = 2 }") + table.format("guest", 1, "{}"))
    written(folder / "other", "backend.toml", table.format("both", 9, '{ syscall = 1 }\nengines = ["here"]'))
    known = backends.load(folder)
    check("an engine that a table names has the backends that name it", backends.choose([], known, "here") == ["both"])
    check("another one those that name none, with their events and place",
          backends.choose([], known, "auto") == ["guest", "both"] and known["both"].events == {"wrpkru": 2}, known)
    check("a backend that the engine lacks is refused", "not there on engine here, which has both" in
          refusal(backends.choose, ["guest"], known, "here"))
    written(folder / "other", "backend.toml", table.format("both", 9, "{}"))
    check("a backend that is described twice is refused", "described twice" in refusal(backends.load, folder))


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
    times = [{**RECORD, "kind": "measured", "value": value, "line": runs[0].identity} for value in (1, 2, 3, 4, 5, 6, 7, 8, 99)]
    row = next(statistics.rows(experiment, runs, times))
    check("the interval of times is by order: with nine, one may be left out at each end", (row["low"], row["high"]) == (2, 8), row)
    check("a weaker mode is part of the row", next(statistics.rows(experiment, runs, [{**times[0], "mode": "weak"}]))["mode"] == "weak")
    check("equal repetitions are not marked", even[0]["mark"] == "" and even[0]["low"] == even[0]["high"] == 3, even)


def test_clock():
    found = [{**RECORD, "metric": "tsc_rate", "unit": "Hz", "value": 2e9}, {**RECORD, "unit": "tsc", "value": 30, "min": 20},
             {**RECORD, "unit": "tsc", "value": {"count": 3, "sum": 40, "min": 2, "max": 20, "buckets": [[2, 1], [20, 2]]}}]
    made = list(clock.in_nanoseconds(found, clock.rate_of(found)))
    check("counts of the TSC become nanoseconds with the rate named",
          (made[0]["value"], made[0]["min"], made[0]["unit"], made[0]["profile"]) == (15, 10, "ns", "TSC of 2 GHz"), made)
    check("so do histograms", made[1]["value"] == {"count": 3, "sum": 20, "min": 1, "max": 10, "buckets": [[1, 1], [10, 2]]}, made)
    check("where no record says the rate, counts stay counts", list(clock.in_nanoseconds(found[1:], None)) == found[1:])


class Machine:
    """Stands in for the launcher: writes what boots leave. `value` gives the times of a run, None where it cannot be started."""

    def __init__(self, store, value):
        self.store, self.value, self.started, self.cpu_ticks = store, value, [], 0

    def start(self, batches):
        for batch in batches:
            stem = self.store.next_name(batch)
            lines, ends = [], []
            for run in batch.runs:
                self.started.append(run.identity)
                for _ in range(run.repetitions):
                    value = self.value(run, len(self.started))
                    ends.append({"id": run.identity, "ticks": 10 ** 9, "user_ticks": self.cpu_ticks, **({"reason": "start", "status": 95} if value is None else
                                                                          {"reason": "exited", "status": 0})})
                    if value is not None:
                        record = {**RECORD, "backend": run.backend, "line": run.identity, "kind": "measured"}
                        lines += [{**record, "unit": "tsc", "value": value}, {**record, "metric": "tsc_rate", "unit": "Hz", "value": 1e9}]
            stem.with_suffix(".plan").touch()
            for ending, objects in ((".jsonl", lines), (".summary", ends)):
                stem.with_suffix(ending).write_text("".join(json.dumps(one) + "\n" for one in objects))
            stem.with_suffix(".log").write_text("".join(f"{end['id']}: bad\n  | backend {end['id'].split('_')[1]}: not in this CPU\n"
                                                        for end in ends))


def rounds_of(folder, name, value, seconds=5, run_seconds=10, cpu_ticks=0):
    experiment = experiment_of(folder, GOOD)
    runs_of = {"sample": [run for run in experiment.runs([], "normal", True) if run.labels == {"samples": 5, "scrub": "none"}]}
    store = boots.Store(folder / name)
    machine = Machine(store, value)
    machine.cpu_ticks = cpu_ticks
    limits = measuring.Limits(seconds=seconds, run_seconds=run_seconds)
    measured = measuring.Rounds([experiment], runs_of, store, machine.start, limits).run()
    rows = statistics.rows(experiment, measured.runs["sample"], store.records({run.identity: run for run in measured.runs["sample"]}))
    return measured, {row["backend"]: row for row in rows if row["metric"] == "entrance"}, machine


def test_measuring(folder):
    measured, rows, machine = rounds_of(folder, "steady", lambda run, number: 100 if run.backend == "none" else 200 + number % 2)
    least = statistics.REPETITIONS_MIN
    check("medians that are known are measured as often as an interval needs", measured.rounds == {"sample": least}, measured.rounds)
    check("after a round that is not used", machine.started[0].endswith("_warm-up") and rows["none"]["repetitions"] == least, machine.started)
    check("the backends take turns", [name.split("_")[1] for name in machine.started[:4]] == ["none", "pku"] * 2, machine.started)
    check("such a row is not marked", rows["none"]["mark"] == "", rows)
    again = rounds_of(folder, "steady", lambda run, number: 1 / 0)
    check("what is finished is not measured again", again[1] == rows and not again[2].started, again[2].started)
    measured, rows, machine = rounds_of(folder, "wild", lambda run, number: number * number if run.backend == "pku" else 100, 0.3)
    check("one that is not known is measured until the time is over, and then marked",
          rows["pku"]["repetitions"] > least == rows["none"]["repetitions"] and rows["pku"]["mark"] == "unstable", rows)
    measured, rows, machine = rounds_of(folder, "lacking", lambda run, number: None if run.backend == "pku" else 100)
    check("a backend that the machine lacks is tried once and said once",
          [(one.identity, one.reason) for one in measured.outcomes] == [("pku", "backend pku: not in this CPU")]
          and sum("pku" in name for name in machine.started) == 1 and list(rows) == ["none"], measured.outcomes)


    measured, rows, machine = rounds_of(folder, "long", lambda run, number: 100, run_seconds=1, cpu_ticks=2 * 10 ** 9)
    check("a run that takes too long for a short campaign is not repeated, and that is said",
          not rows and [one.reason for one in measured.outcomes] == ["not measured in so short a campaign: a run takes 2.0 s"] * 2
          and len(machine.started) == 2, measured.outcomes)


def test_profiles(folder):
    profile = profiles.Profile(written(folder, "p.toml", PROFILE))
    check("cycles are plain instructions and events", profile.cycles(35, {"wrpkru": 2}) == 73)
    check("an event that the profile does not know gives no number", profile.cycles(30, {"vmfunc": 2}) is None)
    for name, old, new, expected in (
            ("a value without a source is refused", 'source = "s", status = "unverified"', 'status = "unverified"', "'source' is missing"),
            ("an unknown status is refused", '"unverified"', '"guessed"', "unknown status 'guessed'")):
        said = refusal(profiles.Profile, written(folder, "p.toml", PROFILE.replace(old, new, 1)))
        check(name, expected in said, said)
    measured = PROFILE.replace('value = 1,', 'value = 1, first_quartile = 0.9, third_quartile = 1.2, repetitions = 31, unstable = true,')
    own = profiles.choose({"p": profile}, str(written(folder, "own.toml", measured + '[provenance]\nhost = "h"\nabsent = ["a: b"]\n')))
    check("a file's profile may have spread and provenance", own.name == "own" and own.provenance["host"] == "h"
          and own.entries["instruction"]["unstable"], own.entries)
    said = refusal(profiles.choose, {"p": profile}, str(written(folder, "p.toml", PROFILE)))
    check("a file with the name of another profile is refused", "there is another profile of the name 'p'" in said, said)
    check("a file that is not there is one sentence", "No such file" in refusal(profiles.choose, {}, str(folder / "none.toml")))
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


def test_calibration(folder):
    experiment = experiment_of(folder, GOOD.replace('case = "empty"\n', ""))
    common = {"experiment": "sample", "workload": "w", "backend": "none", "metric": "entrance", "engine": "e", "profile": "", "mark": "", "mode": ""}

    def row(case, unit, median, **changes):
        return {**common, "settings": case, "labels": {"case": case}, "kind": "counted", "unit": unit, "median": median, "low": median,
                "high": median, **changes}

    counted = [row("a", "instructions", 100), row("b", "instructions", 100), row("c", "instructions", 100), row("d", "instructions", 100),
               row("c", "system calls", 1, metric="system_calls"), row("d", "hash", 7, metric="digest"),
               row("e", "instructions", 100, backend="pku"), row("a", "entrances", 1, metric="entrances")]
    times = [row("a", "ns", 20), row("b", "ns", 40, mark="unstable"), row("c", "ns", 90), row("d", "ns", 90),
             row("d", "hash", 8, metric="digest"), row("e", "ns", 10, backend="pku")]
    data = (results.Data(counted, [], "p", {}, ["bochs"]), results.Data(times, [], "p", {}, ["native"], measured=True, rate=2e9))
    made = calibration.calibrate([experiment], *data, {"cpu": "a CPU"})
    check("what an instruction costs is time by the clock over the count, of operations that are the same without system calls",
          [(point["settings"], point["cycles"]) for point in made["points"]] == [("a", 0.4), ("b", 0.8)], made)
    check("points that are known well are taken", made["workloads"]["w"] == {"cycles": 0.4, "least": 0.4, "most": 0.4, "nanoseconds": 0.2,
                                                                            "stable": 1, "points": 2}, made)
    calibration.write(folder / "calibration.json", made)
    base = calibration.read(folder / "calibration.json")
    profile = profiles.Profile(written(folder, "p.toml", PROFILE))
    modelled = list(profiles.model([*counted, row("a", "instructions", 5, workload="v")], KNOWN, profile, {"p": profile}, base))
    found = {(one["workload"], one["settings"]): (one["median"], one["profile"]) for one in modelled}
    check("a model takes it as its base, for workloads that have one, and says so",
          found == {("w", "a"): (40, "p, base calibrated on a CPU")}, found)
    made["workloads"]["w"]["stable"] = 0
    calibration.write(folder / "calibration.json", made)
    check("a workload without a point that is known well has no base", calibration.read(folder / "calibration.json").cycles == {})
    check("a file that is none is refused", "not a calibration" in refusal(calibration.read, written(folder, "c.json", "{}")))
    check("one that is not there, too", "No such file" in refusal(calibration.read, folder / "none.json"))


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
    whole = [{**ROW, "labels": {"case": "empty", "scrub": "none"}, "kind": kind, "engine": "e", "unit": unit, "profile": "", "mark": "",
              "mode": "", "median": 1, "low": 1, "high": 1} for kind, unit in (("counted", "instructions"), ("measured", "ns"))]
    one, other = (results.Data([row], [], "p", {}, ["e"], measured=row["kind"] == "measured") for row in whole)
    if shutil.which("gnuplot"):
        paths = figures.draw(experiment.figures[0], one, other, folder)
        pages = [(folder / f"sample{ending}.svg").read_text() for ending in ("", "-beside")]
        check("two kinds stand side by side, each on axes of its own", paths["svg"].name == "sample-beside.svg"
              and [["(instructions, counted)" in page, "(ns, measured)" in page] for page in pages] == [[True, False], [True, True]])
    timed = experiment_of(folder, GOOD + "measured = true\n")
    check("a figure of times is none of a run that counts, but for times beside it",
          [figures.drawn(timed, one, beside) for beside in (None, other)] == [[], timed.figures] and figures.drawn(timed, other, None))
    check("another kind without this figure has no panel", not figures.shows(experiment.figures[0], results.Data([], [], "p", {}, ["e"])))
    swept = [{**ROW, "labels": {"entrances": count, "case": "a"}, "settings": f"entrances={count} case=a", "median": value, "low": value - 10,
              "high": value + 10} for count, value in ((1000, 500), (2000, 3500), (100, 90))]
    found = figures.differences([*swept, {**ROW, "labels": {}, "settings": "", "median": 1, "low": 1, "high": 1}], "entrances")
    check("a difference is that of the ends of a sweep, for one of what is swept", [(row["median"], row["settings"], row["labels"]) for row
          in found] == [((3500 - 90) / 1900, "case=a", {"case": "a"})], found)
    check("its interval holds both of theirs", (found[0]["low"], found[0]["high"]) == ((3490 - 100) / 1900, (3510 - 80) / 1900), found)
    check("a sweep of one point has none", not figures.differences(swept[:1], "entrances"))
    profile = profiles.Profile(written(folder, "q.toml", PROFILE))
    parts = [{**ROW, "metric": metric, "labels": {}, "median": cycles, "by_profile": {"q": cycles}, "instruction": 1, "events": events,
              "kind": "modelled", "unit": "cycles", "low": cycles, "high": cycles, "mark": "", "engine": "x"}
             for metric, cycles, events in (("way_out", 25, {"wrpkru": 1}), ("way_in", 30, {"wrpkru": 1}), ("library", 5, {"wrpkru": 0}))]
    table = {"kind": "breakdown", "numbers": "modelled", "metric": ["way_in", "library", "way_out"]}
    figure = SimpleNamespace(get=lambda key, other=None: table.get(key, other))
    bar, = KINDS["breakdown"].bars_of(figure, None, parts, profile)
    check("parts of one bar are stacked in the order of the file, their events apart", bar.median == 60 and list(bar.cycles.items()) == [
          ("way in: plain instructions", 10), ("way in: events", 20), ("library: plain instructions", 5),
          ("way out: plain instructions", 5), ("way out: events", 20)], bar.cycles)
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


def test_compare(folder):
    base = {key: "" for key in statistics.COLUMNS} | {"experiment": "e", "kind": "measured", "unit": "ns", "first_quartile": 1}
    for name, median, rate in (("before", 10, "TSC of 2 GHz"), ("after", 20, "TSC of 3 GHz")):
        (folder / name).mkdir()
        statistics.write_csv(folder / name / "rows.csv", [
            {**base, "metric": metric, "profile": rate, "median": median, "low": median, "high": median, "mark": mark}
            for metric, mark in (("known", ""), ("wide", "unstable"))])
    done = subprocess.run([TOP / "harness" / "compare", folder / "before", folder / "after", "--all"], capture_output=True, text=True, check=False)
    check("times are compared whatever the clock, those that are known well", done.returncode == 1
          and [line.rsplit(", ", 1)[1] for line in done.stdout.splitlines()[:2]] == ["beyond noise", "unstable"]
          and "2 rows in both, 1 changed beyond noise, 1 unstable;" in done.stdout, done.stdout + done.stderr)


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
        for test in (test_experiments, test_backends, test_records, test_statistics, test_measuring, test_profiles, test_calibration,
                     test_figures, test_compare, test_outcomes):
            test(folder)
    test_engines()
    test_clock()
    test_reference()
    sys.exit(failures > 0)


main()
