#!/usr/bin/env python3
"""Engine libvirt, with a daemon of the test's own and domains that QEMU translates: launcher_libvirt.py [WORD ...]

The tests of the launcher that hold for every engine, and those of what only libvirt can do to a guest.
"""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import launcher_deaths
import launcher_runs
import machine_code
from libvirt_daemon import Daemon, missing
from place import DIED, Failed, GOOD, KERNEL, LAUNCHER, NO_ENGINE, PATIENCE, Place, RUN_METRICS, TIMEOUT, USAGE, check
from launcher_kvm import fake
from registry import tests

ENGINE = "libvirt"
SHARED = (
    launcher_runs.good_plan, launcher_runs.failed_run, launcher_runs.console, launcher_runs.large_image,
    launcher_deaths.panic, launcher_deaths.tick_limit, launcher_deaths.time_limit, launcher_deaths.halted,
    launcher_deaths.spinning_kernel, launcher_deaths.flood, launcher_deaths.signals, launcher_deaths.killed_launcher, launcher_deaths.terminal,
)


class LibvirtPlace(Place):
    """A place whose launchers use the test's daemon, and leave no domain there."""

    def __init__(self, folder, daemon):
        super().__init__(folder)
        self.daemon = daemon
        for path in (folder, self.temporary):
            path.chmod(0o711)  # the daemon is another user

    def command(self, *arguments, engine=None, **options):
        uri = ("--uri", self.daemon.uri) if engine == ENGINE and "--uri" not in arguments else ()
        return super().command(*arguments, *uri, engine=engine, **options)

    def expect_nothing_left(self):
        super().expect_nothing_left()
        deadline = time.monotonic() + PATIENCE
        while (self.daemon.processes("guest=portcullis-") or self.daemon.domains()) and time.monotonic() < deadline:
            time.sleep(0.05)
        check(not self.daemon.processes("guest=portcullis-"), "a QEMU is left")
        check(self.daemon.domains() == 0, "a domain is left")


def start_spin(place, *arguments):
    return launcher_deaths.start_spin(place, ENGINE, *arguments)


def triple_fault(place):
    """a triple fault exits with 5"""
    kernel = place.write("kernel.bin", machine_code.kernel(KERNEL.read_bytes(), machine_code.TRIPLE_FAULT))
    place.run("--kernel", kernel, engine=ENGINE).expect(DIED, "the guest died of a triple fault, before it had started$")


def destroyed(place):
    """a domain that somebody else destroys exits with 5 and says so"""
    process = start_spin(place)
    check(place.daemon.destroy("portcullis-1"), "the domain cannot be destroyed")
    place.finish(process).expect(DIED, "the guest died without a word.*, in run spin: .*: the domain was destroyed, by somebody else$")
    check(len(place.objects("records")) == len(RUN_METRICS), "records of the first run are not kept")


def killed_qemu(place):
    """a QEMU that is killed from outside exits with 5 and says so"""
    process = start_spin(place)
    os.kill(place.daemon.processes("guest=portcullis-1")[0], signal.SIGKILL)
    place.finish(process).expect(DIED, "the guest died without a word.*, in run spin: .*: QEMU ended, or was killed$")


def killed_daemon(place):
    """a libvirtd that is killed exits with 5, says so, and leaves no QEMU"""
    process = start_spin(place)
    os.kill(place.daemon.processes("libvirtd")[0], signal.SIGKILL)
    out, errors = process.communicate(timeout=PATIENCE)
    check(process.returncode == DIED, f"exit status {process.returncode}: {errors}")
    check(b"the connection to libvirt broke: its daemon has ended" in errors, errors)
    check(not out and not place.daemon.processes("guest=portcullis-"), "its QEMU is left")
    place.daemon.stop()
    place.daemon.start()
    place.expect_nothing_left()


def hanging_daemon(place):
    """a libvirtd that hangs holds up neither an interrupt nor the time limit"""
    daemon = place.daemon.processes("libvirtd")[0]
    process = start_spin(place, "--timeout", 3)
    os.kill(daemon, signal.SIGSTOP)
    try:
        errors = process.communicate(timeout=PATIENCE)[1]
        check(process.returncode == TIMEOUT and b"did not end within 3 s" in errors, f"status {process.returncode}: {errors}")
        process = place.start(engine=ENGINE)
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        start = time.monotonic()
        process.communicate(timeout=PATIENCE)
        check(process.returncode == 128 + signal.SIGINT and time.monotonic() - start < 5, f"status {process.returncode}")
    finally:
        os.kill(daemon, signal.SIGCONT)
    place.expect_nothing_left()


def killed_keeper(place):
    """a launcher's helper that is killed takes the domain along"""
    process = start_spin(place)
    keepers = [number for number in place.processes() if b"\0domain\0" in Path(f"/proc/{number}/cmdline").read_bytes()]
    check(len(keepers) == 1, f"{keepers}")
    os.kill(keepers[0], signal.SIGKILL)
    place.finish(process).expect(DIED, r"the emulator was killed by signal 9 \(Killed\)")


def early(place):
    """an interrupt at any moment of the start leaves nothing"""
    for delay in (0, 0.02, 0.05, 0.1, 0.2, 0.3):
        for number in (signal.SIGINT, signal.SIGKILL):
            process = place.start(engine=ENGINE)
            time.sleep(delay)
            process.send_signal(number)
            process.communicate(timeout=PATIENCE)
            check(process.returncode in (-number, 128 + number, GOOD), f"{delay} s, signal {number}: status {process.returncode}")
            place.expect_nothing_left()


