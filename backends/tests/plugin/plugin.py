#!/usr/bin/env python3
"""A backend from outside: installs Portcullis into a folder, copies backends/examples/flip elsewhere, builds it against the
installed files alone and runs its check, the example program and the cases of the program `domains` on both of its halves."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

TOP = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(TOP / "guest" / "tests"), str(TOP / "backends" / "tests" / "domains")]

import domains  # noqa: E402
from guest import BUILD, Report, Unavailable, on_engines, run_plan  # noqa: E402

EXAMPLE = TOP / "backends" / "examples" / "flip"
PREFIX = "/opt/portcullis"

# Cases of the program `domains` in which no thread waits inside, and that ask for nothing that a stock kernel cannot do.
NATIVE_CASES = ("attach", "names", "shared", "fork", "exec", "heap", "system-calls")


def make(folder, *words):
    """Runs make there with nothing of this process's environment but PATH; why it failed, or None."""
    done = subprocess.run(["make", "-s", *words], cwd=folder, env={"PATH": os.environ["PATH"]}, capture_output=True, text=True,
                          errors="replace")
    return f"exit status {done.returncode}: {done.stderr[-400:]}" if done.returncode else None


def files_that_name(folder, text):
    return [str(path.relative_to(folder)) for path in sorted(folder.rglob("*"))
            if path.is_file() and text.encode() in path.read_bytes()]


def files_read(folder):
    """What the compiler has read, from the dependency files in a folder."""
    words = " ".join(path.read_text().replace("\\\n", " ") for path in folder.rglob("*.d")).split()
    return {word.rstrip(":") for word in words}


def test_install(report, folder):
    """Returns the installed folder, None: there is nothing to go on with."""
    prefix = folder / "staged" / PREFIX.lstrip("/")
    failure = make(TOP, f"BUILD={os.environ.get('BUILD', 'build')}", "install", f"PREFIX={PREFIX}", f"DESTDIR={folder / 'staged'}")
    report.check("make install fills a folder", failure is None, failure)
    if failure:
        return None
    report.equal("no installed file names the source tree", files_that_name(prefix, str(TOP)), [])
    return prefix


def test_build(report, folder, prefix):
    """Returns the folder of the example, None: it was not built."""
    example = folder / "example"
    shutil.copytree(EXAMPLE, example)
    failure = make(example, f"PORTCULLIS={prefix}")
    report.check("the example builds in another folder", failure is None, failure)
    if failure:
        return None
    used = files_read(example / "build")
    report.check("it uses the installed headers", any(file.startswith(str(prefix)) for file in used), sorted(used))
    report.equal("and no file of the source tree", sorted(file for file in used if file.startswith(str(TOP))), [])
    return example


def test_uninstall(report, folder):
    words = (f"BUILD={os.environ.get('BUILD', 'build')}", f"PREFIX={PREFIX}", f"DESTDIR={folder / 'staged'}")
    failure = make(TOP, "uninstall", *words) or make(TOP, "uninstall", *words)
    report.check("make uninstall works, and a second time", failure is None, failure)
    left = [str(path) for path in (folder / "staged").rglob("*") if not path.is_dir()]
    report.equal("it leaves nothing that make install put there", left, [])


def stage(root, example):
    domains.stage(root)
    shutil.copy(BUILD / "programs" / "count", root / "bin")
    shutil.copy(BUILD / "images" / "counter.image", root / "lib" / "portcullis")
    shutil.copy(example / "build" / "programs" / "check", root / "bin")
    shutil.copy(example / "build" / "images" / "safe.image", root / "lib" / "portcullis")


def test_run(report, engine, root, prefix, example):
    stage(root, example)
    launcher = prefix / "bin" / "portcullis"
    plan = "check backend=flip -- /bin/check\ncount backend=flip -- /bin/count\nother backend=pku -- /bin/count\n"
    plan += "".join(f"{case} backend=flip -- /bin/domains {case}\n" for case in domains.CASES)
    result = run_plan(engine, plan, root, memory=128, launcher=launcher, kernel=example / "build" / "kernel.bin")
    pass_claims_on(report, engine, result.console)
    for run in ("check", "count", *domains.CASES):
        report.equal(f"{engine}: {run} on flip ends well", result.outcome(run).get("status"), 0)
    report.equal(f"{engine}: the example program runs on flip", result.console.count("7 apples on backend flip\n"), 1)
    report.equal(f"{engine}: and on a built-in backend of the same kernel", result.console.count("7 apples on backend pku\n"), 1)

    result = run_plan(engine, "check backend=flip -- /bin/check\nopen backend=none -- /bin/check\n", root, launcher=launcher)
    report.check(f"{engine}: the installed kernel itself has no such backend",
                 "backend flip: there is none of that name in this kernel\n" in result.console, result.explain)
    report.check(f"{engine}: without protection the check fails",
                 "not ok the application cannot read the library's data\n" in result.console, result.explain)


def pass_claims_on(report, engine, console):
    for line in console.splitlines():
        if line.startswith(("ok ", "not ok ")):
            report.check(f"{engine}: {line.removeprefix('not ').removeprefix('ok ')}", line.startswith("ok "), "see the claim")


def test_native(report, folder, prefix, example):
    """The native half, on the platform that was built with it, and on the installed one."""
    stage(folder / "root", example)
    launcher = prefix / "bin" / "portcullis"
    plan = "check backend=flip -- /bin/check alone\ncount backend=flip -- /bin/count\nother backend=pages -- /bin/count\n"
    plan += "".join(f"{case} backend=flip -- /bin/domains {case}\n" for case in NATIVE_CASES)
    try:
        result = run_plan("native", plan, folder / "root", launcher=launcher, platform=example / "build" / "portcullis-native")
    except Unavailable as unavailable:
        report.skip("native", unavailable)
        return
    refused = run_plan("bochs", plan, folder / "root", launcher=launcher, platform=example / "build" / "portcullis-native")
    report.check("native: an engine with a guest refuses --platform", refused.status == 2 and "does not know --platform" in refused.errors,
                 refused.explain)
    pass_claims_on(report, "native", result.console)
    for run in ("check", "count", *NATIVE_CASES):
        report.equal(f"native: {run} on flip ends well", result.outcome(run).get("status"), 0)
    report.equal("native: the example program runs on flip", result.console.count("7 apples on backend flip\n"), 1)
    report.equal("native: and on a built-in backend of the same platform", result.console.count("7 apples on backend pages\n"), 1)
    result = run_plan("native", "check backend=flip -- /bin/check alone\nopen backend=none -- /bin/check alone\n", folder / "root",
                      launcher=launcher)
    report.check("native: the installed platform itself has no such backend",
                 "backend flip: there is none of that name on Linux\n" in result.console, result.explain)
    report.check("native: without protection the check fails", "not ok the application cannot read the library's data\n" in result.console,
                 result.explain)


def main():
    report = Report()
    with tempfile.TemporaryDirectory(prefix="portcullis-plugin-") as name:
        prefix = test_install(report, Path(name))
        example = prefix and test_build(report, Path(name), prefix)
        if report.failures:
            sys.exit(1)
        test_native(report, Path(name) / "native", prefix, example)
        if report.failures:
            sys.exit(1)
        on_engines(lambda report, engine, root: test_run(report, engine, root, prefix, example),
                   after=lambda report: test_uninstall(report, Path(name)))


if __name__ == "__main__":
    main()
