"""The report: one HTML page that needs no other file, and the same summary as text."""

import html

STYLE = """body{font:16px/1.45 sans-serif;max-width:60em;margin:2em auto;padding:0 1em;color:#222}
table{border-collapse:collapse;margin:1em 0}td,th{border:1px solid #bbb;padding:.2em .6em;text-align:right}
th:first-child,td:first-child{text-align:left}figure{margin:1.5em 0}svg{max-width:100%;height:auto}
code{background:#f2f2f2;padding:0 .2em}"""


def pivot(experiment, rows):
    """The figure's numbers as a table: (heads, lines)."""
    figure = experiment.figure
    shown = [row for row in rows if row["metric"] == figure["metric"] and row["case"] == figure["case"]]
    by_argument = figure["kind"] == "lines"
    columns = list(dict.fromkeys(row["argument"] if by_argument else row["settings"] for row in shown))
    lines = []
    for backend in dict.fromkeys(row["backend"] for row in shown):
        cells = {row["argument"] if by_argument else row["settings"]: row["median"] for row in shown
                 if row["backend"] == backend}
        lines.append([backend] + [f"{cells[column]:g}" if column in cells else "" for column in columns])
    return ["backend"] + [str(column) for column in columns], lines


def kinds(rows):
    return sorted({f"{row['kind']} {row['unit']}" for row in rows})


def text(experiments, rows_of, provenance):
    """The summary for a terminal."""
    parts = [f"run {provenance['run']}: engine {', '.join(provenance['engines'])}, commit {provenance['commit']}"]
    for experiment in experiments:
        heads, lines = pivot(experiment, rows_of[experiment.name])
        widths = [max(len(row[i]) for row in [heads, *lines]) for i in range(len(heads))]
        parts.append(f"\n{experiment.title} ({'; '.join(kinds(rows_of[experiment.name])) or 'no data'})")
        for row in [heads, *lines]:
            parts.append("  " + "  ".join(cell.rjust(width) if i else cell.ljust(width)
                                          for i, (cell, width) in enumerate(zip(row, widths))))
    return "\n".join(parts)


def table(heads, lines):
    def row(tag, cells):
        return "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells) + "</tr>"

    return "<table>" + row("th", heads) + "".join(row("td", line) for line in lines) + "</table>"


def write_html(path, experiments, rows_of, figures, provenance):
    parts = ["<!doctype html><meta charset=utf-8><title>Portcullis</title>", f"<style>{STYLE}</style>",
             f"<h1>Portcullis: run {html.escape(provenance['run'])}</h1>"]
    for experiment in experiments:
        svg = figures[experiment.name]["svg"].read_text()
        svg = svg[svg.index("<svg"):]
        heads, lines = pivot(experiment, rows_of[experiment.name])
        parts.append(f"<h2>{html.escape(experiment.title)}</h2><figure>{svg}</figure>")
        parts.append(f"<p>Numbers: {html.escape('; '.join(kinds(rows_of[experiment.name])) or 'none')}.</p>")
        parts.append(table(heads, lines))
        parts.append(f"<p>Again: <code>harness/run --only {experiment.name}</code></p>")
    parts.append("<h2>Provenance</h2>" + table(["", ""], [[key, ", ".join(value) if isinstance(value, list) else str(value)]
                                                          for key, value in provenance.items()]))
    path.write_text("\n".join(parts))
