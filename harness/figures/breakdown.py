"""
Stacked bars of modelled cycles: the plain instructions, and each event that costs more than one; whiskers over profiles. Several metrics
are parts of one whole, on top of each other, the events of each together.
"""

from campaign.figures import COLOURS, WHISKERS, quote, value_of

PLAIN = "plain instructions"
KEYS = {"references": list}  # other cases of the metric that are drawn as bars of their own


def parts(row, profile):
    """Cycles of each component of a modelled row."""
    events = {event: count for event, count in row["events"].items() if count}
    yield PLAIN, (row_instructions(row, profile) - sum(events.values())) * row["instruction"]
    for event, count in events.items():
        yield event.replace("_", " "), count * profile.entries[event]["value"]


def row_instructions(row, profile):
    """The counted instructions behind a modelled row, from its cycles."""
    special = sum(count * profile.entries[event]["value"] for event, count in row["events"].items() if count)
    return (row["median"] - special) / row["instruction"] + sum(row["events"].values())


class Bar:
    """The rows of one bar, which are its parts: in most figures one."""

    def __init__(self, name, rows, profile):
        self.name, self.cycles = name, {}
        for row in rows:
            for component, cycles in parts(row, profile):
                if len(rows) > 1:
                    component = f"{row['metric'].replace('_', ' ')}: {component if component == PLAIN else 'events'}"
                self.cycles[component] = self.cycles.get(component, 0) + cycles
        self.median = sum(row["median"] for row in rows)
        known = [name for name in rows[0]["by_profile"] if all(row["by_profile"].get(name) is not None for row in rows)]
        totals = [sum(row["by_profile"][name] for row in rows) for name in known]
        self.low, self.high = min(totals), max(totals)


def bars_of(figure, data, rows, profile):
    for case in figure.get("references", []):
        found = figure.select(data, case=case)
        if found:
            yield Bar(case.replace("_", " "), [min(found, key=lambda row: row["median"])], profile)
    x, metrics = figure.get("x", "backend"), figure.get("metric", [])
    if not isinstance(metrics, list):
        yield from (Bar(str(value_of(row, x)), [row], profile) for row in rows)
        return
    for name in dict.fromkeys(value_of(row, x) for row in rows):
        group = [row for row in rows if value_of(row, x) == name]
        yield Bar(str(name), sorted(group, key=lambda row: metrics.index(row["metric"])), profile)


def draw(figure, data):
    rows = figure.select(data)
    if not rows or data.measured:  # time is one number
        return None
    bars = list(bars_of(figure, data, rows, data.profiles[data.profile]))
    components = list(dict.fromkeys(name for bar in bars for name in bar.cycles))
    metrics = figure.get("metric", [])
    several = isinstance(metrics, list)
    if several:  # parts in their order, whatever the first bar lacks
        components.sort(key=lambda name: [metric.replace("_", " ") for metric in metrics].index(name.split(": ")[0]))
    blocks, plots = [], []
    heights = [0.0] * len(bars)
    stacked = []
    for index, component in enumerate(components):
        lines = []
        for number, bar in enumerate(bars):
            cycles = bar.cycles.get(component, 0)
            heights[number] += cycles
            lines.append(f"{number} {heights[number]}" if cycles else f"{number} NaN")
        blocks.append(f"$part{index} << END\n" + "\n".join(lines) + "\nEND")
        style = f"lc rgb '{COLOURS[index % len(COLOURS)]}' fs pattern {index + 1} border -1"
        stacked.append(f"$part{index} using 1:2:(0.6) with boxes {style} title {quote(component)}")
    # The tallest part is drawn first, and the lower ones over it on a ground of white.
    for index, plot in reversed(list(enumerate(stacked))):
        plots += [f"$part{index} using 1:2:(0.6) with boxes lc rgb 'white' fs solid 1 noborder notitle", plot]
    whiskers = [f"{number} {bar.median} {bar.low} {bar.high} {bar.median:.0f}" for number, bar in enumerate(bars)]
    blocks.append("$whiskers << END\n" + "\n".join(whiskers) + "\nEND")
    plots += [f"$whiskers using ($1+0.2):3:(0):($4-$3) {WHISKERS}",
              "$whiskers using ($1-0.12):2:5 with labels offset 0,0.6 font ',11' notitle"]
    tics = ", ".join(f"{quote(bar.name)} {number}" for number, bar in enumerate(bars))
    highest = max(bar.high for bar in bars)
    commands = [*blocks, "set grid ytics", f"set xtics scale 0 ({tics})", f"set xrange [-0.6:{len(bars) - 0.4}]",
                "set key bmargin center horizontal reverse Left" if several else "set key left top",
                f"set yrange [0:{highest * 1.15:g}]", f"set ylabel {quote(figure.y_label(rows))}"]
    return commands, plots
