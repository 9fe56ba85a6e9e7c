"""Guests and emulators that do not reach the end of their plan."""

import os
import pty
import re
import select
import signal
import time
from pathlib import Path

import machine_code
from place import DIED, GOOD, KERNEL, LOST, PANIC, PATIENCE, RUN_METRICS, TICK_LIMIT, TIMEOUT, check
from registry import test_on_engines

LAUNCHER_MEMORY_MAX = 64 << 10  # KiB


def watch_memory(process):
    """The most resident memory that the process has until its end, in KiB."""
    peak = 0
    while process.poll() is None:
        try:
            text = Path(f"/proc/{process.pid}/status").read_text()
            peak = max([peak] + [int(size) for size in re.findall(r"VmRSS:\s+(\d+)", text)])
        except OSError:
            pass
        time.sleep(0.05)
    return peak


# ---- dead guests -----------------------------------------------------------------------------------------------------


@test_on_engines("a panic exits with 4, its sentence and a backtrace")
def panic(place, engine):
    run = place.run("--option", "epoch=soon", engine=engine)
    run.expect(PANIC, "the guest kernel panicked.*: command line: epoch: not a number", r"^  #0 .*\w+\+0x", r"^  #\d+ .*kernel_main\+0x")


@test_on_engines("a triple fault exits with 5")
def triple_fault(place, engine):
    kernel = place.write("kernel.bin", machine_code.kernel(KERNEL.read_bytes(), machine_code.TRIPLE_FAULT))
    place.run("--kernel", kernel, engine=engine).expect(DIED, "the guest died of a triple fault", r"^  #0  00000000001003\w\w")


@test_on_engines("the tick limit exits with 6 and says where the guest was")
def tick_limit(place, engine):
    place.plan("one -- /bin/good\nspin -- /bin/spin\nlast -- /bin/good\n")
    run = place.run("--limit-ticks", "20M" if engine == "bochs" else "1G", "--records", place.folder / "records",
                    engine=engine)
    run.expect(TICK_LIMIT, r"the guest reached the limit of \d+ ticks.*, in run spin$", r"^  #0 ")
    check({record["workload"] for record in place.objects("records")} == {"one"}, "records of the first run are not kept")


@test_on_engines("the time limit exits with 7 and says where the guest was")
def time_limit(place, engine):
    place.plan("one -- /bin/good\nspin -- /bin/spin\n")
    run = place.run("--timeout", 2, "--records", place.folder / "records", engine=engine)
    run.expect(TIMEOUT, r"the guest did not end within 2 s.*, in run spin$", r"^  #0 ")
    check(len(place.objects("records")) == len(RUN_METRICS), "records of the first run are not kept")


@test_on_engines("a kernel that halts for ever is stopped")
def halted(place, engine):
    kernel = place.write("kernel.bin", machine_code.kernel(KERNEL.read_bytes(), machine_code.HANG))
    place.run("--kernel", kernel, "--timeout", 1, engine=engine).expect(
        TIMEOUT, "the guest did not end within 1 s.*before it had started")


@test_on_engines("the time limit of a kernel that spins without interrupts")
def spinning_kernel(place, engine):
    kernel = place.write("kernel.bin", machine_code.kernel(KERNEL.read_bytes(), machine_code.SPIN))
    place.run("--kernel", kernel, "--timeout", 1, engine=engine).expect(TIMEOUT, "did not end within 1 s")


@test_on_engines("a guest that floods its console is stopped by the time limit, and no line is lost or cut")
def flood(place, engine):
    place.add_program("flood", machine_code.FLOOD)
    place.plan("flood -- /bin/flood\n")
    process = place.start("--console", place.folder / "console", "--timeout", 3, engine=engine)
    peak = watch_memory(process)
    place.finish(process).expect(TIMEOUT, "did not end within 3 s.*, in run flood$")
    lines = (place.folder / "console").read_text().split("\n")
    check(len(lines) > 1000 and set(lines[:-1]) == {"flood, a flood!"}, f"{len(lines)} lines, {set(lines[:-1])}")
    check(peak < LAUNCHER_MEMORY_MAX, f"the launcher used {peak} KiB")


# ---- emulators that are made up --------------------------------------------------------------------------------------


@test_on_engines("an emulator that hangs is killed with all it started", made_up=True)
def fake_hang(place, engine):
    place.fake(engine, "for number in signal.SIGINT, signal.SIGTERM, signal.SIGHUP: signal.signal(number, signal.SIG_IGN)\n"
                       "subprocess.Popen(['sleep', '1000'])\nwhile True: time.sleep(1)\n")
    place.run("--timeout", 1, engine=engine).expect(TIMEOUT, "did not end within 1 s")


@test_on_engines("an emulator that dies is reported with its last words", made_up=True)
def fake_death(place, engine):
    place.fake(engine, "W(lines(BOOT, START, RECORD))\nprint('out of luck', file=sys.stderr)\nsys.exit(9)\n")
    run = place.run("--records", place.folder / "records", engine=engine)
    run.expect(DIED, "the emulator exited with status 9.*out of luck|out of luck(.|\n)*exited with status 9")
    check(len(place.objects("records")) == 1, "the record that came is not kept")
    place.fake(engine, "W(lines(BOOT, START))\nos.kill(os.getpid(), signal.SIGSEGV)\n")
    place.run(engine=engine).expect(DIED, r"was killed by signal 11 \(Segmentation fault\)")
    place.fake(engine, "pass\n")
    place.run(engine=engine).expect(DIED, "the emulator exited with status 0")


