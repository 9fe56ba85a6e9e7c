"""The report: one HTML page that needs no other file, and the same summary as text."""

import html
import json
import re

from .calibration import COSTS, UNPROTECTED, key_of
from .figures import drawn, shows, value_of
from .statistics import SIGNS

STYLE = """body{font:16px/1.45 sans-serif;max-width:64em;margin:2em auto;padding:0 1em;color:#222}
table{border-collapse:collapse;margin:1em 0}td,th{border:1px solid #bbb;padding:.2em .6em;text-align:right;vertical-align:top}
th:first-child,td:first-child,table.text td,table.text th{text-align:left}figure{margin:1.5em 0}svg{max-width:100%;height:auto}
code{background:#f2f2f2;padding:0 .2em}.scroll{overflow-x:auto}.holds{color:#1a6b2a}.not{color:#a02010}.none{color:#777}
h2{border-top:1px solid #ccc;padding-top:1em}"""
COLUMNS_MAX = 12  # of a table in the text
KINDS = (("counted", "retired instructions and events under an emulator: exact and repeatable, and neither cycles nor seconds"),
         ("modelled", "cycles computed from counts and the named cost profile, with the range over all profiles"),
         ("measured", "time on real hardware, with the 95 % interval of the median; ! where that is not narrow"),
         ("uncalibrated", "an emulator's clock: an order of size at best"))


def number(value):
    return f"{value:.4g}" if abs(value) < 1e4 else f"{value:.0f}"


def pivot(figure, data):
    """The figure's numbers as a table: (heads, lines)."""
    rows = [row for row in figure.select(data) if "buckets" not in row]
    values = {}
    for row in rows:
        for key, value in row["labels"].items():
            values.setdefault(key, set()).add(value)
    one_metric = isinstance(figure.get("metric"), str)
    label = {id(row): ", ".join(f"{key} {value}" for key, value in row["labels"].items() if len(values[key]) > 1)
             + ("" if one_metric or row["metric"] in row["labels"].values() else f" {row['metric']}") for row in rows}
    columns = list(dict.fromkeys(label.values()))
    lines = []
    for backend in dict.fromkeys(value_of(row, "backend") for row in rows):
        cells = {label[id(row)]: row for row in rows if value_of(row, "backend") == backend}
        lines.append([backend] + [cell(cells.get(column)) for column in columns])
    return ["backend", *(column or "value" for column in columns)], lines


def cell(row):
    if row is None:
        return ""
    spread = f" [{number(row['low'])}, {number(row['high'])}]" if row["low"] != row["high"] else ""
    return number(row["median"]) + spread + SIGNS[row["mark"]]


def units(figure, data):
    return "; ".join(sorted({f"{row['kind']} {row['unit']}" + (f", profile {row['profile']}" if row["profile"] else "")
                             for row in figure.select(data)})) or "no data"


def text_table(heads, lines):
    widths = [max(len(row[i]) for row in [heads, *lines]) for i in range(len(heads))]
    for row in [heads, *lines]:
        yield "  " + "  ".join(part.rjust(width) if i else part.ljust(width) for i, (part, width) in enumerate(zip(row, widths)))


def figure_text(figure, data):
    """Its numbers, as lines below the title."""
    heads, lines = pivot(figure, data)
    if not lines:
        return [f"  {reason}" for reason in data.reasons] or ["  histograms: see the figure" if figure.select(data) else "  no data"]
    if len(heads) > COLUMNS_MAX:
        return [f"  {len(heads) - 1} points for each of {', '.join(line[0] for line in lines)}: see rows.csv and the report"]
    return list(text_table(heads, lines))