def side_by_side(place):
    """several domains run side by side"""
    processes = [place.start("--records", place.folder / f"records.{i}", engine=ENGINE) for i in range(3)]
    for i, process in enumerate(processes):
        errors = process.communicate(timeout=PATIENCE)[1]
        check(process.returncode == GOOD, errors)
        check(len(place.objects(f"records.{i}")) == len(RUN_METRICS), "records are missing")
    place.expect_nothing_left()


def kinds(place):
    """records of a translated domain are uncalibrated, and the run says why it is one"""
    run = place.run("--verbose", "--records", place.folder / "records", engine=ENGINE,
                    environment=fake(place, "emulates")).expect(GOOD, "^engine libvirt: a domain of .*, translated, not on KVM: KVM only emulates")
    check({record["kind"] for record in place.objects("records") if record["unit"] == "tsc"} == {"uncalibrated"}, run.errors)


def kvm_refused(place):
    """where libvirt cannot have the KVM that the launcher sees, its own sentence comes"""
    place.run(engine=ENGINE, environment=fake(place, "works")).expect_refusal(NO_ENGINE, "libvirt starts no domain: .*(kvm|KVM)")


def cpu_model(place):
    """a named CPU is what the guest gets; one that does not exist is refused"""
    place.run("--cpu-model", "Skylake-Server", engine=ENGINE).expect(GOOD)
    place.run("--cpu-model", "Abacus", engine=ENGINE).expect_refusal(NO_ENGINE, "libvirt starts no domain: .*Abacus")
    for option, value in (("--cpu-model", "x"), ("--uri", "qemu:///session")):
        place.run(option, value, engine="bochs").expect_refusal(USAGE, "engine bochs knows neither --uri nor --cpu-model")


def unreachable(place):
    """a URI that cannot be reached exits with 3 and one sentence"""
    for uri, why in (("qemu+unix:///session?socket=/nonexistent/socket", "Failed to connect socket to '/nonexistent/socket': No such file"),
                     ("qemu+tcp://127.0.0.1:9/system", "unable to connect to server at '127.0.0.1:9': Connection refused")):
        place.run("--uri", uri, engine=ENGINE).expect_refusal(NO_ENGINE, f"libvirt cannot be reached at {re.escape(uri)}: {why}")


def default_uri(place):
    """LIBVIRT_DEFAULT_URI is the URI without --uri"""
    environment = place.environment(LIBVIRT_DEFAULT_URI=place.daemon.uri)
    command = Place.command(place, engine=ENGINE)
    done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    check(done.returncode == GOOD, done.stderr)
    place.expect_nothing_left()


def odd_folder(place):
    """a folder for temporary files may have any name, but a long one"""
    folder = place.folder / "a,b&'c"
    folder.mkdir(mode=0o711)
    folder.chmod(0o711)
    place.run(engine=ENGINE, environment=place.environment(TMPDIR=str(folder))).expect(GOOD)
    check(not list(folder.iterdir()), "files are left")
    place.run(engine=ENGINE, environment=place.environment(TMPDIR="/tmp" + 40 * "/.")).expect_refusal(NO_ENGINE, "too long a path for sockets")
    place.run(engine=ENGINE, environment=place.environment(TMPDIR="/nonexistent")).expect_refusal(
        NO_ENGINE, "no folder /nonexistent/portcullis-.*: No such file or directory")


def no_library(place):
    """without libvirt's library the engine says so in one sentence, and others work"""
    hidden = place.folder / "lib"
    hidden.mkdir()
    (hidden / "libvirt.so.0").write_bytes(b"")
    environment = place.environment(LD_LIBRARY_PATH=str(hidden))
    place.run(engine=ENGINE, environment=environment).expect_refusal(
        NO_ENGINE, r"engine libvirt is not available: no libvirt.so.0 here \(package libvirt0\)")
    place.run(engine="bochs", environment=environment).expect(GOOD)


def listed(place):
    """`portcullis engines` boots a domain, and says at which URI"""
    done = subprocess.run([LAUNCHER, "engines", "--uri", place.daemon.uri], env=place.environment(), capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, check=False)
    check(re.search(f"^libvirt +works: a (KVM )?domain of {re.escape(place.daemon.uri)}", done.stdout, re.MULTILINE), done.stdout)
    place.expect_nothing_left()


OWN = (listed, kinds, kvm_refused, cpu_model, unreachable, default_uri, odd_folder, no_library, triple_fault, destroyed, killed_qemu,
       hanging_daemon, killed_keeper, early, side_by_side, killed_daemon)


def name_of(function):
    if function in OWN:
        return function.__doc__
    return next(name.partition(": ")[2] for name, registered, *_ in tests if registered is function)


def main(words):
    reason = missing()
    if reason:
        print(f"skip engine libvirt: {reason}")
        return 0
    failures = 0
    with tempfile.TemporaryDirectory(prefix="portcullis-libvirt-") as folder:
        daemon = Daemon(Path(folder) / "d")
        Path(folder).chmod(0o711)
        try:
            daemon.start()
            for function in SHARED + OWN:
                name = name_of(function)
                if words and not any(word in name for word in words):
                    continue
                failures += not attempt(name, function, daemon)
        finally:
            daemon.stop()
    return failures != 0


def attempt(name, function, daemon):
    with tempfile.TemporaryDirectory(prefix="portcullis-test-") as folder:
        place = LibvirtPlace(Path(folder), daemon)
        try:
            function(*((place, ENGINE) if function in SHARED else (place,)))
            print(f"ok libvirt: {name}", flush=True)
            return True
        except (Failed, OSError, ValueError, KeyError, IndexError) as why:
            print(f"not ok libvirt: {name}: {' '.join((str(why) or repr(why)).split())}", flush=True)
            return False
        finally:
            place.clean_up()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
