#!/usr/bin/env python3
"""The ISO: GRUB starts the guest through multiboot2 on QEMU (BIOS and UEFI) and on Bochs, and its plan runs;
`portcullis collect` takes its records from the serial line."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path

from guest import TOP, Report, stage

PLAN = """
first -- /bin/outcome show "from the ISO"
crash -- /bin/outcome crash
last  -- /bin/outcome exit 0
"""
MEMORY = 256  # MiB
SECONDS = 120
OVMF = Path("/usr/share/ovmf/OVMF.fd")
GRUB_EFI = Path("/usr/lib/grub/x86_64-efi/multiboot2.mod")
BOCHS_BIOS = Path("/usr/share/bochs/BIOS-bochs-latest")
BOCHS_VGA = Path("/usr/share/bochs/VGABIOS-lgpl-latest")

# Reading the boot medium by the BIOS takes most of the time; the serial line is the guest's only console.
QEMU = ["qemu-system-x86_64", "-m", str(MEMORY), "-cpu", "max", "-display", "none", "-nodefaults", "-no-reboot",
        "-vga", "std", "-device", "isa-debug-exit,iobase=0xf4,iosize=4", "-chardev", "stdio,id=line",
        "-serial", "chardev:line", "-monitor", "none"]

BOCHSRC = """
plugin_ctrl: unmapped=true, biosdev=true, speaker=false, extfpuirq=true, parallel=false, serial=true, e1000=false
romimage: file={bios}
vgaromimage: file={vga}
megs: {memory}
cpu: model=corei7_icelake_u, count=1, ips=100000000, reset_on_triple_fault=0
log: bochs.log
panic: action=fatal
error: action=ignore
info: action=ignore
sound: waveoutdrv=dummy, waveout=none, waveindrv=dummy, wavein=none, midioutdrv=dummy, midiout=none
display_library: term
clock: sync=none
port_e9_hack: enabled=1
magic_break: enabled=1
ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
ata0-master: type=cdrom, path={iso}, status=inserted
boot: cdrom
"""


def make_iso(folder):
    """None, or what make said."""
    root = stage(folder / "root", "outcome")
    (folder / "plan").write_text(PLAN)
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MAKE")}
    done = subprocess.run(["make", f"BUILD={os.environ.get('BUILD', 'build')}", "iso", f"ROOT={root}",
                           f"PLAN={folder / 'plan'}", f"ISO={folder / 'iso'}"],
                          cwd=TOP, env=environment, capture_output=True, text=True)
    return done.stderr or done.stdout if done.returncode else None


def make_bare_iso(folder):
    """An ISO whose GRUB brings the kernel alone."""
    boot = folder / "bare.tree" / "boot"
    (boot / "grub").mkdir(parents=True)
    (boot / "grub" / "grub.cfg").write_text("set timeout=0\nmultiboot2 /boot/kernel.elf\nboot\n")
    kernel = TOP / os.environ.get("BUILD", "build") / "guest" / "kernel.elf"
    subprocess.run(["objcopy", "--strip-debug", kernel, boot / "kernel.elf"], check=True)
    subprocess.run(["grub-mkrescue", "-o", folder / "bare", "--install-modules=multiboot2 normal configfile iso9660",
                    "--locales=", "--fonts=", "--themes=", folder / "bare.tree"],
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def output_of(command, folder):
    """What the machine wrote; it is stopped when it takes too long."""
    try:
        done = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, env=dict(os.environ, TERM="dumb"), timeout=SECONDS)
        return done.stdout.decode(errors="replace")
    except subprocess.TimeoutExpired as expired:
        return (expired.stdout or b"").decode(errors="replace") + "\n[still running]"


def lines_of(output, kind):
    """Payloads of the intact lines of one type (guest/abi/link.h)."""
    return [payload for head, payload, crc in re.findall(r"\x1e(" + kind + r"\d+ )(.*) ([0-9a-f]{8})\r?\n", output)
            if int(crc, 16) == zlib.crc32((head + payload).encode())]


def check(report, name, output):
    last = (output.strip().splitlines() or ["no output"])[-1]
    report.check(f"{name}: the plan runs to its end", lines_of(output, "E") == ["1"], last)
    done = "".join(lines_of(output, "D"))
    report.check(f"{name}: every line has its outcome",
                 all(f'"id":"{line}"' in done for line in ("first", "crash", "last")) and "crash_here" in done, last)
    report.check(f"{name}: the archive is the file system", "argument <from the ISO>" in output, last)


def relay(source, sink, noise):
    """Bytes of a serial line, until it ends, as noise makes them."""
    while data := source.recv(4096):
        try:
            sink.sendall(noise(data))
        except OSError:
            break  # the collector has what it wants


def collect(folder, noise):
    """What `portcullis collect` makes of QEMU's serial line: exit status, standard error, records."""
    with socket.create_server(("127.0.0.1", 0)) as machine, socket.create_server(("127.0.0.1", 0)) as line:
        collector = subprocess.Popen(
            [TOP / os.environ.get("BUILD", "build") / "portcullis", "collect", "--emulated", "--line",
             f"tcp:127.0.0.1:{line.getsockname()[1]}", "--timeout", str(SECONDS), "--records", folder / "records"],
            stderr=subprocess.PIPE, text=True)
        port = machine.getsockname()[1]
        emulator = subprocess.Popen(QEMU[:-6] + ["-chardev", f"socket,id=line,host=127.0.0.1,port={port}"] + QEMU[-4:] +
                                    ["-cdrom", "iso"], cwd=folder, stdin=subprocess.DEVNULL)
        try:
            machine.settimeout(SECONDS)
            line.settimeout(SECONDS)
            source, sink = machine.accept()[0], line.accept()[0]
            with source, sink:
                relay(source, sink, noise)
            errors = collector.communicate(timeout=SECONDS)[1]
        finally:
            for process in (emulator, collector):
                process.kill()
                process.wait()
    return collector.returncode, errors, [json.loads(text) for text in (folder / "records").read_text().splitlines()]


