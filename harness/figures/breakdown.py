"""Stacked bars of modelled cycles: the plain instructions, and each event that costs more than one; whiskers over profiles."""

from campaign.figures import COLOURS, WHISKERS, quote, value_of

KEYS = {"references": list}  # other cases of the metric that are drawn as bars of their own


def parts(row, profile):
    """Cycles of each component of a modelled row."""
    events = {event: count for event, count in row["events"].items() if count}
    yield "plain instructions", (row_instructions(row, profile) - sum(events.values())) * row["instruction"]
    for event, count in events.items():
        yield event.replace("_", " "), count * profile.entries[event]["value"]


def row_instructions(row, profile):
    """The counted instructions behind a modelled row, from its cycles."""
    special = sum(count * profile.entries[event]["value"] for event, count in row["events"].items() if count)
    return (row["median"] - special) / row["instruction"] + sum(row["events"].values())


def draw(figure, data):
    rows = figure.select(data)
    if not rows or data.measured:  # time is one number
        return None
    profile = data.profiles[data.profile]
    x = figure.get("x", "backend")
    bars = []
    for case in figure.get("references", []):
        found = figure.select(data, case=case)
        if found:
            bars.append((case.replace("_", " "), min(found, key=lambda row: row["median"])))
    bars += [(str(value_of(row, x)), row) for row in rows]
    components = list(dict.fromkeys(name for _, row in bars for name, _ in parts(row, profile)))
    blocks, plots = [], []
    heights = [0.0] * len(bars)
    stacked = []
    for index, component in enumerate(components):
        lines = []
        for number, (_, row) in enumerate(bars):
            cycles = dict(parts(row, profile)).get(component, 0)
            heights[number] += cycles
            lines.append(f"{number} {heights[number]}" if cycles else f"{number} NaN")
        blocks.append(f"$part{index} << END\n" + "\n".join(lines) + "\nEND")
        style = f"lc rgb '{COLOURS[index % len(COLOURS)]}' fs pattern {index + 1} border -1"
        stacked.append(f"$part{index} using 1:2:(0.6) with boxes {style} title {quote(component)}")
    # The tallest part is drawn first, and the lower ones over it on a ground of white.
    for index, plot in reversed(list(enumerate(stacked))):
        plots += [f"$part{index} using 1:2:(0.6) with boxes lc rgb 'white' fs solid 1 noborder notitle", plot]
    whiskers = [f"{number} {row['median']} {row['low']} {row['high']} {row['median']:.0f}" for number, (_, row) in enumerate(bars)]
    blocks.append("$whiskers << END\n" + "\n".join(whiskers) + "\nEND")
    plots += [f"$whiskers using ($1+0.2):3:(0):($4-$3) {WHISKERS}",
              "$whiskers using ($1-0.12):2:5 with labels offset 0,0.6 font ',11' notitle"]
    tics = ", ".join(f"{quote(name)} {number}" for number, (name, _) in enumerate(bars))
    highest = max(row["high"] for _, row in bars)
    commands = [*blocks, "set grid ytics", f"set xtics scale 0 ({tics})", f"set xrange [-0.6:{len(bars) - 0.4}]", "set key left top",
                f"set yrange [0:{highest * 1.15:g}]", f"set ylabel {quote(figure.y_label(rows))}"]
    return commands, plots
