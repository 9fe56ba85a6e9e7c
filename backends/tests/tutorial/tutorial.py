#!/usr/bin/env python3
"""Follows the tutorial in the README and the worked examples of the harness's README to the letter, in a copy of the tree.

A fenced block is a file when the text in front of it ends with its path and a colon; `sh`: commands, run from the top folder;
`text` otherwise: what the commands before it print.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

TOP = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(TOP / "guest" / "tests"))

from guest import BUILD, Report  # noqa: E402

BLOCK = re.compile(r"(?P<text>.*?)^```(?P<language>\w+)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"`([^`\s]+)`:\s*\Z")

# What differs from kernel to kernel and from compiler to compiler.
VARYING = ((re.compile(r"\d+ ticks"), "N ticks"), (re.compile(r"at [0-9a-f]+ main\+0x[0-9a-f]+"), "at ADDRESS"))
COUNTS = ((re.compile(r"[\d.]+"), "N"), (re.compile(" +"), " "))

# File, section, and what varies in what its commands print.
GUIDES = (("README.md", "## Protect your library in ten minutes\n", VARYING), ("harness/README.md", "## Plug in\n", COUNTS))


def copy_tree(to):
    """The sources, and what has been built of them, with their times: make has little to do."""
    build = BUILD.resolve()
    shutil.copytree(TOP, to, symlinks=True, ignore=lambda folder, names: [
        name for name in names if Path(folder) == TOP and name in ("build", "results", ".git")
        or Path(folder, name).resolve() == build])
    try:
        shutil.copytree(build, to / "build", symlinks=True, ignore=shutil.ignore_patterns("test", "tests"))
    except shutil.Error:
        pass  # a file of another suite that is gone by now; make finds what is missing


def plain(output, varying):
    for pattern, replacement in varying:
        output = pattern.sub(replacement, output)
    return output.strip().splitlines()


def run(commands, folder):
    environment = {name: value for name, value in os.environ.items() if name not in ("BUILD", "MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    done = subprocess.run(["/bin/bash", "-e", "-c", commands], cwd=folder, env=environment, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", check=False)
    return done.returncode, done.stdout


def follow(report, name, tutorial, varying, folder):
    output, shown = "", 0
    for block in BLOCK.finditer(tutorial):
        path = FILE.search(block["text"])
        if path:
            (folder / path[1]).parent.mkdir(parents=True, exist_ok=True)
            (folder / path[1]).write_text(block["body"])
        elif block["language"] == "sh":
            lines = block["body"].splitlines()
            status, output = run(block["body"], folder)
            # the launcher says that the thief was killed
            report.equal(f"{name}: status of: {'; '.join(lines)}", status, 1 if lines[-1].startswith("build/portcullis") else 0)
        else:
            shown += 1
            report.check(f"{name}: output {shown} is what it shows", plain(output, varying) == plain(block["body"], varying), output)
    report.check(f"{name} shows what is printed", shown, "there is no such block")


def main():
    report = Report()
    with tempfile.TemporaryDirectory(prefix="portcullis-tutorial-") as folder:
        copy_tree(Path(folder, "tree"))
        for name, heading, varying in GUIDES:
            tutorial = (TOP / name).read_text().partition(heading)[2].partition("\n## ")[0]
            follow(report, name, tutorial, varying, Path(folder, "tree"))
    sys.exit(1 if report.failures else 0)


if __name__ == "__main__":
    main()
