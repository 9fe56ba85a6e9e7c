"""Figures: what a [figure] table may say, and drawing by gnuplot (SVG, PNG and PDF from one script).

A kind of figure is a file harness/figures/KIND.py with KEYS, a table of further keys, and

    draw(figure, data) -> (commands, plots), or None when the run has no data for it

where commands are gnuplot's and plots the elements of one `plot`.
"""

import importlib.util
import math
import shutil
import subprocess
import textwrap

from . import Refusal, clock
from .settings_file import nearest
from .statistics import SIGNS

# By extension: what stands around the size, and width and height with their unit.
TERMINALS = {"svg": ("svg noenhanced size", 900, 540, "", "dynamic background 'white' font 'sans,15'"),
             "png": ("pngcairo noenhanced size", 1200, 720, "", "font 'sans,15'"),
             "pdf": ("pdfcairo noenhanced size", 7, 4.2, "in", "font 'sans,10'")}
# From dark to light, so that neighbours differ in grey; patterns, dashes and points differ as well.
COLOURS = ("#1b3a5c", "#c8502d", "#7fa8c9", "#e0b34c", "#4c7a4c", "#7b4b94", "#a0a0a0", "#202020")
DASHES = ("1", "2", "3", "4", "5", "'_. '", "'__  '", "'-_'")
WHISKERS = "with vectors heads size screen 0.004,90 lw 1.5 lc black notitle"  # using x:low:(0):(high-low)

LARGE = 1e6  # from here on an axis counts in k and M
SPAN = 200  # a wider range of values is drawn logarithmically: the lowest would not be seen

KEYS = {"kind": str, "name": str, "title": str, "metric": (str, list), "case": str, "where": dict, "x": str, "x_label": str,
        "y_label": str, "series": str, "logarithmic": str, "numbers": str, "relative_to": str, "measured": bool, "between": str}
NUMBERS = ("records", "modelled")
REASON_WIDTH = 90  # characters of a line of reasons in a figure
MARKS = (("spread", "spread over repetitions above 10 %"), ("unstable", "median not known well enough"))


def load_kinds(folder):
    """The kinds of figures, by name: every Python file of the folder."""
    kinds = {}
    for path in sorted(folder.glob("*.py")):
        specification = importlib.util.spec_from_file_location(f"figures_{path.stem}", path)
        module = importlib.util.module_from_spec(specification)
        try:
            specification.loader.exec_module(module)
        except Exception as error:  # a plug-in may fail in any way: the user is told which one
            raise Refusal(f"{path}: {type(error).__name__}: {error}") from None
        for member in ("KEYS", "draw"):
            if not hasattr(module, member):
                raise Refusal(f"{path}: a kind of figure needs {member}")
        kinds[path.stem] = module
    return kinds


def quote(text):
    return "'" + str(text).replace("'", "''").replace("\n", " ") + "'"


def style_of(index):
    """Colour and dashes of a series."""
    return f"lc rgb '{COLOURS[index % len(COLOURS)]}' dt {DASHES[index % len(DASHES)]}"


def short(value):
    """A number as it stands at a bar."""
    return f"{value / 1e6:.3g}M" if abs(value) >= 1e6 else f"{value / 1e3:.3g}k" if abs(value) >= 1e4 else f"{value:.3g}" \
        if abs(value) < 1e3 else f"{value:.0f}"


def value_of(row, name):
    """What a row is at in the figure: its backend, a weaker mode included, program or metric, or one of its labels."""
    if name == "backend" and row.get("mode"):
        return f"{row['backend']} ({row['mode']})"
    return row[name] if name in ("backend", "workload", "metric") else row["labels"].get(name, "")


def is_wide(rows):
    return 0 < min(row["low"] for row in rows) * SPAN < max(row["high"] for row in rows)


def logarithmic(figure, rows, highest):
    """Commands for a vertical axis that shows all of a wide range."""
    least = 10 ** math.floor(math.log10(min(row["low"] for row in rows)))
    return ["set logscale y 10", f"set yrange [{least:g}:{highest * 6:g}]", f"set format y '{'%.0s %c' if highest >= LARGE else '%g'}'",
            f"set ylabel {quote(figure.y_label(rows) + ', logarithmic')}"]


