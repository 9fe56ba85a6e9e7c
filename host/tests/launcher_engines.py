"""`portcullis engines`: what works here, found by trying."""

import json
import re
import subprocess

from place import GOOD, LAUNCHER, NO_ENGINE, check, describe
from registry import test

FINDINGS = ("pku", "vmx", "pcid", "vmfunc", "pmu")


def run(place, *arguments, **environment):
    done = subprocess.run([LAUNCHER, "engines", *arguments], env=place.environment(**environment), stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, check=False)
    place.expect_nothing_left()
    return done


def objects(place, *arguments, **environment):
    """What --json says: objects by the engine's name, and the choice under `auto`."""
    done = run(place, "--json", *arguments, **environment)
    said = [json.loads(line) for line in done.stdout.splitlines()]
    check("auto" in said[-1] and all("engine" in each for each in said[:-1]), done.stdout)
    check(done.returncode == (GOOD if said[-1]["auto"] else NO_ENGINE), describe(done.returncode, done.stdout))
    return {each.get("engine", "auto"): each for each in said}


def found(engine):
    return " ".join(f"{name}={engine[name]}" for name in FINDINGS)


@test("engines: on Bochs keys fault, the monitor runs, a VMFUNC is as cheap as RDTSC, and counters are broken", needs=("bochs",))
def bochs(place):
    engine = objects(place)["bochs"]
    check(engine["ring3"] and found(engine) == "pku=works vmx=works pcid=works vmfunc=works pmu=broken", f"{engine}")
    check(engine["vmfunc_ticks"] == engine["rdtsc_ticks"] > 0 and engine["ticks"] == "counted", f"{engine}")


@test("engines: on QEMU that translates keys fault, and there is no VMX", needs=("qemu",))
def qemu(place):
    engine = objects(place)["qemu"]
    if engine["ticks"] == "uncalibrated":
        check(engine["ring3"] and found(engine) == "pku=works vmx=absent pcid=absent vmfunc=absent pmu=absent", f"{engine}")
        check(engine["remark"].startswith("translated, not on KVM: "), f"{engine}")
    check(1e8 < engine["tsc_hz"] < 1e10, f"{engine}")


@test("engines: what a CPU is made to lack is absent, or unusable", needs=("bochs",))
def without(place):
    for hidden, expected in (("pku", "pku=absent vmx=works pcid=works vmfunc=works"),
                             ("pcid", "pku=works vmx=works pcid=absent vmfunc=works"),
                             ("vmx", "pku=works vmx=absent pcid=works vmfunc=absent"),
                             ("ept", "pku=works vmx=unusable pcid=works vmfunc=unusable"),
                             ("vmx-unlocked", "pku=works vmx=unusable pcid=works vmfunc=unusable")):
        engine = objects(place, "--option", f"without={hidden}")["bochs"]
        check(engine["works"] and found(engine).startswith(expected), f"{hidden}: {engine}")


@test("engines: without access control by keys a read that succeeds is a broken pku; a slow VMFUNC is emulated")
def made_up(place):
    boot = "('B', dict(BOOT[1], pku=1, vmx=1))"
    record = "('R', dict(tryout={!r}, {}))".format
    ring = record("ring", "ring=3")
    cases = (
        (record("guard", "faults=0, error=0"), "pku", "broken"),
        (record("guard", "faults=1, error=5"), "pku", "broken"),  # not because of the key
        (record("guard", "faults=1, error=37"), "pku", "works"),
        (record("vmfunc", "vmfunc_ticks=1340, rdtsc_ticks=250"), "vmfunc", "works"),
        (record("vmfunc", "vmfunc_ticks=30000, rdtsc_ticks=250"), "vmfunc", "emulated"),
        ("('X', dict(tsc_invariant=1, pmu_version=2, pmu_executed=10000, pmu_counted=0))", "pmu", "broken"),
        ("('X', dict(tsc_invariant=1, pmu_version=2, pmu_executed=10000, pmu_counted=10004))", "pmu", "works"),
        ("('X', dict(tsc_invariant=0, pmu_version=0, pmu_executed=10000, pmu_counted=0))", "pmu", "absent"),
        ("('X', dict(tsc_invariant=0, pmu_version=0, pmu_executed=10000, pmu_counted=0))", "tsc_invariant", "absent"),
        ("('X', dict(tsc_invariant=0, pmu_version=0, pmu_executed=10000, pmu_counted=0))", "pku", "unusable"),
    )
    for line, name, finding in cases:
        place.fake("bochs", f"W(lines({boot}, {ring}, {line}, END))\n")
        engine = objects(place)["bochs"]
        check(engine["works"] and engine[name] == finding, f"{line}: {engine}")
    place.fake("bochs", f"W(lines({boot}, END))\n")
    engine = objects(place)["bochs"]
    check(not engine["works"] and engine["reason"] == "no program ran in ring 3", f"{engine}")


@test("engines: the last line says what auto takes, and why no better one")
def choice(place):
    place.fake("bochs", "W(lines(BOOT, ('R', dict(tryout='ring', ring=3)), END))\n")
    done = run(place)
    last = done.stdout.splitlines()[-1]
    kvm = re.search(r"^kvm +(works|does not work): (.*)$", done.stdout, re.MULTILINE)
    expected = "kvm, because no other comes before it" if kvm[1] == "works" else f"bochs, because kvm does not work: {kvm[2]}"
    check(last == f"auto takes {expected}", last)
    said = objects(place)["auto"]
    check(said["auto"] in ("bochs", "kvm") and said["because"], f"{said}")
    check(run(place, PATH="/nonexistent").stdout.splitlines()[-1].startswith("auto takes ") , "no choice without emulators")
    nothing = objects(place, PATH="/nonexistent")
    check(kvm[1] == "works" or (nothing["auto"]["auto"] == "" and nothing["auto"]["because"].count("does not work: ") == 3), f"{nothing}")
