"""`portcullis collect`: what serial lines bring, whole and damaged."""

import os
import pty
import random
import signal
import socket
import subprocess
import termios

import guest_link
from place import DIED, GOOD, LAUNCHER, LOST, NO_ENGINE, PANIC, RUN_FAILED, TIMEOUT, USAGE, check
from registry import test

SEED = int(os.environ.get("SEED", "20261124"))
NOISY_STREAMS = 60


def record(value):
    return ("R", {"schema": 1, "workload": "one", "metric": "m", "unit": "ticks", "value": value, "n": 1})


def stream(*between):
    return guest_link.lines(guest_link.BOOT, guest_link.START, *between, guest_link.DONE, guest_link.END)


def start(place, line, *arguments):
    return subprocess.Popen([str(LAUNCHER), "collect", "--line", str(line), *map(str, arguments)],
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            cwd=place.temporary, env=place.environment())


def collect(place, said, *arguments):
    """Collects from a file that holds these bytes."""
    return place.finish(start(place, place.write("line", said), "--records", place.folder / "records", *arguments))


def values(place):
    return [entry["value"] for entry in place.objects("records")]


@test("collect: records carry engine metal and what a tick is there")
def whole(place):
    collect(place, b"GRUB\r\n" + stream(record(7)), "--run-id", "night").expect(GOOD, "^one: exited 0, 2 ticks$")
    entry, = place.objects("records")
    check((entry["engine"], entry["unit"], entry["kind"], entry["cpu"], entry["run"], entry["line"]) ==
          ("metal", "tsc", "measured", "made up", "night", "one"), f"record {entry}")
    check("host" not in entry, "the record names the collector as the machine that ran it")


@test("collect: an emulator's time is no measurement")
def emulated(place):
    collect(place, stream(record(7)), "--emulated").expect(GOOD)
    check(place.objects("records")[0]["kind"] == "uncalibrated", "kind")


@test("collect: a run that failed exits with 1")
def failed_run(place):
    done = ("D", dict(guest_link.DONE[1], status=3))
    collect(place, guest_link.lines(guest_link.BOOT, guest_link.START, done, ("E", "1"))).expect(
        RUN_FAILED, "^one: exited 3")


@test("collect: a lost line is counted, and the status is 8")
def lost_line(place):
    whole = stream(record(1), record(2), record(3))
    lost = guest_link.line("R", 3, record(2)[1])
    collect(place, whole.replace(lost, b"")).expect(LOST, "1 were lost and 0 damaged")
    check(values(place) == [1, 3], f"values {values(place)}")


@test("collect: a damaged line is counted and not believed, and the status is 8")
def damaged_line(place):
    whole = stream(record(1), record(2), record(3))
    collect(place, whole.replace(b'"value":2', b'"value":9')).expect(LOST, "0 were lost and 1 damaged")
    check(values(place) == [1, 3], f"values {values(place)}")


def add_noise(stream, chance):
    """Bytes that are changed, dropped or doubled, each with the same chance."""
    said = bytearray()
    for byte in stream:
        what = chance.random() * 6000
        if what < 1:
            said.append(chance.randrange(256))
        elif 2 < what:
            said.append(byte)
        if 2 < what < 3:
            said.append(byte)
    return bytes(said)


@test("collect: with noise no wrong record is written, and none is missing without status 8 or 5")
def noise(place):
    print(f"# seed {SEED}", flush=True)
    chance = random.Random(SEED)
    sent = list(range(1000, 1020))
    complete = 0
    for number in range(NOISY_STREAMS):
        said = add_noise(stream(*map(record, sent)), chance)
        run = collect(place, said)
        got = values(place)
        check(run.status in (GOOD, LOST, DIED), f"stream {number}: exit status {run.status}: {run.errors}")
        check([value for value in sent if value in got] == got, f"stream {number}: records {got}")
        check(run.status != GOOD or got == sent, f"stream {number}: exit status 0 with records {got}")
        complete += run.status == GOOD
    check(0 < complete < NOISY_STREAMS, f"{complete} streams of {NOISY_STREAMS} came through whole: the noise tests nothing")


