#!/usr/bin/env python3
"""Whole campaigns on a real engine: the same twice, killed and gone on with, and whatever may be missing or full."""

import csv
import filecmp
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent.parent
RUN, COMPARE = TOP / "harness" / "run", TOP / "harness" / "compare"
failures = 0


def check(name, good, why=""):
    global failures
    failures += not good
    print(f"ok {name}" if good else f"not ok {name}: {' '.join(str(why).split())[-400:]}", flush=True)


def command(*arguments, **changes):
    return subprocess.run([str(argument) for argument in arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, env=dict(os.environ, **changes), check=False)


def one_sentence(done, expected):
    """It ended with a status and, as its last line, one sentence that says why."""
    last = done.stdout.strip().splitlines()[-1] if done.stdout.strip() else ""
    return done.returncode not in (0, -signal.SIGKILL) and last.startswith("harness/") and expected in last and "Traceback" not in done.stdout


def test_options(folder):
    done = command(RUN, "--list")
    check("--list names the experiments", done.returncode == 0 and "crossing" in done.stdout, done.stdout)
    done = command(RUN, "--dry-run", "--only", "crossing", "--backends", "pku")
    check("--dry-run prints the plan and runs nothing", done.stdout.count("backend=pku") == 3, done.stdout)
    for name, arguments, expected in (
            ("an unknown backend", ("--backends", "pkuu"), "did you mean 'pku'?"),
            ("a backend of another engine", ("--backends", "pages"), "backend pages is there on engine native alone"),
            ("an unknown experiment", ("--only", "crosing"), "did you mean 'crossing'?"),
            ("an unknown engine", ("--engine", "boch"), "did you mean 'bochs'?"),
            ("an unknown profile", ("--profile", "skylake"), "did you mean 'skylake-sp'?")):
        done = command(RUN, "--quick", "--results", folder, *arguments)
        check(f"{name} is one sentence with what to do", one_sentence(done, expected), done.stdout)
    (folder / "experiments").mkdir()
    text = (TOP / "harness" / "experiments" / "crossing.toml").read_text()
    (folder / "experiments" / "crossing.toml").write_text(text.replace("workload =", "worklod ="))
    done = command(RUN, "--list", "--experiments", folder / "experiments")
    check("a typo in an experiment file is named with file, line and key",
          one_sentence(done, "crossing.toml:3: unknown key 'worklod'; did you mean 'workload'?"), done.stdout)


def test_same_twice(folder):
    for name in ("one", "two"):
        done = command(RUN, "--quick", "--only", "crossing", "--results", folder, "--name", name)
        check(f"campaign {name} ends with a report", done.returncode == 0 and "Claims of the paper" in done.stdout, done.stdout)
    for table in ("rows.csv", "modelled.csv"):
        check(f"two runs give the same bytes in {table}", filecmp.cmp(folder / "one" / table, folder / "two" / table, shallow=False))
    pictures = [folder / "one" / "figures" / f"crossing.{extension}" for extension in ("svg", "png", "pdf")]
    check("each figure is there as SVG, PNG and PDF", all(path.stat().st_size > 1000 for path in pictures))
    done = command(COMPARE, folder / "one", folder / "two")
    check("compare finds no change between them", done.returncode == 0 and " 0 changed beyond noise" in done.stdout, done.stdout)
    path = folder / "two" / "rows.csv"
    path.write_text(path.read_text().replace(",57,57,57,57,57,57,57,", ",60,60,60,60,60,60,60,"))
    done = command(COMPARE, folder / "one", folder / "two")
    check("compare names what changed", done.returncode == 1 and "57 -> 60, +5.3%, beyond noise" in done.stdout, done.stdout)
    done = command(COMPARE, folder / "one", folder / "three")
    check("compare refuses a run that is not there", one_sentence(done, "rows.csv"), done.stdout)
    done = command(RUN, "--quick", "--only", "arguments", "--results", folder, "--name", "one")
    check("a name that was begun with other plans is refused", one_sentence(done, "choose another --name"), done.stdout)
    path = folder / "one" / "boots" / "crossing-pku-0.jsonl"
    path.write_text(path.read_text().replace('"schema":1', '"schema":2', 1))
    done = command(RUN, "--quick", "--only", "crossing", "--results", folder, "--name", "one")
    check("records of another schema version are refused", one_sentence(done, "schema 2"), done.stdout)


def test_calibrated(folder):
    """A profile of this machine; in place of what it cannot measure, the events of the default."""
    profile = folder / "here.toml"
    done = command(TOP / os.environ.get("BUILD", "build") / "portcullis", "calibrate", "--engine", "none", "--rounds", 5, "--base",
                   TOP / "harness" / "profiles" / "skylake-sp.toml", "--output", profile)
    check("this machine can be calibrated", done.returncode == 0, done.stdout)
    done = command(RUN, "--quick", "--only", "crossing", "--results", folder, "--name", "calibrated", "--profile", profile)
    check("a run takes the profile", done.returncode == 0 and "modelled cycles, profile here" in done.stdout, done.stdout)
    rows = list(csv.DictReader(open(folder / "calibrated" / "modelled.csv")))
    check("and models every backend with it", {"none", "pku", "vmfunc", "syscall-kpti"} <= {row["backend"] for row in rows}
          and {row["profile"] for row in rows} == {"here"}, rows[:1])
    check("and its report says where the profile is from",
          "portcullis calibrate" in (folder / "calibrated" / "report.html").read_text())


COUNTING = """
title = "Counted by the kernel"
workload = "parts"
arguments = ["--samples", "20", "--entrances", "{entrances}"]
counters = "task-clock,page-faults"
native = true
[sweep]
entrances = [1000, 21000]
[figure]
kind = "bars"
metric = "task_clock"
between = "entrances"
"""


def test_counters(folder):
    done = command(RUN, "--quick", "--only", "breakdown", "--engine", "bochs", "--results", folder, "--name", "parts")
    check("parts of an entrance are counted and modelled", done.returncode == 0 and "case way_in  case library" in done.stdout, done.stdout)
    check("counters that an emulator cannot have are missing with the reason",
          "not counted: cycles,instructions," in (folder / "parts" / "report.html").read_text(), done.stdout)
    (folder / "experiments").mkdir()
    (folder / "experiments" / "counting.toml").write_text(COUNTING)
    done = command(RUN, "--engine", "native", "--backends", "none,pages", "--seconds", 10, "--experiments", folder / "experiments", "--results",
                   folder, "--name", "counters")
    if "engine native does not work here" in done.stdout:
        print("skip counters of this Linux: engine native does not work here")
        return
    check("counters are shown for one entrance, by the difference of two runs", done.returncode == 0
          and re.search(r"Counted by the kernel \(measured ns", done.stdout), done.stdout)
    values = {found[1]: float(found[2]) for found in re.finditer(r"^  (none|pages) +([\d.]+)", done.stdout, re.MULTILINE)}
    check("and an entrance takes more of the CPU with protection", 0 < values.get("none", 0) < values.get("pages", 0) < 1e6, done.stdout)


def wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return False


def finished(folder):
    return sum(path.read_bytes().count(b"\n") for path in folder.glob("*/boots/*.summary"))


def emulators_of(group):
    """Processes that descend from the command: by its results folder in their command lines or their environment."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if group in (entry / "cmdline").read_bytes().decode(errors="replace"):
                    found.append(entry.name)
            except OSError:
                continue
    return found


def test_measured(folder):
    options = ("--quick", "--only", "crossing", "--backends", "none,pku", "--results", folder)
    done = command(RUN, *options, "--name", "counted")
    check("a run that only counts ends", done.returncode == 0, done.stdout)
    done = command(RUN, *options, "--measured", "--seconds", 6, "--name", "both")
    check("a run can measure on this Linux besides", done.returncode == 0, done.stdout)
    for table in ("rows.csv", "modelled.csv"):
        check(f"that changes nothing in {table}", filecmp.cmp(folder / "counted" / table, folder / "both" / table, shallow=False))
    why = [line for line in done.stdout.splitlines() if "not measured here" in line]
    if why:
        print(f"skip what was measured: {why[0]}")
        return
    page = (folder / "both" / "report.html").read_text()
    check("the report has both, each named", "counted instructions" in page and "measured ns" in page and "engine native" in page)
    check("figures have both side by side", (folder / "both" / "figures" / "crossing-beside.png").exists()
          and "(ns, measured)" in (folder / "both" / "figures" / "crossing-beside.svg").read_text())
    check("and the text", "beside it, engine native (measured ns, " in done.stdout, done.stdout)
    with open(folder / "both" / "native" / "rows.csv", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["kind"] == "measured"]
    times = [row for row in rows if row["metric"] in ("entrance", "attach")]
    check("times are nanoseconds, and the rate of the clock is named",
          times and {row["unit"] for row in times} == {"ns"} and all(row["profile"].startswith("TSC of ") for row in times), times)
    check("what passes from attach to first entrance is there", any(row["metric"] == "attach" and float(row["median"]) > 0 for row in times))
    wide = [row for row in times if float(row["high"]) - float(row["low"]) > 0.1 * float(row["median"]) or int(row["repetitions"]) < 6]
    check("rows are marked where the median is not known, and only there",
          [row["settings"] for row in times if row["mark"] == "unstable"] == [row["settings"] for row in wide], wide)
    kept = json.loads((folder / "both" / "native" / "provenance.json").read_text())
    told = json.loads((folder / "both" / "native" / "calibration.json").read_text())
    check("what an instruction costs without protection is derived, with its provenance",
          told["workloads"]["crossing"]["cycles"] > 0 and all(told[key] for key in ("cpu", "time", "count", "commit", "date")), told)
    table = (folder / "both" / "modelled-calibrated.csv").read_text()
    check("modelled numbers with that base are a table of their own", "base calibrated" not in (folder / "both" / "modelled.csv").read_text()
          and "Base cost of an instruction" in done.stdout, table[:300])
    if told["workloads"]["crossing"]["stable"]:
        check("which says so", ", base calibrated on " in table, table[:300])
        done = command(RUN, *options, "--base", folder / "both" / "native" / "calibration.json", "--name", "based")
        check("another run takes the base: figures and claims with it say so", done.returncode == 0
              and (folder / "based" / "modelled.csv").read_text() == table and "base calibrated on" in done.stdout
              and "base calibrated on" in (folder / "based" / "figures" / "crossing-modelled.svg").read_text(), done.stdout)
    else:
        print("skip a run with that base: this machine is too busy for one that is known")
    done = command(RUN, *options, "--base", folder / "none.json", "--name", "none")
    check("a base that is not there is one sentence", one_sentence(done, "none.json: No such file"), done.stdout)
    check("the provenance says how it was measured", all(key in kept for key in ("clock", "warm-up", "rounds", "interval")), kept)


def test_stopped_measuring(folder):
    options = [RUN, "--quick", "--only", "crossing", "--backends", "none", "--measured", "--seconds", "2", "--results", str(folder)]
    process = subprocess.Popen(options, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    reached = wait_for(lambda: any(folder.glob("*/native/boots/*.plan")) or any(folder.glob("*/native/calibration/boots/*.plan"))
                       or process.poll() is not None)
    process.send_signal(signal.SIGINT)
    output = process.communicate()[0]
    if "not measured here" in output:
        print("skip an interruption while it measures: this machine does not")
        return
    check("an interruption while it measures is one", reached and process.returncode == 130, f"{process.returncode}: {output}")
    done = command(*options)
    check("and the same command goes on", done.returncode == 0 and "begun before" in done.stdout
          and len(list(folder.glob("*/native/calibration.json"))) == len(list(folder.glob("*"))) == 1, done.stdout)


def test_killed(folder):
    options = ["--quick", "--only", "crossing", "--jobs", "1", "--results", str(folder)]
    whole = command(RUN, *options, "--name", "whole")
    check("the campaign ends when nothing disturbs it", whole.returncode == 0, whole.stdout)
    broken = folder / "broken"
    options[-1] = str(broken)
    for number, (how, status) in enumerate(((signal.SIGKILL, -signal.SIGKILL), (signal.SIGINT, 130))):
        process = subprocess.Popen([RUN, *options], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        before = finished(broken)
        reached = wait_for(lambda: finished(broken) >= before + 7 or process.poll() is not None)
        process.send_signal(how)
        output = process.communicate()[0]
        check(f"campaign {number}: {how.name} ends it", reached and process.returncode == status, f"{process.returncode}: {output}")
        check(f"campaign {number}: no emulator is left behind", wait_for(lambda: not emulators_of(str(broken)), 10), emulators_of(str(broken)))
    kept = {path: path.read_bytes() for path in broken.glob("*/boots/*.summary")}
    done = command(RUN, *options)
    check("the same command goes on", done.returncode == 0 and "runs are finished from before" in done.stdout, done.stdout)
    check("nothing finished is run again or lost", all(path.read_bytes() == text for path, text in kept.items()) and len(kept) >= 2, list(kept))
    tables = list(broken.glob("*/rows.csv"))
    same = len(tables) == 1 and keys(tables[0]) == keys(folder / "whole" / "rows.csv")
    check("the table has the rows of an undisturbed campaign, with as many repetitions", same, tables)


def keys(path):
    """Of each row what it is and how many repetitions it has: counts may differ by what ran before in the same boot."""
    rows = [line.split(",") for line in path.read_text().splitlines()]
    repetitions = rows[0].index("repetitions")
    return [(*row[:9], row[repetitions]) for row in rows]


def test_missing(folder):
    programs = folder / "programs"
    programs.mkdir()
    for directory in os.environ["PATH"].split(":"):
        for path in Path(directory).glob("*") if Path(directory).is_dir() else ():
            if "gnuplot" not in path.name and not (programs / path.name).exists():
                (programs / path.name).symlink_to(path)
    done = command(RUN, "--quick", "--only", "crossing", "--backends", "none", "--results", folder, PATH=str(programs))
    check("no gnuplot is one sentence, before anything is started",
          one_sentence(done, "gnuplot is not installed") and not list(folder.glob("*/boots")), done.stdout)
    if not shutil.which("qemu-system-x86_64"):
        print("skip a backend that the engine lacks: qemu-system-x86_64 is not in PATH")
        return
    done = command(RUN, "--quick", "--only", "crossing", "--engine", "qemu", "--backends", "vmfunc", "--results", folder)
    check("an empty result set is one sentence that says why", one_sentence(done, "this CPU has no VMX"), done.stdout)
    done = command(RUN, "--quick", "--only", "crossing", "--engine", "qemu", "--backends", "none,vmfunc", "--results", folder)
    check("a backend that the engine lacks does not stop the others", done.returncode == 0 and "vmfunc: backend vmfunc: this CPU has no VMX"
          in "".join(path.read_text() for path in folder.glob("*/report.html")), done.stdout)


def test_full(folder):
    """On a small file system of its own, in a namespace of mounts."""
    disk = folder / "disk"
    disk.mkdir()
    mounted = f"mount -t tmpfs -o size=%dk none {disk} && exec {RUN} --quick --only crossing --results {disk}; "
    probe = command("unshare", "-rm", "sh", "-c", f"mount -t tmpfs none {disk}")
    if probe.returncode:
        print("skip a full disk: no file system can be mounted here")
        return
    for size in (4, 48, 200):
        done = command("unshare", "-rm", "sh", "-c", mounted % size)
        check(f"a disk that is full after {size} KiB is one sentence", one_sentence(done, "No space left on device"), done.stdout)


def main():
    for test in (test_options, test_same_twice, test_measured, test_stopped_measuring, test_calibrated, test_counters, test_killed,
                 test_missing, test_full):
        with tempfile.TemporaryDirectory(prefix="portcullis-campaigns-") as folder:
            test(Path(folder))
    sys.exit(failures > 0)


main()