class Figure:
    """One [figure] table of an experiment."""

    def __init__(self, file, experiment, table, kinds):
        kind = table.get("kind")
        if kind not in kinds:
            file.refuse("kind", f"unknown kind of figure {kind!r}; {nearest(str(kind), kinds)}", "figure")
        self.module = kinds[kind]
        file.check(table, {**KEYS, **self.module.KEYS}, ("kind",), "figure")
        self.table = table
        self.name = table.get("name", experiment.name)
        self.title = table.get("title", experiment.title)
        self.numbers = table.get("numbers", "records")
        if self.numbers not in NUMBERS:
            file.refuse("numbers", f"unknown numbers {self.numbers!r}; {nearest(self.numbers, NUMBERS)}", "figure")

    def is_of(self, data):
        """Is it a figure of such numbers? One that is `measured` has nothing to show where ticks are counted."""
        return data.measured or not self.get("measured", False)

    def get(self, key, default=None):
        return self.table.get(key, default)

    def select(self, data, **changes):
        """The rows that the figure shows. `changes` take the place of keys of its table."""
        wanted = {**self.table, **changes}
        where = dict(wanted.get("where", {}))
        if "case" in wanted:
            where["case"] = wanted["case"]
        metrics = wanted.get("metric", [])
        modelled = wanted.get("numbers", self.numbers) == "modelled" and not data.measured
        rows = [row for row in (data.modelled if modelled else data.rows)
                if (not metrics or row["metric"] in (metrics if isinstance(metrics, list) else [metrics]))
                and all((row["backend"] if key == "backend" else value_of(row, key)) in (value if isinstance(value, list) else [value])
                        for key, value in where.items())]
        if "between" in wanted:
            rows = differences(rows, wanted["between"])
        return relative(rows, wanted["relative_to"]) if "relative_to" in wanted else rows

    def groups(self, rows):
        """The rows by series, in order of appearance."""
        found = {}
        for row in rows:
            found.setdefault(value_of(row, self.get("series", "backend")), []).append(row)
        return found

    def x_of(self, rows):
        """What the horizontal axis is: the key `x`, or the first label that is a number."""
        if self.get("x"):
            return self.get("x")
        labels = rows[0]["labels"]
        return next((key for key, value in labels.items() if isinstance(value, (int, float)) and key != self.get("series")),
                    "backend")

    def y_label(self, rows):
        what = self.get("y_label", rows[0]["metric"])
        return f"{what} ({rows[0]['unit']}, {rows[0]['kind']})"


def ratios(row, base):
    """A row divided by another. The range of modelled rows is that of the ratio over the profiles, each of which gives both."""
    divided = {key: row[key] / base["median"] for key in ("median", "low", "high", "least", "most")}
    if row.get("by_profile"):
        each = [cycles / base["by_profile"][name] for name, cycles in row["by_profile"].items()
                if cycles is not None and base["by_profile"].get(name)]
        divided.update(low=min(each), high=max(each), least=min(each), most=max(each))
    return divided


def relative(rows, backend):
    """Each row divided by that of `backend` at the same point."""
    def point(row):
        return row["workload"], row["metric"], row["settings"]

    bases = {point(row): row for row in rows if row["backend"] == backend}
    found = []
    for row in rows:
        base = bases.get(point(row))
        if base and base["median"]:
            found.append({**row, "unit": f"times {backend}", **ratios(row, base)})
    return found


def differences(rows, label):
    """For each number that is swept by `label`: what one more of it costs, from the least and the greatest of them."""
    ends = {}
    for row in rows:
        others = tuple((key, value) for key, value in row["labels"].items() if key != label)
        if label in row["labels"]:
            ends.setdefault((row["workload"], row["backend"], row["metric"], others), []).append(row)
    found = []
    for (_, _, _, others), group in ends.items():
        first, last = (choose(group, key=lambda row: row["labels"][label]) for choose in (min, max))
        steps = last["labels"][label] - first["labels"][label]
        if steps:
            found.append({**last, "labels": dict(others), "settings": " ".join(f"{key}={value}" for key, value in others),
                          "median": (last["median"] - first["median"]) / steps, "low": (last["low"] - first["high"]) / steps,
                          "high": (last["high"] - first["low"]) / steps})
    return found