@test("collect: a line that ends before the guest exits with 5")
def ends_early(place):
    said = guest_link.lines(guest_link.BOOT, guest_link.START, record(1))
    collect(place, said).expect(DIED, "the guest died without a word, in run one: .* ended")
    check(values(place) == [1], "the record that came is not kept")


@test("collect: a machine that starts again exits with 5")
def starts_again(place):
    first = guest_link.lines(guest_link.BOOT, guest_link.START)
    collect(place, first + b"GRUB\n" + stream(record(1))).expect(DIED, "in run one: the machine has started again")
    check(values(place) == [], "records of the second start are taken for the first one's")


@test("collect: a panic exits with 4, its sentence and a backtrace")
def panic(place):
    said = guest_link.lines(guest_link.BOOT, ("P", "the sky fell"), ("T", "ffffffff80000000"))
    collect(place, said).expect(PANIC, "the guest kernel panicked, between runs: the sky fell", r"^  #0  ffffffff80000000")


@test("collect: a record that is no object exits with 8")
def bad_record(place):
    collect(place, stream(("R", "[1]"))).expect(LOST, "no JSON object")


@test("collect: a guest without a plan exits with 2")
def no_plan(place):
    collect(place, guest_link.lines(guest_link.BOOT, ("E", "2"))).expect(USAGE, "the guest found no valid plan")


@test("collect: from a TCP connection")
def tcp(place):
    with socket.create_server(("127.0.0.1", 0)) as server:
        process = start(place, f"tcp:127.0.0.1:{server.getsockname()[1]}", "--records", place.folder / "records")
        connection, _ = server.accept()
        with connection:
            for byte in stream(record(5)):
                connection.sendall(bytes([byte]))
            place.finish(process).expect(GOOD)
    check(values(place) == [5], "the record")


def is_raw(terminal):
    return not termios.tcgetattr(terminal)[3] & (termios.ECHO | termios.ICANON)


@test("collect: from a pseudo-terminal, without echo")
def terminal(place):
    master, slave = pty.openpty()
    process = start(place, os.ttyname(slave), "--records", place.folder / "records")
    place.wait_for(lambda: is_raw(slave), "a raw line")
    check(termios.tcgetattr(slave)[5] == termios.B115200, "speed")
    os.write(master, stream(record(5)))
    place.finish(process).expect(GOOD)
    os.set_blocking(master, False)
    try:
        check(not os.read(master, 100), "the guest's bytes come back to it")
    except BlockingIOError:
        pass
    os.close(slave)
    os.close(master)
    check(values(place) == [5], "the record")


@test("collect: the time limit exits with 7, a signal with its number")
def limits(place):
    with socket.create_server(("127.0.0.1", 0)) as server:
        line = f"tcp:127.0.0.1:{server.getsockname()[1]}"
        place.finish(start(place, line, "--timeout", 1)).expect(TIMEOUT, "did not end within 1 s.*before it had started")
        server.accept()[0].close()
        process = start(place, line, "--verbose")
        connection, _ = server.accept()
        with connection:
            connection.sendall(guest_link.lines(guest_link.BOOT) + b"here")
            check(process.stdout.read(4) == b"here", "the console")
            process.send_signal(signal.SIGTERM)
            place.finish(process).expect(128 + signal.SIGTERM, "interrupted by signal 15")


@test("collect: a line that is not there exits with 3 and one sentence")
def no_line(place):
    with socket.create_server(("127.0.0.1", 0)) as server:
        closed = f"tcp:127.0.0.1:{server.getsockname()[1]}"
    for line, pattern in (("/dev/no-such-port", "/dev/no-such-port cannot be opened: No such file"),
                          (place.folder, "Is a directory"), (closed, f"{closed}: no connection: "),
                          ("tcp:nowhere", "tcp:nowhere: expected tcp:HOST:PORT")):
        place.finish(start(place, line)).expect_refusal(NO_ENGINE, pattern)


@test("collect: wrong options exit with 2 and one sentence")
def options(place):
    place.finish(start(place, "/dev/null", "--speed", 300001)).expect_refusal(USAGE, "no serial port has this speed")
    place.finish(start(place, "/dev/null", "--engine", "qemu")).expect_refusal(USAGE, "unknown option --engine")
