"""Clustered bars: one cluster for each value of `x` (default: the backend), one bar for each series."""

from campaign.figures import COLOURS, LARGE, SIGNS, WHISKERS, is_wide, logarithmic, quote, short, value_of

LABELS_MAX, LABELS_LEVEL_MAX = 60, 18  # bars with their value written at them, and written level
TICS_WIDTH = 90  # characters of all names that stand level beside each other
KEYS = {"references": list}  # other cases of the metric that are drawn as horizontal lines


def references(figure, data):
    """Horizontal lines: the smallest value of each case over the backends."""
    commands, highest = [], 0
    for index, case in enumerate(figure.get("references", [])):
        values = [row["median"] for row in figure.select(data, case=case)]
        if values:
            value = min(values)
            highest = max(highest, value)
            commands += [f"set arrow from graph 0, first {value} to graph 1, first {value} nohead dt {index + 2} front",
                         f"set label {quote(f'{case} ({short(value)})'.replace('_', ' '))} at graph 0.01, first {value} "
                         "offset 0,0.5 font ',11' front"]
    return commands, highest


def block(name, lines):
    return f"${name} << END\n" + "\n".join(lines) + "\nEND"


def draw(figure, data):
    rows = figure.select(data)
    if not rows:
        return None
    x = figure.get("x", "backend")
    series = figure.get("series", "")
    wanted = figure.get("where", {}).get(x, [])
    clusters = list(dict.fromkeys(str(value_of(row, x)) for row in rows))
    if isinstance(wanted, list):  # the order in which the file names them
        clusters.sort(key=lambda name: [str(one) for one in wanted].index(name) if wanted else 0)
    groups = figure.groups(rows) if series else {"": rows}
    width = 0.8 if series == x else 0.8 / len(groups)
    blocks, plots = [], []
    for index, (name, group) in enumerate(groups.items()):
        place = 0 if series == x else (index - (len(groups) - 1) / 2) * width
        lines = [f"{clusters.index(str(value_of(row, x))) + place} {row['median']} {row['low']} {row['high']} "
                 f"{short(row['median'])}{SIGNS[row['mark']]}" for row in group]
        blocks.append(block(f"series{index}", lines))
        title = f"{series} {name}" if series not in ("", "backend") else name
        style = f"lc rgb '{COLOURS[index % len(COLOURS)]}' fs pattern {index + 1} border -1"
        plots.append(f"$series{index} using 1:2:({width * 0.92:.4f}) with boxes {style} title {quote(title)}" if name != ""
                     else f"$series{index} using 1:2:({width * 0.92:.4f}) with boxes {style} notitle")
        if any(row["low"] != row["high"] for row in group):
            plots.append(f"$series{index} using 1:3:(0):($4-$3) {WHISKERS}")
        if len(rows) <= LABELS_MAX:
            turned = "rotate by 90 left offset 0,0.4" if len(rows) > LABELS_LEVEL_MAX else "offset 0,0.6"
            plots.append(f"$series{index} using 1:4:5 with labels {turned} font ',10' notitle")
    tics = ", ".join(f"{quote(name)} {number}" for number, name in enumerate(clusters))
    slanted = "rotate by -25 " if sum(map(len, clusters)) > TICS_WIDTH else ""
    lines, highest = references(figure, data)
    highest = max([highest] + [row["high"] for row in rows])
    commands = [*blocks, "set grid ytics", f"set xtics scale 0 {slanted}({tics})", f"set xrange [{-1.0 if lines else -0.6}:{len(clusters) - 0.4}]",
                f"set yrange [0:{(highest or 1) * 1.25:g}]", f"set ylabel {quote(figure.y_label(rows))}", "set key outside right top", *lines]
    if highest >= LARGE:
        commands.append("set format y '%.1s %c'")
    if is_wide(rows):
        commands += logarithmic(figure, rows, highest)
    return commands, plots
