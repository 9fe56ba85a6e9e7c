#!/usr/bin/env python3
"""The harness's own scripts: how harness/test counts suites, what harness/deps does where packages are missing; links of the documentation."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

HARNESS = Path(__file__).resolve().parents[1]
failures = 0


def check(name, good, seen):
    global failures
    if good:
        print(f"ok {name}", flush=True)
    else:
        failures += 1
        print(f"not ok {name}: {' '.join(str(seen).split())}", flush=True)


def run(command, **options):
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, **options)


# ---- harness/test ----

def run_suites(text, *options):
    """Runs harness/test on one suite file in a project of its own."""
    with tempfile.TemporaryDirectory(prefix="portcullis-harness-") as name:
        top = Path(name)
        (top / "harness").mkdir()
        (top / "part" / "tests").mkdir(parents=True)
        shutil.copy(HARNESS / "test", top / "harness" / "test")
        (top / "part" / "tests" / "some.suite").write_text(text)
        return run([top / "harness" / "test", *options], env=dict(os.environ, BUILD="build"))


SUITES = {
    # claim: (suites, exit status, last line)
    "results are counted": ("a 10 echo ok one; echo ok two; echo skip three: not here", 0, "2 passed, 0 failed, 1 skipped"),
    "a failed test fails": ("a 10 echo ok one; echo not ok two: why", 1, "1 passed, 1 failed, 0 skipped"),
    "a silent suite fails": ("a 10 true", 1, "0 passed, 1 failed, 0 skipped"),
    "a suite that exits non-zero fails": ("a 10 echo ok one; exit 3", 1, "1 passed, 1 failed, 0 skipped"),
    "a suite that dies fails": ("a 10 echo ok one; kill -SEGV $$", 1, "1 passed, 1 failed, 0 skipped"),
    "a suite that takes too long fails": ("a 1 echo ok one; sleep 30", 1, "1 passed, 1 failed, 0 skipped"),
    "suites add up": ("# comment\na 10 echo ok one\n\nb 10 echo not ok one: why\n", 1, "1 passed, 1 failed, 0 skipped"),
    "other output does not count": ("a 10 echo okay; echo ok one", 0, "1 passed, 0 failed, 0 skipped"),
}


def test_runner():
    for name, (text, status, last) in SUITES.items():
        done = run_suites(text)
        seen = (done.returncode, (done.stdout.splitlines() or [""])[-1])
        check(f"test: {name}", seen == (status, last), f"{seen} {done.stderr}")
    for name, text, options, message in (
            ("a line that is no suite is refused", "a soon true", (), "some.suite:1: expected"),
            ("two suites of one name are refused", "a 1 true\na 1 true", (), "another suite a"),
            ("an unknown suite is refused", "a 1 true", ("--only", "b"), "no suite b")):
        done = run_suites(text, *options)
        check(f"test: {name}", done.returncode not in (0, None) and message in done.stderr, done.stderr)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    done = run_suites("a 10 kill -HUP $$; echo ok it lives")
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    check("test: a suite has signals at their defaults, under nohup too", done.returncode == 1 and "died of SIGHUP" in done.stdout, done.stdout)
    done = run_suites("a 10 echo ok one\nb 10 echo ok two", "--only", "b")
    check("test: --only runs what it names", done.stdout.endswith("1 passed, 0 failed, 0 skipped\n"), done.stdout)


# ---- harness/deps ----

PACKAGES = "thing-tools thing-command for the test\n"
TOOLS = ("bash", "cat", "chmod", "dirname", "grep", "mkdir", "sed", "tail", "touch")
GOOD_APT = '[ "$1" = update ] || { echo "#!/bin/bash" >"$BIN/thing-command"; chmod +x "$BIN/thing-command"; }'


def run_deps(user, apt=None, present=False, packages=PACKAGES):
    """Runs harness/deps where the only commands are TOOLS, an `id` that says `user`, and `apt` as apt-get."""
    with tempfile.TemporaryDirectory(prefix="portcullis-deps-") as name:
        top = Path(name)
        commands = top / "bin"
        commands.mkdir()
        (top / "harness").mkdir()
        shutil.copy(HARNESS / "deps", top / "harness" / "deps")
        (top / "harness" / "packages").write_text(packages)
        for tool in TOOLS:
            (commands / tool).symlink_to(shutil.which(tool))
        scripts = {"id": f"echo {user}"}
        if apt:
            scripts["apt-get"] = apt
        if present:
            scripts["thing-command"] = ""
        for command, script in scripts.items():
            (commands / command).write_text(f"#!/bin/bash\n{script}\n")
            (commands / command).chmod(0o755)
        done = run([commands / "bash", top / "harness" / "deps", top / "build" / "stamp"], cwd=top,
                   env={"PATH": str(commands), "BIN": str(commands), "BUILD": str(top / "build")})
        return done, (top / "build" / "stamp").exists()


def test_deps():
    done, stamp = run_deps(user=1000, present=True)
    check("deps: nothing is done when nothing is missing", done.returncode == 0 and stamp and not done.stderr, done.stderr)
    done, stamp = run_deps(user=0, apt=GOOD_APT)
    check("deps: root gets the package installed", done.returncode == 0 and stamp, done.stderr)
    for name, options, message in (
            ("an ordinary user is told the command", {"user": 1000, "apt": GOOD_APT}, r"apt-get install .*thing-tools$"),
            ("without apt-get the commands are named", {"user": 0}, r"no apt-get.*thing-command.*thing-tools"),
            ("a failure of apt-get is passed on", {"user": 0, "apt": "echo E: no network; exit 100"}, r"no network"),
            ("a package that does not bring its command is noticed", {"user": 0, "apt": "true"}, r"thing-command is still")):
        done, stamp = run_deps(**options)
        one_line = len(done.stderr.splitlines()) == 1
        check(f"deps: {name}", done.returncode != 0 and not stamp and one_line and re.search(message, done.stderr.strip()),
              done.stderr or done.returncode)
    wish = f"?{PACKAGES}"
    done, stamp = run_deps(user=0, apt=GOOD_APT, packages=wish)
    check("deps: root gets what is wished for, too", done.returncode == 0 and stamp and "installing thing-tools" in done.stdout, done.stdout)
    for name, options in (("cannot be had", {"user": 0, "apt": "echo E: no network; exit 100"}), ("a user may not install", {"user": 1000}),
                          ("there is no apt-get for", {"user": 0})):
        done, stamp = run_deps(packages=wish, **options)
        check(f"deps: what is wished for and {name} is told, and fails nothing",
              done.returncode == 0 and stamp and "goes on without thing-tools" in done.stdout and not done.stderr, done.stdout + done.stderr)


# ---- documentation ----

LINK = re.compile(r"\]\(([^)#\s:]+)(?:#[^)]*)?\)")


def test_links():
    top = HARNESS.parent
    pages = [page for page in top.rglob("*.md") if page.relative_to(top).parts[0] not in (".git", "build", os.environ.get("BUILD"))]
    dead = [f"{page.relative_to(top)}: {link}" for page in pages for link in LINK.findall(page.read_text())
            if not (page.parent / link).exists()]
    check("every link of a README leads to a file or folder", pages and not dead, "; ".join(dead))


if __name__ == "__main__":
    test_links()
    test_runner()
    test_deps()
    sys.exit(1 if failures else 0)
