"""Distribution of a histogram metric, by series: the share of values above x, so that the tail can be read."""

from campaign.figures import LARGE, quote, style_of

KEYS = {}
DECADE = 10  # a narrower range is not drawn logarithmically: it would have no marks at its axis


def shares(buckets):
    """Points (value, share of the values that are greater)."""
    total = sum(count for _, count in buckets)
    left = total
    for value, count in buckets:
        left -= count
        yield value, left / total


def draw(figure, data):
    rows = [row for row in figure.select(data) if row.get("buckets")]
    if not rows:
        return None
    blocks, plots, seen = [], [], []
    least = min(1 / sum(count for _, count in row["buckets"]) for row in rows)
    for index, (name, group) in enumerate(figure.groups(rows).items()):
        buckets = {}
        for row in group:
            for value, count in row["buckets"]:
                buckets[value] = buckets.get(value, 0) + count
        points = [(value, max(share, least / 2)) for value, share in shares(sorted(buckets.items()))]
        points.insert(0, (points[0][0], 1))
        seen += [value for value, _ in points]
        blocks.append(f"$series{index} << END\n" + "\n".join(f"{value} {share:g}" for value, share in points) + "\nEND")
        plots.append(f"$series{index} using 1:2 with steps lw 2 {style_of(index)} title {quote(name)}")
    what = figure.get("x_label", figure.get("metric"))
    commands = [*blocks, "set grid", "set key outside right top", "set logscale y 10", f"set yrange [{least / 2:g}:1]",
                "set format y '%g'", f"set xlabel {quote(what + ' (' + rows[0]['unit'] + ')')}",
                f"set ylabel {quote('share of values above x (' + rows[0]['kind'] + ')')}"]
    if "x" in figure.get("logarithmic", "") and max(seen) > DECADE * max(min(seen), 1):
        commands += ["set logscale x 2", "set autoscale xfix"]
    if max(seen) >= LARGE:
        commands.append("set format x '%.0s %c'")
    return commands, plots
