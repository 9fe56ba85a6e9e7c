"""Slowdown against entrances a second, from modelled cycles or measured nanoseconds of one entrance.

At r entrances a second, each of which costs c cycles more than a direct call, the share r c / f of a core of f cycles a second goes
into crossings (of f nanoseconds a second, where c is time); the program gets the rest, so that it takes 1 / (1 - share) times as long. A line ends where the share
is too large to draw: no core makes more entrances than f / c a second.
"""

from campaign import clock
from campaign.figures import COLOURS, quote, style_of

KEYS = {"mark": (int, float), "mark_label": str}  # a rate that is marked, and its text
RATES = (1e4, 1e8)
NANOSECONDS = 1e9  # in a second
SLOWDOWN_MAX = 3.0
POINTS = 200


def slowdown(rate, cycles, frequency):
    """None where a core cannot do it."""
    share = rate * cycles / frequency
    return 1 / (1 - share) if share < 1 else None


def at_mark(figure, data, row, base):
    """Slowdown at the marked rate: in the profile that is shown, least and greatest over all; of times with their interval."""
    if data.measured:
        values = [slowdown(figure.get("mark"), row[key] - base["median"], NANOSECONDS) for key in ("median", "low", "high")]
        return [value if value and value <= SLOWDOWN_MAX else SLOWDOWN_MAX for value in values]
    found = {}
    for name, cycles in row["by_profile"].items():
        if cycles is not None and base["by_profile"].get(name) is not None:
            value = slowdown(figure.get("mark"), cycles - base["by_profile"][name], data.profiles[name].frequency)
            found[name] = value if value and value <= SLOWDOWN_MAX else SLOWDOWN_MAX
    return found[data.profile], min(found.values()), max(found.values())


def draw(figure, data):
    rows = figure.select(data)
    base = next((row for row in rows if row["backend"] == "none"), None)
    if not base:
        return None
    if data.measured and base["unit"] != clock.NANOSECONDS:
        return None
    frequency = NANOSECONDS if data.measured else data.profiles[data.profile].frequency
    steps = [RATES[0] * (RATES[1] / RATES[0]) ** (step / POINTS) for step in range(POINTS + 1)]
    blocks, plots, commands = [], [], []
    others = [row for row in rows if row is not base]
    for index, row in enumerate(others):
        points = [(rate, slowdown(rate, row["median"] - base["median"], frequency)) for rate in steps]
        lines = [f"{rate:.6g} {value:.6g}" for rate, value in points if value and value <= SLOWDOWN_MAX]
        blocks.append(f"$line{index} << END\n" + "\n".join(lines) + "\nEND")
        colour = f"lc rgb '{COLOURS[index % len(COLOURS)]}'"
        plots.append(f"$line{index} using 1:2 with lines lw 2.5 {style_of(index)} title {quote(row['backend'])}")
        if figure.get("mark") and at_mark(figure, data, row, base)[0] < SLOWDOWN_MAX:
            # Side by side, so that the whiskers can be told apart.
            place = figure.get("mark") * 1.06 ** (index - (len(others) - 1) / 2)
            blocks.append(f"$mark{index} << END\n{place:.6g} {' '.join(f'{value:.6g}' for value in at_mark(figure, data, row, base))}\nEND")
            plots.append(f"$mark{index} using 1:2:3:4 with yerrorbars {colour} pt {index + 4} lw 1.5 notitle")
    if figure.get("mark"):
        commands += [f"set arrow from {figure.get('mark')}, graph 0 to {figure.get('mark')}, graph 1 nohead dt 3",
                     f"set label {quote(figure.get('mark_label', ''))} at {figure.get('mark')}, graph 0.96 right offset -1,0"]
    return [*blocks, *commands, "set logscale x 10", "set format x '%.0s %c'", "set grid", "set key left center",
            f"set xrange [{RATES[0]:g}:{RATES[1]:g}]", f"set yrange [1:{SLOWDOWN_MAX}]",
            f"set ylabel {quote(figure.get('y_label', 'slowdown') + ' (times no protection, ' + base['kind'] + ')')}"], plots