@test_on_engines("noise is neither lines nor a console", made_up=True)
def fake_noise(place, engine):
    place.fake(engine, "import random\nrandom.seed(1)\n"
                       "for i in range(200): W(random.randbytes(5000) + b'\\x1eR7 {} 00000000\\n')\n")
    run = place.run("--records", place.folder / "records", "--console", place.folder / "console", engine=engine)
    run.expect(DIED, "the emulator exited with status 0")
    check((place.folder / "records").read_bytes() == b"", "noise became a record")


@test_on_engines("noise before and between lines loses nothing", made_up=True)
def fake_noise_between(place, engine):
    place.fake(engine, "W(b'BIOS says hello\\n')\nfor i, pair in enumerate([BOOT, START, RECORD, RECORD, DONE, END]):\n"
                       "    W(b'text' + bytes(range(128, 256)) + line(pair[0], i, pair[1]))\n")
    place.run("--records", place.folder / "records", engine=engine).expect(GOOD)
    check(len(place.objects("records")) == 2, "records are missing")


@test_on_engines("a flood of text is stopped by the time limit", made_up=True)
def fake_flood(place, engine):
    place.fake(engine, "W(lines(BOOT, START))\nwhile True: W(b'flood' * 10000)\n")
    process = place.start("--timeout", 2, engine=engine)
    peak = watch_memory(process)
    place.finish(process).expect(TIMEOUT, "did not end within 2 s")
    check(peak < LAUNCHER_MEMORY_MAX, f"the launcher used {peak} KiB")


@test_on_engines("lost and damaged lines exit with 8, records that came are kept", made_up=True)
def fake_loss(place, engine):
    place.fake(engine, "W(line(*BOOT[:1], 0, BOOT[1]) + line('S', 1, START[1]) + line('R', 2, RECORD[1])\n"
                       "  + line('R', 5, RECORD[1]) + line('R', 6, RECORD[1]).replace(b'value', b'valve')\n"
                       "  + line('D', 7, DONE[1]) + line('E', 8, '0'))\n")
    run = place.run("--records", place.folder / "records", engine=engine)
    run.expect(LOST, "2 were lost and 1 damaged")
    check(len(place.objects("records")) == 2, "the records that came are not kept")


@test_on_engines("a record that is no JSON exits with 8", made_up=True)
def fake_record(place, engine):
    place.fake(engine, "W(lines(BOOT, START, ('R', '{\"a\":'), DONE, END))\n")
    place.run(engine=engine).expect(LOST, "no JSON object")


@test_on_engines("an emulator that goes on after the guest's end is killed", made_up=True)
def fake_immortal(place, engine):
    place.fake(engine, "signal.signal(signal.SIGINT, signal.SIG_IGN)\nW(lines(BOOT, START, DONE, END))\n"
                       "subprocess.Popen(['sleep', '1000'])\ntime.sleep(1000)\n")
    place.run(engine=engine).expect(GOOD)


# ---- signals ---------------------------------------------------------------------------------------------------------


def start_spin(place, engine, *arguments):
    """A launcher whose guest is in its second run, which never ends."""
    place.plan("one -- /bin/good\nspin -- /bin/spin\n")
    records = place.folder / "records"
    records.unlink(missing_ok=True)
    process = place.start("--records", records, *arguments, engine=engine)
    place.wait_for(lambda: process.poll() is not None or (records.exists() and records.read_text().count("\n") == len(RUN_METRICS)),
                   "the first run's end")
    check(process.poll() is None, "the launcher ended too early")
    return process


@test_on_engines("SIGINT, SIGTERM and SIGHUP end it with 128 and their number; records are kept")
def signals(place, engine):
    for number in signal.SIGINT, signal.SIGTERM, signal.SIGHUP:
        process = start_spin(place, engine)
        process.send_signal(number)
        place.finish(process).expect(128 + number, f"interrupted by signal {int(number)}")
        check(len(place.objects("records")) == len(RUN_METRICS), "records are lost")


@test_on_engines("a launcher that is killed takes its emulator along")
def killed_launcher(place, engine):
    process = start_spin(place, engine)
    check(len(place.processes()) >= 2, f"processes: {place.processes()}")
    process.kill()
    process.communicate()
    place.expect_nothing_left()


@test_on_engines("on a terminal it shows progress, and Ctrl-C ends it with 130")
def terminal(place, engine):
    place.plan("one -- /bin/good\nspin -- /bin/spin\n")
    pid, screen = pty.fork()
    if pid == 0:
        os.chdir(place.temporary)
        command = place.command(engine=engine)
        os.execve(command[0], command, place.environment())
    seen, deadline, interrupted = b"", time.monotonic() + PATIENCE, False
    while time.monotonic() < deadline:
        try:
            if select.select([screen], [], [], 0.1)[0]:
                seen += os.read(screen, 4096)
        except OSError:
            break  # the terminal is gone with its last process
        if b"[2/2] spin" in seen and not interrupted:
            os.write(screen, b"\x03")
            interrupted = True
    os.close(screen)
    status = os.waitpid(pid, 0)[1]
    check(interrupted, f"no progress: {seen!r}")
    check(os.WIFEXITED(status) and os.WEXITSTATUS(status) == 128 + signal.SIGINT, f"wait status {status}: {seen!r}")
    place.expect_nothing_left()
