"""One line for each series over `x` (default: the first label that is a number), with its interval."""

from campaign.figures import SIGNS, is_wide, logarithmic, quote, style_of, value_of

KEYS = {}


def quoted(row):
    return f'"{SIGNS[row["mark"]]}"'


def draw(figure, data):
    rows = figure.select(data)
    if not rows:
        return None
    x = figure.x_of(rows)
    blocks, plots = [], []
    for index, (name, group) in enumerate(figure.groups(rows).items()):
        points = sorted((value_of(row, x), row["median"], row["low"], row["high"], quoted(row)) for row in group)
        blocks.append(f"$series{index} << END\n" + "\n".join(" ".join(map(str, point)) for point in points) + "\nEND")
        style = f"lw 2 {style_of(index)} pt {index + 4}"
        spread = any(low != high for _, _, low, high, _ in points)
        plots.append(f"$series{index} using 1:2{':3:4 with yerrorlines' if spread else ' with linespoints'} {style} title {quote(name)}")
        if any(row["mark"] for row in group):
            plots.append(f"$series{index} using 1:4:5 with labels offset 0,0.6 notitle")
    commands = [*blocks, "set grid", "set key outside right top", "set offsets graph 0.02, graph 0.02", "set autoscale xfix",
                f"set ylabel {quote(figure.y_label(rows))}", f"set xlabel {quote(figure.get('x_label', x))}"]
    for axis in figure.get("logarithmic", ""):
        commands.append(f"set logscale {axis} {2 if axis == 'x' else 10}")
    if "y" in figure.get("logarithmic", ""):
        commands.append("set format y '%.0s %c'")
    elif is_wide(rows):
        commands += logarithmic(figure, rows, max(row["high"] for row in rows))
    else:
        commands.append(f"set yrange [0:{(max(row['high'] for row in rows) or 1) * 1.1:g}]")
    return commands, plots