def calibrated_costs(modelled, rebased):
    """Cost in times of no protection, with the profile's own base cost and with the one that was calibrated: heads and lines."""
    def ratios(rows):
        base = {key_of(row): row["median"] for row in rows if row["backend"] == UNPROTECTED and row["metric"] in COSTS}
        found = {}
        for row in rows:
            if row["backend"] != UNPROTECTED and base.get(key_of(row)):
                found.setdefault((row["experiment"], row["backend"]), []).append(row["median"] / base[key_of(row)])
        return found

    before, after = ratios(modelled), ratios(rebased)
    labels = [next((row["profile"] for row in rows), "") for rows in (modelled, rebased)]
    lines = [[f"{experiment} {backend}", *(" to ".join(dict.fromkeys([number(min(some)), number(max(some))]))
                                           for some in (before[experiment, backend], after[experiment, backend]))]
             for experiment, backend in after if (experiment, backend) in before]
    return ["times none, modelled", *(f"profile {label}" for label in labels)], lines


def bases(path):
    """What a calibration says of each workload: heads and lines, and the sentence of where it comes from."""
    told = json.loads(path.read_text())
    lines = [[name, number(one["cycles"]) + ("" if one["stable"] else SIGNS["unstable"]), f"{number(one['least'])} to {number(one['most'])}", number(one["nanoseconds"]),
              f"{one['stable']} of {one['points']}"] for name, one in told["workloads"].items()]
    return (["workload", "cycles of the TSC an instruction, median", "least to greatest", "ns an instruction", "stable points"], lines,
            f"Base cost of an instruction without protection, calibrated on {told['cpu']}: {told['time']}, against {told['count']}")


def calibrated_text(path, heads, lines):
    base_heads, base_lines, sentence = bases(path)
    return ["", sentence, *text_table(base_heads, base_lines), "", *text_table(heads, lines)] if base_lines else []


def calibrated_html(path, heads, lines):
    base_heads, base_lines, sentence = bases(path)
    return (f"<h2>Base cost calibrated</h2><p>{html.escape(sentence)}. Modelled numbers with it: <code>modelled-calibrated.csv</code>, and "
            f"<code>harness/run --base {html.escape(path.parent.name)}/{path.name}</code> for figures and claims. A cycle of this base is one of the TSC; events cost what "
            "the profile says.</p>" + table(base_heads, base_lines) + table(heads, lines)) if base_lines else ""


def text(experiments, data_of, beside, claims, provenance, calibrated):
    """The summary for a terminal."""
    parts = [f"run {provenance['run']}: engine {provenance['engine']}, commit {provenance['commit']}"]
    for experiment in experiments:
        data, other = data_of[experiment.name], beside.get(experiment.name)
        for figure in drawn(experiment, data, other):
            first = data if figure.is_of(data) else other
            parts += [f"\n{figure.title} ({units(figure, first)})", *figure_text(figure, first)]
            if first is data and shows(figure, other):
                parts += [f"  beside it, engine {', '.join(other.engines)} ({units(figure, other)}):", *figure_text(figure, other)]
    parts += calibrated
    parts.append("\nClaims of the paper")
    for claim in claims:
        parts.append(f"  {claim.name} {claim.verdict}{f' ({claim.kind})' if claim.kind else ''}: {claim.text}\n     {claim.evidence}")
    return "\n".join(parts)


def table(heads, lines, style=""):
    def row(tag, cells):
        return "<tr>" + "".join(f"<{tag}>{html.escape(str(part))}</{tag}>" for part in cells) + "</tr>"

    return (f"<div class=scroll><table class='{style}'>" + (row("th", heads) if any(heads) else "")
            + "".join(row("td", line) for line in lines) + "</table></div>")


def claims_html(claims):
    lines = []
    for claim in claims:
        style = {"holds": "holds", "no data": "none"}.get(claim.verdict, "not")
        lines.append(f"<tr><td>{claim.name}</td><td>{html.escape(claim.text)}</td><td class={style}>{claim.verdict}</td>"
                     f"<td>{html.escape(claim.kind)}</td><td>{html.escape(claim.evidence)}</td></tr>")
    return ("<table class=text><tr><th></th><th>the paper states</th><th>this run</th><th>on numbers</th><th>evidence</th></tr>"
            + "".join(lines) + "</table>")


def cost(entry):
    """A profile's value, with its quartiles and the mark of a large spread where it was measured repeatedly."""
    spread = f" [{number(entry['first_quartile'])}, {number(entry['third_quartile'])}]" if "first_quartile" in entry else ""
    return number(entry["value"]) + spread + ("*" if entry.get("unstable") else "")


