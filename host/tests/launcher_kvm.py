"""KVM that does not work, and KVM that is made up; where there is a real one, the other tests use it."""

import os
import re
import subprocess

from place import BUILD, GOOD, LAUNCHER, NO_ENGINE, Skipped, USAGE, check, describe
from registry import test

DEVICE = "/dev/kvm"
NOBODY = 65534
FAKE_KVM = BUILD / "host" / "tests" / "fake_kvm.so"


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


# ---- a KVM that is made up -------------------------------------------------------------------------------------------

CAPABILITIES = {3: "user memory", 0: "an interrupt controller", 7: "CPUID tables", 136: "immediate exits", 61: "the frequency of the TSC"}
KVM_EXIT_INTERNAL_ERROR = 17  # of linux/kvm.h, as are the numbers above

WRONG = [
    ("absent", "/dev/kvm is not there: this kernel has no KVM, or its module is not loaded"),
    ("denied", "no permission on /dev/kvm: join the group that owns it"),
    *((f"lacks={number}", f"KVM here lacks {name}") for number, name in CAPABILITIES.items()),
    ("emulates", r"KVM only emulates here: a loop took \d+ us in a guest and \d+ us outside"),
    (f"fails={KVM_EXIT_INTERNAL_ERROR}", r"KVM does not run a guest of a few instructions \(exit reason 17\)"),
]

# What QEMU does on a KVM that works: the trial guest ends by itself, then a whole guest.
QEMU = """
kvm = sys.argv[sys.argv.index('-accel') + 1] == 'kvm'
assert sys.argv[sys.argv.index('-cpu') + 1].startswith('host' if kvm else 'max')
if '-S' not in sys.argv:
    assert kvm
    {trial}
W(lines(BOOT, START, RECORD, DONE, END))
"""


def fake(place, wrong):
    return place.environment(LD_PRELOAD=str(FAKE_KVM), FAKE_KVM=wrong)


def run_qemu(place, wrong, trial):
    """Runs a made-up QEMU; what the launcher says of the choice, and the kinds of records whose unit is the TSC."""
    place.fake("qemu", QEMU.format(trial=trial))
    run = place.run("--verbose", "--records", place.folder / "records", engine="qemu", environment=fake(place, wrong)).expect(GOOD)
    said = re.search(r"^engine qemu: (.*)$", run.errors, re.MULTILINE)
    check(said, f"the choice is not told: {run.errors}")
    return said[1], {record["kind"] for record in place.objects("records") if record["unit"] == "tsc"}


@test("kvm: each thing that is wrong with it has its sentence")
def wrong_kvm(place):
    for wrong, sentence in WRONG:
        place.run("--engine", "kvm", environment=fake(place, wrong)).expect_refusal(NO_ENGINE, f"engine kvm is not available: {sentence}")


@test("qemu: on a KVM that works it uses it, and records are measured")
def qemu_kvm(place):
    said, kinds = run_qemu(place, "works", "sys.exit(33)")
    check(said.startswith("on KVM, ") and kinds == {"measured"}, f"{said}: {kinds}")


@test("qemu: where KVM does not work it translates, says why, and records are uncalibrated")
def qemu_translates(place):
    for wrong, sentence in WRONG:
        said, kinds = run_qemu(place, wrong, "sys.exit('a trial that nobody wants')")
        check(re.match(f"translated, not on KVM: {sentence}", said) and kinds == {"uncalibrated"}, f"{wrong}: {said}: {kinds}")


@test("qemu: where KVM works for others than QEMU it translates, says why, and records are uncalibrated")
def qemu_trial(place):
    for trial, how in (("sys.exit('qemu-system-x86_64: KVM and I are not friends')", "exited with status 1: qemu-system-x86_64: KVM and I are not friends"),
                       ("os.kill(os.getpid(), signal.SIGABRT)", r"was killed by signal 6 \(Aborted\)"),
                       ("time.sleep(1000)", r"was killed by signal 9 \(Killed\)")):
        said, kinds = run_qemu(place, "works", trial)
        check(re.match(f"translated, not on KVM: a trial guest of QEMU on KVM {how}", said) and kinds == {"uncalibrated"}, f"{said}: {kinds}")
