"""Measuring time: a round of all runs to warm up, whose numbers are not used, then rounds of each experiment, its backends by turns,
until each median that a figure shows is known to within a width, or the time is over. Rows that are wider then are marked."""

import itertools
import math
import time
from dataclasses import dataclass, field
from types import SimpleNamespace

from . import boots, clock, statistics

WARM_UP = "warm-up"
ROUNDS_MAX = 200
REPEAT_SECONDS, REPEAT_MAX = 0.03, 10  # a run that takes less is repeated in a round until it takes so long, at most so often


@dataclass
class Limits:
    width: float = statistics.WIDTH
    seconds: float = 600
    run_seconds: float = math.inf  # of the CPU: a run that takes more is not repeated


@dataclass
class Measured:
    """What came of it: the runs of all rounds, by experiment, and what did not run."""
    runs: dict
    rounds: dict
    outcomes: list = field(default_factory=list)
    missing: dict = field(default_factory=dict)  # backend: why it is not here


def by_turns(runs):
    """The backends take turns at each point, so that whatever changes slowly changes for all of them."""
    groups = {}
    for run in runs:
        groups.setdefault(run.backend, []).append(run)
    return [run for point in itertools.zip_longest(*groups.values()) for run in point if run]


def wide_points(experiment, runs, all_records, width):
    """The points with a median that a figure shows and that is not known well enough."""
    rows = [row for row in statistics.rows(experiment, runs, all_records) if row["kind"] == "measured" and "buckets" not in row]
    data = SimpleNamespace(rows=rows, modelled=[], measured=True)
    return {row["point"] for figure in experiment.figures for row in figure.select(data) if not statistics.is_narrow(row, width)}


class Rounds:
    """`start(batches)` boots them, one after the other, and returns when they have ended."""

    def __init__(self, chosen, runs_of, store, start, limits):
        self.chosen, self.store, self.start, self.limits = chosen, store, start, limits
        self.left = {name: by_turns(runs) for name, runs in runs_of.items()}
        self.spent = dict.fromkeys(runs_of, 0.0)  # seconds
        self.repeats = {}
        self.measured = Measured({name: [] for name in runs_of}, dict.fromkeys(runs_of, 0))
        self.end = time.monotonic() + limits.seconds

    def drop(self, run, outcome):
        """The run, or its whole backend, is not repeated."""
        if outcome.unavailable:
            self.measured.missing[run.backend] = outcome.reason
            self.left = {name: [one for one in runs if one.backend != run.backend] for name, runs in self.left.items()}
        else:
            self.measured.outcomes.append(boots.Outcome(run.point, False, outcome.reason))
            self.left = {name: [one for one in runs if one.point != run.point] for name, runs in self.left.items()}

    def round(self, name, suffix):
        """What is left of an experiment once more, unless that is finished from before. Returns the runs that ended well."""
        runs = {run.identity: run for run in (one.again(suffix, self.repeats.get(one.point, 1)) for one in self.left[name])}
        ended = self.store.outcomes(runs)
        todo = [run for identity, run in runs.items() if identity not in ended]
        if todo:
            begin = time.monotonic()
            self.start([boots.Batch(f"{name}-{suffix}", todo)])
            self.spent[name] += time.monotonic() - begin
            ended = self.store.outcomes(runs)
        good = []
        for identity, run in runs.items():
            outcome = ended[identity][0] if identity in ended else boots.Outcome(identity, False, "the guest ended before it")
            if outcome.good:
                good.append(run)
            elif run.backend not in self.measured.missing:
                self.drop(run, outcome)
        return good

    def warm_up(self):
        """Everything once; how long that took says how often a run is repeated in a round, if at all."""
        for name in self.left:
            runs = {run.identity: run for run in self.round(name, WARM_UP)}
            rate = clock.rate_of(self.store.records(runs))
            for identity, (outcome, _) in self.store.outcomes(runs).items():
                if rate and outcome.ticks:
                    often = int(REPEAT_SECONDS * rate / outcome.ticks)
                    self.repeats[runs[identity].point] = min(max(often, 1), REPEAT_MAX)
                if rate and outcome.cpu_ticks > self.limits.run_seconds * rate:
                    why = f"not measured in so short a campaign: a run takes {outcome.cpu_ticks / rate:.1f} s"
                    self.drop(runs[identity], boots.Outcome(identity, False, why))

    def keep_wide(self, experiment):
        points = {run.point for run in self.left[experiment.name]}
        runs = [run for run in self.measured.runs[experiment.name] if run.point in points]
        found = self.store.records({run.identity: run for run in runs})
        wide = wide_points(experiment, runs, found, self.limits.width)
        self.left[experiment.name] = [run for run in self.left[experiment.name] if run.point in wide]

    def run(self):
        self.warm_up()
        rounds = self.measured.rounds
        while time.monotonic() < self.end:
            # First as many rounds of each as an interval needs, then by time so far: cheap ones do not wait for the dear.
            waiting = [one for one in self.chosen if self.left.get(one.name) and rounds[one.name] < ROUNDS_MAX]
            if not waiting:
                break
            experiment = min(waiting, key=lambda one: (rounds[one.name] >= statistics.REPETITIONS_MIN, self.spent[one.name]))
            rounds[experiment.name] += 1
            self.measured.runs[experiment.name] += self.round(experiment.name, f"round-{rounds[experiment.name]}")
            if rounds[experiment.name] >= statistics.REPETITIONS_MIN:
                self.keep_wide(experiment)
        outcomes = [boots.Outcome(name, False, why, True) for name, why in self.measured.missing.items()]
        self.measured.outcomes = outcomes + self.measured.outcomes
        return self.measured


def described(measured, limits, rows, rate):
    """What the provenance says of it."""
    times = [row for row in rows if row["kind"] == "measured"]
    unstable = sum(row["mark"] == "unstable" for row in times)
    return {"clock": f"{clock.name_of(rate)}, by CLOCK_MONOTONIC_RAW" if rate else "none that the records name",
            "warm-up": "a round of all runs, not used", "rounds": ", ".join(f"{name} {rounds}" for name, rounds in measured.rounds.items()),
            "interval": f"repeated until within {limits.width:.1%} of the median, at most {limits.seconds:g} s; {unstable} of "
                        f"{len(times)} rows are wider or have fewer than {statistics.REPETITIONS_MIN} repetitions: unstable",
            **{f"no {name}": why for name, why in measured.missing.items()}}
