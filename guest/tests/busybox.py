#!/usr/bin/env python3
"""The distribution's busybox (glibc, static): the same script on Linux and in the guest prints the same, section by section."""

import subprocess
import tempfile
from pathlib import Path

from guest import BUILD, TOP, on_engines, run_plan, stage

SCRIPT = TOP / "guest" / "tests" / "busybox.sh"
BUSYBOX = BUILD / "root" / "bin" / "busybox"
PLAN = """
install -- /bin/busybox --install -s /bin
script cwd=/work env=PATH=/bin -- /bin/busybox sh /busybox.sh
"""


def sections(text):
    """The output by section."""
    found = {}
    name = "start"
    for line in text.splitlines():
        if line.startswith("== "):
            name = line[3:]
        found.setdefault(name, []).append(line)
    return found


def on_linux():
    """What the script prints here, with the applets of the same busybox as its only commands."""
    with tempfile.TemporaryDirectory(prefix="portcullis-busybox-") as folder:
        commands, work = Path(folder) / "bin", Path(folder) / "work"
        commands.mkdir()
        work.mkdir()
        subprocess.run([BUSYBOX, "--install", "-s", commands], check=True)
        script = SCRIPT.read_text().replace("PATH=/bin", f"PATH={commands}")
        done = subprocess.run([commands / "sh", "-c", script], cwd=work, stdin=subprocess.DEVNULL, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={"PATH": str(commands)}, timeout=60)
        return sections(done.stdout)


def difference(expected, seen):
    for number, (one, other) in enumerate(zip(expected, seen)):
        if one != other:
            return f"line {number}: {other!r}, on Linux {one!r}"
    return f"{len(seen)} lines, on Linux {len(expected)}"


def test(report, engine, root):
    stage(root, "busybox")
    (root / "work").mkdir()
    (root / "busybox.sh").write_text(SCRIPT.read_text())
    expected = on_linux()
    result = run_plan(engine, PLAN, root, timeout=280)
    report.check(f"{engine}: the script runs to its end", result.outcome("script").get("status") == 0,
                 lambda: f"{result.outcome('script') or result.explain()}")
    if not result.runs:
        return
    seen = sections(result.console)
    for name, lines in expected.items():
        report.check(f"{engine}: {name} as on Linux", seen.get(name) == lines,
                     lambda name=name, lines=lines: difference(lines, seen.get(name, [])))


if __name__ == "__main__":
    on_engines(test)
