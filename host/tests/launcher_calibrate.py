"""calibrate: a profile of this machine, measured natively; what cannot be measured is said."""

import subprocess
import tomllib

from place import GOOD, LAUNCHER, LOST, NO_ENGINE, RUN_FAILED, Skipped, USAGE, check, describe
from registry import test

# Of any Linux on any CPU that is none of an emulator.
EVERYWHERE = ("instruction", "function_call", "syscall", "rdtsc", "mprotect", "page_fault", "signal", "context_switch")
OTHERS = ("wrpkru", "rdpkru", "vmfunc", "vm_exit", "cr3_write")


def calibrate(*arguments):
    return subprocess.run([LAUNCHER, "calibrate", *map(str, arguments)], capture_output=True, text=True, check=False)


def profile_of(*arguments):
    done = calibrate(*arguments)
    if done.returncode == NO_ENGINE and "this CPU is an emulator" in done.stderr:
        raise Skipped("this CPU is an emulator")
    check(done.returncode == GOOD, describe(done.returncode, done.stderr))
    return done, tomllib.loads(done.stdout)


@test("calibrate: measures this machine, each event with its spread")
def measures(_):
    done, profile = profile_of("--engine", "none", "--rounds", 7)
    for name in EVERYWHERE:
        event = profile["events"][name]
        check(event["status"] == "measured" and event["repetitions"] == 7 and event["source"], f"{name}: {event}")
        check(0 < event["first_quartile"] <= event["value"] <= event["third_quartile"], f"{name}: {event}")
        check(event.get("unstable", False) == (event["third_quartile"] - event["first_quartile"] > 0.1 * event["value"]), f"{name}: {event}")
    events = {name: event["value"] for name, event in profile["events"].items()}
    check(events["instruction"] < 2 and events["syscall"] < min(events[name] for name in ("mprotect", "signal", "context_switch")),
          f"an order that no machine has: {events}")
    check(1e8 < profile["frequency"]["value"] < 2e10, f"{profile['frequency']}")
    for key in "date", "host", "guest", "time_stamp_counter", "by", "commit":
        check(profile["provenance"].get(key), f"no {key}: {profile['provenance']}")
    for name in OTHERS:
        absent = any(line.startswith(f"{name}: ") for line in profile["provenance"]["absent"])
        check((name in events) != absent, f"{name} is neither measured nor absent with a reason: {profile['provenance']}")
    check("no guest: none was wanted" in done.stderr and "vmfunc          not measured: it needs a guest" in done.stderr, done.stderr)


@test("calibrate: a base takes the place of what cannot be measured, with its own status")
def with_base(place):
    path = place.write("base.toml", '[events.vmfunc]\nvalue = 134\nsource = "s"\nstatus = "read"\n\n[events.syscall]\nvalue = 1\n')
    _, profile = profile_of("--engine", "none", "--rounds", 3, "--base", path)
    check(profile["events"]["vmfunc"] == {"value": 134, "source": "s", "status": "read"}, f"{profile['events']}")
    check(profile["events"]["syscall"]["status"] == "measured", "what was measured was replaced")


@test("calibrate: engines that measure no time are refused, each with its reason")
def engines(place):
    for engine, expected in (("bochs", "its ticks are instructions, no cycles|is not in PATH|not there"),
                             ("native", "it is this Linux, which is measured in any case")):
        done = calibrate("--engine", engine)
        check(done.returncode == NO_ENGINE and any(text in done.stderr for text in expected.split("|")), describe(done.returncode, done.stderr))
    for arguments, expected in ((("--engine", "kvmm"), 'unknown engine "kvmm"; there are auto, none, '),
                                (("--rounds", 2), "must be from 3 to 1000"),
                                (("--base", "/nonexistent"), "--base /nonexistent: No such file or directory"),
                                (("--base", "/etc/passwd"), "no event has a table of its own there")):
        done = calibrate(*arguments)
        check(done.returncode == USAGE and expected in done.stderr, describe(done.returncode, done.stderr))


@test("calibrate: a profile that cannot be written is one sentence, and an earlier one is kept when measuring fails")
def unwritable(place):
    done = calibrate("--engine", "none", "--rounds", 3, "--output", "/dev/full")
    check(done.returncode in (LOST, NO_ENGINE) and done.stderr.splitlines()[-1].startswith("portcullis: "), describe(done.returncode, done.stderr))
    earlier = place.write("earlier.toml", "kept")
    done = calibrate("--engine", "bochs", "--output", earlier)
    check(done.returncode == NO_ENGINE and earlier.read_text() == "kept", describe(done.returncode, done.stderr))


@test("calibrate: a program that is not there or fails is told with its last words")
def broken_program(place):
    (place.folder / "programs").mkdir()
    launcher = place.write("portcullis", LAUNCHER.read_bytes())
    launcher.chmod(0o755)
    program = place.folder / "programs" / "calibrate"

    def failed(expected):
        done = subprocess.run([launcher, "calibrate", "--engine", "none"], capture_output=True, text=True, check=False)
        check(done.returncode == RUN_FAILED and expected in done.stderr, describe(done.returncode, done.stderr))

    failed("programs/calibrate cannot be started: No such file or directory")
    for script, expected in (("echo first >&2; echo why >&2; exit 3", "this Linux exited with status 3: why"),
                             ("kill -9 $$", "this Linux was killed by signal 9 (Killed): it says nothing"),
                             ("echo '{'", "this Linux: its records are damaged"),
                             ("exit 0", "the measuring program gave no cycle to count in")):
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        failed(expected)
