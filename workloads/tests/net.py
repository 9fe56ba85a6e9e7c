#!/usr/bin/env python3
"""The network stack between two processes: every backend gives the answers of the direct link, whatever the link does to frames."""

import base64
import re
import shutil
import struct

from databases import BUDGET, NONE_OVERHEAD_MAX, backends_of, check_refused, stage
from guest import BUILD, on_engines, run_plan

REQUESTS = 200
COMMON = f"--requests {REQUESTS}"

# Name, arguments: on none alone, for what does not depend on the backend.
CASES = (
    ("unchecked", "--checksums off"),
    ("large", "--requests 12 --size 65536"),
    ("one-byte", "--size 1"),
    ("connections", "--requests 640 --connections 64"),
    ("connections-burst", "--requests 640 --connections 64 --interface burst"),
    ("resets", "--resets 300"),
    ("resets-burst", "--resets 300 --interface burst"),
    ("slow", "--requests 50 --latency 100000 --bandwidth 100"),
    ("loss", "--latency 5000 --loss 200"),
    ("reordering", "--latency 5000 --size 8000 --requests 50 --reorder 3000"),
)

# The other programs: name, arguments. On each backend through both interfaces.
OTHERS = (
    ("bulk", "net-bulk --messages 32"),
    ("udp", "net-udp --requests 100 --connections 4"),
)
# On none alone.
OTHER_CASES = (
    ("bulk-small", "net-bulk --messages 200 --size 64"),
    ("bulk-connections", "net-bulk --messages 64 --size 4000 --connections 16 --interface burst"),
    ("bulk-loss", "net-bulk --messages 8 --size 65536 --loss 100"),
    ("bulk-unchecked", "net-bulk --messages 32 --checksums off"),
    ("udp-large", "net-udp --requests 8 --size 65507"),
    ("udp-loss", "net-udp --requests 60 --loss 500 --reorder 500 --patience 2000000"),
)

REFUSED = (
    ("--size 0", 2, "net-rr: --size 0: not a number from 1 to 65536"),
    ("--connections 65", 2, "net-rr: --connections 65: not a number from 1 to 64"),
    ("--interface shout", 2, "net-rr: --interface shout: must be one of calls burst"),
    ("--loss 6000", 2, "net-rr: --loss 6000: not a number from 0 to 5000"),
    ("--colour 1", 2, "net-rr: --colour: unknown option; net-rr --help lists them"),
)

WRONG = (
    ("net-bulk", "--messages 0", 2, "net-bulk: --messages 0: not a number from 1 to 100000000"),
    ("net-udp", "--size 7", 2, "net-udp: --size 7: not a number from 8 to 65507"),
)

FRAME_MAX = 1514
ETHERTYPES = (0x0800, 0x0806)  # IPv4, ARP


def digests(console):
    """Of what net-rr received, in the order of the plan: by size, number of requests and of connections."""
    found = re.findall(r"^net-rr: (\d+) requests of (\d+) bytes, (\d+) connections: .*, digest ([0-9a-f]+)$", console, re.MULTILINE)
    return [(tuple(map(int, words[:3])), words[3]) for words in found]


def cost(records, line):
    """Instructions of one request outside of the kernel, on both sides."""
    return sum(record["value"] for record in records
               if record["line"] == line and record["metric"] in ("library", "application"))


def total(records, line, workload, metric):
    return next((record["value"] for record in records if (record["line"], record["metric"]) == (line, metric) and
                 record["workload"] == workload), None)


def frames(recording):
    """The frames of a pcap file; raises struct.error or ValueError if it is none."""
    magic, major, minor, _, _, longest, link = struct.unpack_from("<IHHiIII", recording)
    if (magic, major, minor, link) != (0xA1B23C4D, 2, 4, 1):
        raise ValueError(f"header {magic:#x} {major}.{minor}, link type {link}")
    place = 24
    while place < len(recording):
        _, _, kept, size = struct.unpack_from("<IIII", recording, place)
        if kept != size or size > min(longest, FRAME_MAX):
            raise ValueError(f"frame of {size} bytes, {kept} of them kept")
        yield recording[place + 16:place + 16 + size]
        place += 16 + size


def check_recording(report, engine, console):
    text = re.search(r"^begin-base64 .*\n((?:[A-Za-z0-9+/=]+\n)+?)====", console, re.MULTILINE)
    try:
        found = list(frames(base64.b64decode(text[1])))
    except (TypeError, ValueError, struct.error) as error:
        report.check(f"{engine}: the recording is a pcap file", False, f"{error}: {console[-200:]}")
        return
    kinds = {int.from_bytes(frame[12:14], "big") for frame in found}
    report.equal(f"{engine}: the recording holds Ethernet frames of IPv4 and ARP", kinds, set(ETHERTYPES))
    payload = [frame for frame in found if len(frame) >= 54 + 64]
    report.check(f"{engine}: the recording holds each request and its answer", len(payload) >= 2 * 5, f"{len(payload)} frames with data")