class Noise:
    """Changes the metric's name in one record, and leaves out another line, its newline and all."""

    def __init__(self):
        self.kept = b""

    def __call__(self, data):
        *whole, self.kept = (self.kept + data).split(b"\n")
        lines = [line.replace(b'"user_time"', b'"\x00ser_time"') for line in whole
                 if b'"metric":"system_time"' not in line or b'"workload":"last"' not in line]
        return b"".join(line + b"\n" for line in lines)


def test_collect(report, folder):
    if not shutil.which(QEMU[0]):
        report.skip("collect", f"{QEMU[0]} is not installed")
        return
    status, errors, records = collect(folder, bytes)
    metrics = {(record["workload"], record["metric"]) for record in records}
    report.check("collect: the records of an emulated serial line arrive",
                 status == 1 and ("last", "system_time") in metrics and "crash: killed by signal 11" in errors,
                 f"status {status}: {errors}")
    report.check("collect: they are of engine metal and measure nothing",
                 all(record["engine"] == "metal" and record["kind"] in ("uncalibrated", "counted") for record in records),
                 records)
    status, errors, noisy = collect(folder, Noise())
    report.check("collect: a noisy line is told from a good one",
                 status == 8 and "1 were lost and 3 damaged" in errors, f"status {status}: {errors}")
    kept = {(record["workload"], record["metric"]) for record in noisy}
    damaged = {pair for pair in metrics if pair[1] == "user_time"} | {("last", "system_time")}
    report.check("collect: what noise damaged is left out, and nothing else", kept == metrics - damaged,
                 sorted(kept ^ (metrics - damaged)))


def test_no_plan(report, folder):
    if not shutil.which(QEMU[0]):
        report.skip("no plan", f"{QEMU[0]} is not installed")
        return
    make_bare_iso(folder)
    output = output_of(QEMU + ["-cdrom", "bare"], folder)
    report.check("without a plan the guest says so and ends with status 2",
                 lines_of(output, "E") == ["2"] and "plan: the boot loader has brought none" in output, output[-300:])


def test_qemu(report, folder):
    if not shutil.which(QEMU[0]):
        report.skip("qemu", f"{QEMU[0]} is not installed")
        return
    check(report, "qemu, BIOS", output_of(QEMU + ["-cdrom", "iso"], folder))
    for needed in (OVMF, GRUB_EFI):
        if not needed.exists():
            report.skip("qemu, UEFI", f"{needed} is not there")
            return
    check(report, "qemu, UEFI", output_of(QEMU + ["-bios", str(OVMF), "-cdrom", "iso"], folder))


def test_bochs(report, folder):
    if not shutil.which("bochs-bin"):
        report.skip("bochs", "bochs-bin is not installed")
        return
    for needed in (BOCHS_BIOS, BOCHS_VGA):
        if not needed.exists():
            report.skip("bochs", f"{needed} is not there")
            return
    (folder / "bochsrc").write_text(BOCHSRC.format(bios=BOCHS_BIOS, vga=BOCHS_VGA, memory=MEMORY, iso=folder / "iso"))
    (folder / "commands").write_text("c\nq\n")
    check(report, "bochs", output_of(["bochs-bin", "-q", "-f", "bochsrc", "-rc", "commands"], folder))


def main():
    report = Report()
    with tempfile.TemporaryDirectory(prefix="portcullis-iso-") as name:
        folder = Path(name)
        problem = make_iso(folder)
        report.check("make iso makes an image", problem is None, problem)
        if problem is None:
            test_qemu(report, folder)
            test_collect(report, folder)
            test_no_plan(report, folder)
            test_bochs(report, folder)
    sys.exit(1 if report.failures else 0)


if __name__ == "__main__":
    main()