def subtitle(figure, data, rows):
    """Kind, engine and profile, for every figure to say."""
    kinds = ", ".join(sorted({row["kind"] for row in rows})) or "nothing counted"
    engines = ", ".join(sorted({row["engine"] for row in rows})) or ", ".join(data.engines)
    if figure.numbers == "modelled" and not data.measured:
        return f"modelled from counts on {engines}, cost profile {data.profile_label}; whiskers: least to greatest over {data.profile_count} profiles"
    by = f", by a {clock.name_of(data.rate)}" if data.rate and any(row["unit"] == clock.NANOSECONDS for row in rows) else ""
    marks = {row["mark"] for row in rows}
    return f"{kinds}, engine {engines}{by}" + "".join(f"; {SIGNS[mark]} {text}" for mark, text in MARKS if mark in marks)


def script(figure, data):
    """The gnuplot commands of a figure, without terminal and output."""
    drawn = figure.module.draw(figure, data)
    rows = figure.select(data)
    title = f"{figure.title}\\n{subtitle(figure, data, rows)}".replace('"', "'")
    head = [f'set title "{title}"', f"set xlabel {quote(figure.get('x_label', ''))}", "set tics nomirror"]
    if drawn is None:
        metrics = figure.get("metric", "this experiment")
        missing = [f"data missing: this run has no {figure.numbers} of {metrics if isinstance(metrics, str) else ', '.join(metrics)}"]
        missing = [line for text in missing + data.reasons for line in textwrap.wrap(text, REASON_WIDTH)]
        labels = [f"set label {quote(text)} at graph 0.5, graph {0.55 - 0.07 * number} center"
                  for number, text in enumerate(missing[:6])]
        return head + ["unset border", "unset tics", "unset key", "set yrange [0:1]", "set xrange [0:1]", *labels, "plot NaN notitle"]
    commands, plots = drawn
    return [*head, *commands, "plot " + ", \\\n".join(plots)]


def drawn(experiment, data, other):
    """The figures of an experiment that this run has: of its own numbers, or of those of another kind beside them."""
    return [figure for figure in experiment.figures if figure.is_of(data) or shows(figure, other)]


def shows(figure, data):
    """Is there something to draw?"""
    return data is not None and bool(figure.select(data)) and figure.module.draw(figure, data) is not None


def draw(figure, data, other, folder):
    """
    Writes folder/NAME.{svg,png,pdf}, and NAME-beside.* with two panels where `other`, data of another kind, has the figure, too; of a
    figure that is of the other kind alone, NAME.*.
    Returns the paths of the fuller picture by extension.
    """
    if not figure.is_of(data):
        return run_gnuplot(figure.name, [script(figure, other)], folder)
    panels = [script(figure, data)]
    paths = run_gnuplot(figure.name, panels, folder)
    if shows(figure, other):
        paths = run_gnuplot(f"{figure.name}-beside", [*panels, script(figure, other)], folder)
    return paths


def run_gnuplot(name, panels, folder):
    """Each panel has axes and a title of its own."""
    program = shutil.which("gnuplot")
    if not program:
        raise Refusal("gnuplot is not installed, which draws the figures: make deps installs it; no record is lost, and a run "
                      "of the same --name goes on here")
    paths, text = {}, []
    for extension, (terminal, width, height, unit, rest) in TERMINALS.items():
        paths[extension] = folder / f"{name}.{extension}"
        text += ["reset", f"set terminal {terminal} {width * len(panels)}{unit},{height}{unit} {rest}", f"set output {quote(paths[extension])}"]
        text += [f"set multiplot layout 1,{len(panels)}"] if len(panels) > 1 else []
        for panel in panels:
            text += ["reset", *panel]
        text += ["unset multiplot", "unset output"] if len(panels) > 1 else ["unset output"]
    done = subprocess.run([program], input="\n".join(text) + "\n", text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          check=False)
    if done.returncode or not all(path.exists() and path.stat().st_size for path in paths.values()):
        raise Refusal(f"gnuplot failed on figure {name}: {' '.join(done.stdout.split())[:400]}")
    return paths
