"""Experiment files: TOML, one experiment each, checked key by key."""

import difflib
import itertools
import re
import tomllib

from . import Refusal

BACKENDS_DEFAULT = ["none", "kernel", "syscall", "syscall-kpti", "pku"]

# Keys of an experiment file and of its figure: the type that each must have.
KEYS = {"title": str, "workload": str, "arguments": list, "quick": list, "backends": list, "repetitions": int,
        "memory": str, "sweep": dict, "figure": dict}
FIGURE_KEYS = {"kind": str, "title": str, "metric": str, "case": str, "x": str, "x_label": str, "y_label": str,
               "series": str, "logarithmic": str, "references": list}
FIGURE_KINDS = ("bars", "lines")
REQUIRED = ("title", "workload", "figure")


def line_of(text, key):
    """Where `key` stands in the file's text."""
    for number, line in enumerate(text.splitlines(), 1):
        if re.match(rf"\s*\[?{re.escape(key)}\s*[=\]]", line):
            return number
    return 1


def check(path, text, table, keys):
    for key, value in table.items():
        if key not in keys:
            near = difflib.get_close_matches(key, keys, 1)
            hint = f"; did you mean {near[0]!r}?" if near else f"; keys are {', '.join(sorted(keys))}"
            raise Refusal(f"{path}:{line_of(text, key)}: unknown key {key!r}{hint}")
        if not isinstance(value, keys[key]):
            raise Refusal(f"{path}:{line_of(text, key)}: {key} must be {keys[key].__name__}, not {value!r}")


class Experiment:
    """One file: what runs, and what figure shows it."""

    def __init__(self, path):
        self.path = path
        self.name = path.stem
        text = path.read_text()
        try:
            table = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise Refusal(f"{path}: {error}") from None
        check(path, text, table, KEYS)
        for key in REQUIRED:
            if key not in table:
                raise Refusal(f"{path}: key {key!r} is missing")
        check(path, text, table["figure"], FIGURE_KEYS)
        if table["figure"].get("kind") not in FIGURE_KINDS:
            raise Refusal(f"{path}:{line_of(text, 'kind')}: kind must be one of {', '.join(FIGURE_KINDS)}")
        self.title = table["title"]
        self.workload = table["workload"]
        self.arguments = table.get("arguments", [])
        self.quick = table.get("quick", self.arguments)
        self.backends = table.get("backends", BACKENDS_DEFAULT)
        self.repetitions = table.get("repetitions", 1)
        self.memory = table.get("memory")
        self.sweep = table.get("sweep", {})
        self.figure = table["figure"]

    def runs(self, backends, quick):
        """The plan's lines: (settings, line text), one for each backend and point of the sweep."""
        for backend in self.backends:
            if backends and backend not in backends:
                continue
            for values in itertools.product(*self.sweep.values()):
                settings = dict(zip(self.sweep, values))
                identity = "_".join([self.name, backend, *(f"{key}-{value}" for key, value in settings.items())])
                words = [identity, f"backend={backend}", f"repeat={self.repetitions}",
                         *(f"{key}={value}" for key, value in settings.items())]
                if self.memory:
                    words.append(f"memory={self.memory}")
                arguments = self.quick if quick else self.arguments
                yield {"backend": backend, **settings}, identity, " ".join(
                    [*words, "--", f"/bin/{self.workload}", *arguments])


def load(folder, only):
    experiments = [Experiment(path) for path in sorted(folder.glob("*.toml"))]
    names = [experiment.name for experiment in experiments]
    for name in only:
        if name not in names:
            near = difflib.get_close_matches(name, names, 1)
            hint = f"; did you mean {near[0]}?" if near else f"; there are {', '.join(names)}"
            raise Refusal(f"no experiment {name!r}{hint}")
    return [experiment for experiment in experiments if not only or experiment.name in only]
