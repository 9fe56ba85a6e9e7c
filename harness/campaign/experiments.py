"""Experiment files, and the runs that they expand into."""

import itertools
import re
from dataclasses import dataclass, replace

from . import Refusal, figures
from .settings_file import SettingsFile, nearest

KEYS = {"title": str, "workload": str, "arguments": list, "quick": list, "full": list, "backends": list, "repetitions": int,
        "memory": str, "settings": dict, "sweep": dict, "quick_sweep": dict, "native": bool, "measured": dict, "counters": str,
        "figure": (dict, list)}
# Of the table `measured`, for engines whose ticks are time: arguments that are added, and the arguments of mode `short`.
MEASURED_KEYS = {"options": list, "short": list}
# Settings of a plan's line that an experiment may choose (guest/plan/plan.h).
PLAN_SETTINGS = ("scrub", "budget", "defer", "ticks", "memory", "uid", "stdin", "cwd", "env")
FULL_REPETITIONS = 5  # times those of the file
IDENTITY_MAX = 127 - len("_round-999")  # PLAN_ID_MAX - 1, and what again() adds


@dataclass(frozen=True)
class Run:
    """One line of a plan."""
    identity: str
    backend: str
    labels: dict  # what the sweep varies, by name
    repetitions: int
    line: str
    point: str  # the identity, without the round: runs of one point are repetitions
    counters: str = ""  # performance counters that the launcher is to read around it

    def again(self, suffix, repetitions):
        """The same once more, so many times, under a name of its own."""
        identity = f"{self.point}_{suffix}"
        line = self.line.replace(f" repeat={self.repetitions} ", f" repeat={repetitions} ", 1)
        return replace(self, identity=identity, repetitions=repetitions, line=identity + line.removeprefix(self.identity))


class Experiment:
    """One file: what runs, and the figures that show it."""

    def __init__(self, path, known_backends, figure_kinds):
        file = SettingsFile(path)
        table = file.table
        file.check(table, KEYS, ("title", "workload", "figure"))
        self.path, self.name = path, path.stem
        self.title, self.workload = table["title"], table["workload"]
        self.arguments = {"normal": table.get("arguments", [])}
        self.arguments["quick"] = table.get("quick", self.arguments["normal"])
        self.arguments["full"] = table.get("full", self.arguments["normal"])
        self.backends = table.get("backends", list(known_backends))
        self.repetitions = table.get("repetitions", 1)
        self.native = table.get("native", False)  # it runs on this Linux itself, too
        self.sweep = table.get("sweep", {})
        self.quick_sweep = {**self.sweep, **table.get("quick_sweep", {})}
        self.measured = table.get("measured", {})
        file.check(self.measured, MEASURED_KEYS, (), "measured")
        self.arguments["short"] = self.measured.get("short", self.arguments["quick"])
        self.counters = table.get("counters", "")
        self.settings = dict(table.get("settings", {}))
        if "memory" in table:
            self.settings["memory"] = table["memory"]
        self.check(file, known_backends)
        shown = table["figure"] if isinstance(table["figure"], list) else [table["figure"]]
        self.figures = [figures.Figure(file, self, one, figure_kinds) for one in shown]

    def check(self, file, known_backends):
        for key, values in [(key, file.table.get(key, [])) for key in ("arguments", "quick", "full", "backends")] \
                + [(key, self.measured.get(key, [])) for key in ("options", "short")]:
            for value in values:
                if not isinstance(value, str):
                    file.refuse(key, f"{key} must be a list of texts, not {value!r}")
        for name in self.backends:
            if name not in known_backends:
                file.refuse("backends", f"unknown backend {name!r}; {nearest(name, known_backends)}")
        if self.repetitions < 1:
            file.refuse("repetitions", f"repetitions must be 1 or more, not {self.repetitions}")
        used = set(re.findall(r"{(\w+)}", " ".join(sum(self.arguments.values(), self.measured.get("options", [])))))
        for section, sweep in (("sweep", self.sweep), ("quick_sweep", file.table.get("quick_sweep", {}))):
            for key, values in sweep.items():
                if key not in used and key not in PLAN_SETTINGS:
                    file.refuse(key, f"{key!r} is neither a {{word}} in the arguments nor a setting of a plan; "
                                f"{nearest(key, used.union(PLAN_SETTINGS))}", section)
                if not isinstance(values, list) or not values:
                    file.refuse(key, f"{key} must be a list of values, not {values!r}", section)
        for key in file.table.get("quick_sweep", {}):
            if key not in self.sweep:
                file.refuse(key, f"{key!r} is not swept; {nearest(key, self.sweep)}", "quick_sweep")
        for key in used.difference(self.sweep):
            raise Refusal(f"{self.path}: {{{key}}} in the arguments is not swept; {nearest(key, self.sweep)}")
        for key in self.settings:
            if key not in PLAN_SETTINGS:
                file.refuse(key, f"unknown key {key!r}; {nearest(key, PLAN_SETTINGS)}", "settings")

    def runs(self, backends, mode, measured=False):
        """
        One run for each backend (of those in `backends`, if it is not empty) and point of the sweep, in mode short, quick, normal or
        full. `measured`: ticks are time, and rounds of such runs take the place of repetitions.
        """
        sweep = self.sweep if mode in ("normal", "full") else self.quick_sweep
        arguments = self.arguments[mode]
        repetitions = self.repetitions * FULL_REPETITIONS if mode == "full" else self.repetitions if mode == "normal" \
            else min(self.repetitions, 2)
        if measured:
            arguments, repetitions = arguments + self.measured.get("options", []), 1
        for backend in self.backends:
            if backends and backend not in backends:
                continue
            for values in itertools.product(*sweep.values()):
                yield self.run(backend, dict(zip(sweep, values)), repetitions, arguments)

    def run(self, backend, labels, repetitions, arguments):
        identity = "_".join([self.name, backend, *(f"{key}-{value}" for key, value in labels.items())])
        identity = re.sub(r"[^\w.-]", "-", identity)
        if len(identity) > IDENTITY_MAX:
            raise Refusal(f"{self.path}: the name of a run would be longer than {IDENTITY_MAX} characters: {identity}")
        settings = {**self.settings, **{key: value for key, value in labels.items() if key in PLAN_SETTINGS}}
        words = [re.sub(r"{(\w+)}", lambda match: str(labels[match[1]]), word) for word in arguments]
        line = " ".join([identity, f"backend={backend}", f"repeat={repetitions}",
                         *(f"{key}={value}" for key, value in settings.items()), "--", f"/bin/{self.workload}", *words])
        return Run(identity, backend, labels, repetitions, line, identity, self.counters)


def load(folder, only, known_backends, figure_kinds):
    """The experiments of the folder that `only` names; all if it names none."""
    experiments = [Experiment(path, known_backends, figure_kinds) for path in sorted(folder.glob("*.toml"))]
    names = [experiment.name for experiment in experiments]
    for name in only:
        if name not in names:
            raise Refusal(f"no experiment {name!r}; {nearest(name, names)}")
    return [experiment for experiment in experiments if not only or experiment.name in only]
