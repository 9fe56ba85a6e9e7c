"""Writes the guest's byte stream (guest/abi/link.h), for emulators that are made up."""

import json
import zlib

MARK = b"\x1e"


def line(kind, sequence, payload):
    """One line; payload: an object or text."""
    text = payload if isinstance(payload, str) else json.dumps(payload, separators=(",", ":"))
    body = f"{kind}{sequence} {text}".encode()
    return MARK + body + b" %08x\n" % zlib.crc32(body)


def lines(*pairs):
    """Lines of (kind, payload), numbered from 0."""
    return b"".join(line(kind, i, payload) for i, (kind, payload) in enumerate(pairs))


BOOT = ("B", {"cpu": "made up", "memory": 1 << 20, "tsc_hz": 1, "ticks": 1, "pku": 0, "vmx": 0, "pcid": 0})
START = ("S", {"id": "one", "repetition": 0, "line": 1, "of": 1})
RECORD = ("R", {"schema": 1, "workload": "one", "metric": "m", "unit": "ticks", "value": 1, "n": 1})
DONE = ("D", {"id": "one", "repetition": 0, "reason": "exited", "status": 0, "user_ticks": 1, "system_ticks": 1,
              "ticks": 2, "peak_memory": 4096})
END = ("E", "0")
