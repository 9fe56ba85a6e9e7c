#!/usr/bin/env python3
"""The ISO: GRUB starts the guest through multiboot2 on QEMU (BIOS and UEFI) and on Bochs, and its plan runs."""

import os
import re
import shutil
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
            test_bochs(report, folder)
    sys.exit(1 if report.failures else 0)


if __name__ == "__main__":
    main()