def test_others(report, engine, root, backends):
    """Streams and datagrams: the server checks the one, the client the other, so that a program that ends well has right answers."""
    plan = [f"direct-{name} -- /bin/{command.replace(' ', '-direct ', 1)}" for name, command in OTHERS]
    plan += [f"{backend}-{name}-{interface} backend={backend} {BUDGET} -- /bin/{command} --interface {interface}"
             for backend in backends for name, command in OTHERS for interface in ("calls", "burst")]
    plan += [f"{name} backend=none {BUDGET} -- /bin/{command}" for name, command in OTHER_CASES]
    plan += [f"wrong{number} backend=none -- /bin/{program} {arguments}" for number, (program, arguments, _, _) in enumerate(WRONG)]
    result = run_plan(engine, "\n".join(plan) + "\n", root, memory=64, timeout=180)
    for line in plan[:len(plan) - len(WRONG)]:
        name = line.split()[0]
        report.check(f"{engine}: {name} ends", result.outcome(name).get("status") == 0, result.explain)
    answers = re.findall(r"^net-udp: 100 requests of 64 bytes, 4 .*, digest ([0-9a-f]+)$", result.console, re.MULTILINE)
    report.check(f"{engine}: net-udp has the same answers on each backend, through both interfaces and by the direct link",
                 len(answers) == 1 + 2 * len(backends) and len(set(answers)) == 1, answers)
    for number, (program, arguments, status, sentence) in enumerate(WRONG):
        report.check(f"{engine}: {program} {arguments}: one sentence", sentence in result.console and
                     result.outcome(f"wrong{number}").get("status") == status, result.console[-300:])
    if engine == "bochs":
        for name, _ in OTHERS:
            direct, none = cost(result.records, f"direct-{name}"), cost(result.records, f"none-{name}-calls")
            report.check(f"bochs: {name}: none takes at most 1 % more instructions than the direct link",
                         0 < none <= direct * NONE_OVERHEAD_MAX, f"{none} against {direct}")


def test(report, engine, root):
    programs = ("net-rr", "net-echo", "net-bulk", "net-udp")
    stage(root, (*programs, *(f"{program}-direct" for program in programs)), ("lwip",))
    shutil.copy(BUILD / "root" / "bin" / "busybox", root / "bin")
    backends = backends_of(report, engine)
    plan = [f"direct -- /bin/net-rr-direct {COMMON}"]
    plan += [f"{backend}-{interface} backend={backend} {BUDGET} -- /bin/net-rr {COMMON} --interface {interface}"
             for backend in backends for interface in ("calls", "burst")]
    plan += [f"{name} backend=none {BUDGET} -- /bin/net-rr {COMMON} {arguments}" for name, arguments in CASES]
    plan.append(f"seed backend=none {BUDGET} -- /bin/net-rr {COMMON} --seed 2")
    plan.append(f"record backend=none {BUDGET} -- /bin/net-rr --requests 4 --warm-up 1 --record 100000")
    plan.append("recording -- /bin/busybox uuencode -m /tmp/net-rr.pcap pcap")
    plan += [f"refused{number} backend=pku -- /bin/net-rr {arguments}" for number, (arguments, _, _) in enumerate(REFUSED)]
    result = run_plan(engine, "\n".join(plan) + "\n", root, memory=32, timeout=180)

    lines = [line.split()[0] for line in plan[:2 + 2 * len(backends) + len(CASES)]]
    for line in lines:
        report.check(f"{engine}: {line} ends", result.outcome(line).get("status") == 0, result.explain)
    answers = digests(result.console)
    expected = answers[0][1] if answers else None
    same = [digest for shape, digest in answers[1:1 + 2 * len(backends) + 1]]
    report.equal(f"{engine}: both interfaces on each backend, and without checksums, give the answers of the direct link", same,
                 [expected] * (2 * len(backends) + 1))
    by_shape = {}
    for shape, digest in answers:
        by_shape.setdefault(shape, []).append(digest)
    report.check(f"{engine}: 64 connections have the same answers through both interfaces",
                 any(shape[2] == 64 and len(found) == 2 and found[0] == found[1] for shape, found in by_shape.items()), by_shape)
    report.check(f"{engine}: frames that are lost change no answer", by_shape.get((REQUESTS, 64, 1), []).count(expected) ==
                 5 + 2 * len(backends), by_shape.get((REQUESTS, 64, 1)))
    report.check(f"{engine}: another seed gives other answers", len(set(by_shape.get((REQUESTS, 64, 1), []))) == 2, by_shape)
    if engine == "bochs":
        direct, none = cost(result.records, "direct"), cost(result.records, "none-calls")
        report.check("bochs: none takes at most 1 % more instructions than the direct link", 0 < none <= direct * NONE_OVERHEAD_MAX,
                     f"{none} against {direct}")
        for backend in backends:
            natural, burst = (total(result.records, f"{backend}-{interface}", "net-rr", "entrances") for interface in ("calls", "burst"))
            report.check(f"bochs: {backend}: a request takes about 4 entrances, and 2 in bursts",
                         natural is not None and burst is not None and natural < 4.1 and burst < 2.1, f"{natural}, {burst}")
        lost = total(result.records, "loss", "net-rr", "elapsed")
        plain = total(result.records, "none-calls", "net-rr", "elapsed")
        report.check("bochs: lost frames cost time", lost and plain and lost > 2 * plain, f"{lost} against {plain}")
    check_recording(report, engine, result.console)
    check_refused(report, engine, result, "net-rr", REFUSED)
    test_others(report, engine, root, backends)


if __name__ == "__main__":
    on_engines(test)
