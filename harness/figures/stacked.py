"""Stacked bars: for each value of `x` (default: the backend) the metrics on top of each other, in the order of the file."""

from campaign.figures import COLOURS, SIGNS, quote, short, value_of

KEYS = {}
LABEL_MIN = 0.01  # of the highest bar: a lower part has no room for its number


def draw(figure, data):
    rows = figure.select(data)
    if not rows:
        return None
    x = figure.get("x", "backend")
    clusters = list(dict.fromkeys(value_of(row, x) for row in rows))
    below = [0.0] * len(clusters)
    highest = max(sum(row["median"] for row in rows if value_of(row, x) == name) for name in clusters)
    blocks, plots = [], []
    for index, metric in enumerate(figure.get("metric")):
        group, lines = [row for row in rows if row["metric"] == metric], []
        if not group:
            continue
        for row in group:
            place = clusters.index(value_of(row, x))
            top = below[place] + row["median"]
            label = f"{short(row['median'])}{SIGNS[row['mark']]}" if row["median"] >= LABEL_MIN * highest else ""
            lines.append(f"{place} {below[place] + row['median'] / 2} {row['median'] / 2} {top} \"{label}\"")
            below[place] = top
        blocks.append(f"$part{index} << END\n" + "\n".join(lines) + "\nEND")
        plots.append(f"$part{index} using 1:2:(0.3):3 with boxxyerror fs pattern {index + 1} border -1 "
                     f"lc rgb '{COLOURS[index % len(COLOURS)]}' title {quote(metric.replace('_', ' '))}")
        plots.append(f"$part{index} using ($1+0.31):2:5 with labels left font ',10' notitle")
    tics = ", ".join(f"{quote(name)} {number}" for number, name in enumerate(clusters))
    commands = [*blocks, "set grid ytics", f"set xtics scale 0 ({tics})", f"set xrange [-0.5:{len(clusters) - 0.2}]",
                f"set yrange [0:{highest * 1.1:g}]", f"set ylabel {quote(figure.y_label(rows))}", "set key outside right top reverse Left"]
    return commands, plots