def profiles_html(profiles):
    parts = []
    for profile in profiles.values():
        lines = [[name, cost(entry), entry["status"], entry["source"]] for name, entry in profile.entries.items()]
        made = ", ".join(str(profile.provenance[key]) for key in ("by", "date", "host") if key in profile.provenance)
        parts.append(f"<h3>{html.escape(profile.name)}</h3><p>{html.escape(profile.cpu)}{html.escape(f': {made}' if made else '')}</p>"
                     + table(["event", "cycles (frequency: Hz)", "status", "source"], lines, "text"))
    return "".join(parts)


def inline(svg, name):
    """The picture as part of a page, its identifiers made its own."""
    svg = svg[svg.index("<svg"):]
    svg = re.sub(r"""\bid=(["'])""", rf"id=\g<1>{name}-", svg)
    return re.sub(r"""(url\(['"]?#|href=["']#)""", rf"\g<1>{name}-", svg)


def figure_html(figure, data, other, picture):
    """The picture, and below it the numbers of each of its panels."""
    parts = [f"<figure>{inline(picture.read_text(), figure.name)}</figure>"]
    for one in [one for one in (data, other) if one is data and figure.is_of(data) or one is other and shows(figure, other)]:
        heads, lines = pivot(figure, one)
        parts.append(f"<p>Numbers, engine {html.escape(', '.join(one.engines))}: {html.escape(units(figure, one))}.</p>"
                     + (table(heads, lines) if lines else ""))
    return "".join(parts)


def beside_html(beside):
    """Of the campaign whose numbers stand beside these: how it was done, and what it did not have."""
    return ("<h2>Measured on this Linux itself</h2><p>Right panels and second tables: the same programs as ordinary processes, on the "
            "CPU of this host. Each axis is of one kind of numbers; a mode in brackets behind a backend's name is weaker than the "
            "backend can be. <a href='native/report.html'>All of it</a>, with its own provenance.</p>"
            + "".join(f"<p>{html.escape(reason)}</p>" for reason in dict.fromkeys(
                f"Not here: {one.identity}: {one.reason}" for data in beside.values() for one in data.failed if one.unavailable)))


def write_html(path, experiments, data_of, beside, pictures, claims, setup, failed, calibrated):
    provenance = setup.provenance
    parts = ["<!doctype html><html lang=en><meta charset=utf-8><title>Portcullis: run "
             f"{html.escape(provenance['run'])}</title><style>{STYLE}</style>",
             f"<h1>Portcullis: run {html.escape(provenance['run'])}</h1>",
             "<p>Kinds of numbers: " + "; ".join(f"<b>{kind}</b>: {what}" for kind, what in KINDS) + ".</p>",
             "<h2>Claims</h2>", claims_html(claims)]
    for experiment in experiments:
        data = data_of[experiment.name]
        parts.append(f"<h2>{html.escape(experiment.title)}</h2>")
        parts += [figure_html(figure, data, beside.get(experiment.name), pictures[figure.name]["svg"])
                  for figure in drawn(experiment, data, beside.get(experiment.name))]
        parts += [f"<p>{html.escape(reason)}</p>" for reason in data.reasons]
        parts.append(f"<p>Again: <code>harness/run --only {experiment.name}{html.escape(provenance['again'])}</code>; the program: "
                     f"<code>{html.escape(experiment.workload)}</code>; records: <code>records.jsonl</code>, lines whose "
                     f"<code>experiment</code> is <code>{experiment.name}</code>.</p>")
    if beside:
        parts += [beside_html(beside), calibrated]
    if failed:
        parts.append("<h2>Runs that failed</h2>" + table(["run", "why"], [[one.identity, one.reason] for one in failed], "text"))
    parts.append("<h2>Cost profiles</h2><p>A status is measured (by us), read (in the source) or unverified.</p>" + profiles_html(setup.profiles))
    parts.append("<h2>Provenance</h2>" + table(["", ""], [[key, value] for key, value in provenance.items()], "text"))
    partial = path.with_suffix(".partial")
    partial.write_text("\n".join(parts))
    partial.rename(path)
