"""Figures by gnuplot: SVG, PNG and PDF from the same script; readable without colour (patterns, point and dash types)."""

import shutil
import subprocess

from . import Refusal

TERMINALS = {"svg": "svg size 900,520 dynamic background 'white' font 'sans,15'",
             "png": "pngcairo size 900,520 font 'sans,12'",
             "pdf": "pdfcairo size 7in,4in font 'sans,10'"}
# From dark to light, so that neighbours differ in grey.
COLOURS = ("#1b3a5c", "#c8502d", "#7fa8c9", "#e0b34c", "#4c7a4c", "#a0a0a0")


def gnuplot():
    path = shutil.which("gnuplot")
    if not path:
        raise Refusal("gnuplot is not installed: make deps installs it")
    return path


def quote(text):
    return "'" + str(text).replace("'", "''") + "'"


def series_of(figure, rows):
    """The rows that the figure shows, by series name, in order of appearance."""
    shown = [row for row in rows if row["metric"] == figure["metric"] and row["case"] == figure["case"]]
    groups = {}
    for row in shown:
        name = row["backend"] if figure["series"] == "backend" else dict(
            word.split("=") for word in row["settings"].split()).get(figure["series"], "")
        groups.setdefault(name, []).append(row)
    return groups


def label_of(figure, rows):
    row = rows[0]
    return f"{figure.get('y_label', row['metric'])} ({row['unit']}, {row['kind']})"


def bars(figure, groups):
    """Clustered bars: backends along x, one bar a series, the value above each."""
    backends = list(dict.fromkeys(row["backend"] for rows in groups.values() for row in rows))
    commands = ["set style data histograms", "set style histogram clustered gap 1", "set boxwidth 0.9",
                "set style fill pattern 1 border -1", "set grid ytics"]
    plots, data = [], []
    count = len(groups)
    for index, (name, rows) in enumerate(groups.items()):
        by_backend = {row["backend"]: row for row in rows}
        block = [f"{quote(backend)} {by_backend[backend]['median'] if backend in by_backend else 'NaN'}"
                 for backend in backends]
        data.append(f"$series{index} << END\n" + "\n".join(block).replace("'", '"') + "\nEND")
        colour = COLOURS[index % len(COLOURS)]
        title = f"{figure['series']} {name}"
        plots.append(f"$series{index} using 2:xtic(1) title {quote(title)} lc rgb '{colour}' fs pattern {index + 1}")
        shift = (index - (count - 1) / 2) / (count + 1)
        plots.append(f"$series{index} using ($0+({shift:.4f})):2:(sprintf('%g', $2)) with labels offset 0,0.6 font ',9' notitle")
    return data + commands, plots


def lines(figure, groups):
    """One line a series over the argument, with its confidence interval."""
    commands = ["set grid", "set key left top"]
    if figure.get("logarithmic"):
        commands.append(f"set logscale {figure['logarithmic']} 2")
    plots, data = [], []
    for index, (name, rows) in enumerate(groups.items()):
        rows = sorted(rows, key=lambda row: row["argument"])
        block = [f"{row['argument']} {row['median']} {row['low']} {row['high']}" for row in rows]
        data.append(f"$series{index} << END\n" + "\n".join(block) + "\nEND")
        style = f"lc rgb '{COLOURS[index % len(COLOURS)]}' dt {index + 1} pt {index + 4}"
        plots.append(f"$series{index} using 1:2:3:4 with yerrorlines lw 2 {style} title {quote(name)}")
    return data + commands, plots


def references(figure, rows, highest):
    """Horizontal lines at other cases of the same experiment: the smallest value over the backends."""
    commands = []
    for index, case in enumerate(figure.get("references", [])):
        values = [row["median"] for row in rows if row["case"] == case and row["metric"] == figure["metric"]]
        if not values:
            continue
        value = min(values)
        highest = max(highest, value)
        name = case.replace("_", " ")
        commands.append(f"set arrow from graph 0, first {value} to graph 1, first {value} nohead dt {index + 2}")
        commands.append(f"set label {quote(f'{name} ({value:g})')} at graph 0.01, first {value} offset 0,0.5 font ',9'")
    return commands + ([f"set yrange [0:{highest * 1.25:g}]"] if figure["kind"] == "bars" else [])


def script(experiment, rows, engines):
    figure = experiment.figure
    groups = series_of(figure, rows)
    title = f"{figure.get('title', experiment.title)}\\n{{/*0.75 engine: {', '.join(engines)}}}"
    head = [f'set title "{title}"', f"set xlabel {quote(figure.get('x_label', ''))}"]
    if not groups:
        return head + ["unset border", "unset tics", "unset key", "set yrange [0:1]", "set xrange [0:1]",
                       f"set label {quote('no data in this run')} at 0.5, 0.5 center font ',20'"], ["NaN notitle"]
    head.append(f"set ylabel {quote(label_of(figure, next(iter(groups.values()))))}")
    body, plots = bars(figure, groups) if figure["kind"] == "bars" else lines(figure, groups)
    highest = max(row["median"] for group in groups.values() for row in group)
    return head + body + references(figure, rows, highest), plots


def draw(experiment, rows, engines, folder):
    """Writes folder/NAME.{svg,png,pdf}; returns their paths."""
    commands, plots = script(experiment, rows, engines)
    paths = {}
    for extension, terminal in TERMINALS.items():
        path = folder / f"{experiment.name}.{extension}"
        text = "\n".join([f"set terminal {terminal}", f"set output {quote(path)}", *commands,
                          "plot " + ", \\\n".join(plots), ""])
        done = subprocess.run([gnuplot()], input=text, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              check=False)
        if done.returncode or not path.exists():
            raise Refusal(f"gnuplot failed on figure {experiment.name}: {done.stdout.strip()}")
        paths[extension] = path
    return paths
