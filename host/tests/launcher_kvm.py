"""Engine kvm where it cannot work; where it can, the other tests use it."""

import os
import re
import subprocess

from place import LAUNCHER, NO_ENGINE, Skipped, USAGE, check, describe
from registry import test

DEVICE = "/dev/kvm"
NOBODY = 65534


def engines(**how):
    done = subprocess.run([LAUNCHER, "engines"], capture_output=True, text=True, check=False, **how)
    found = re.search(r"^kvm +(.*)$", done.stdout, re.MULTILINE)
    check(found, f"no line for kvm: {done.stdout}")
    return found[1]


@test("kvm: says what works, or in one sentence what is missing")
def probe(place):
    text = engines()
    check(re.match(r"works: CPU |does not work: (/dev/kvm is not there|no permission on /dev/kvm|KVM only emulates here|"
                   r"KVM here lacks |KVM does not run )", text), text)
    if text.startswith("works"):
        raise Skipped("it works")
    place.run("--engine", "kvm").expect_refusal(NO_ENGINE, "engine kvm is not available: ")


@test("kvm: without permission on the device it says which")
def permission(_):
    if not os.path.exists(DEVICE):
        raise Skipped(f"{DEVICE} is not there")
    if os.geteuid() != 0 or os.stat(DEVICE).st_mode & 0o006:
        raise Skipped(f"everybody may use {DEVICE}, or this test cannot become somebody else")
    try:
        text = engines(user=NOBODY, group=NOBODY, extra_groups=[])
    except PermissionError as why:
        raise Skipped("the launcher lies in a folder that others cannot enter") from why
    check("no permission on /dev/kvm: join the group that owns it" in text, text)


@test("kvm: the VMM alone asks for what it needs")
def vmm_alone(_):
    done = subprocess.run([LAUNCHER, "vmm", "--memory", "64"], capture_output=True, text=True, check=False)
    check(done.returncode == USAGE and "--image, --report and --memory are needed" in done.stderr, describe(done.returncode, done.stderr))
    done = subprocess.run([LAUNCHER, "vmm", "--image", "0", "--report", "0", "--memory", "64"], capture_output=True,
                          text=True, check=False, stdin=subprocess.DEVNULL)
    check(done.returncode == NO_ENGINE and "no report: " in done.stderr, describe(done.returncode, done.stderr))
