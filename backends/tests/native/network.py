"""The network programs: two processes, whose libraries share a wire: a part of native.py."""

import re

from guest import run_plan

PROGRAMS = {"net-rr": "--size 64 --requests 30", "serve-load": "--requests 60 --mix read"}
FILES = ("net-rr", "net-rr-direct", "net-echo", "net-echo-direct", "serve", "serve-direct", "serve-load", "serve-load-direct")
IMAGES = ("lwip",)


def digests(console, program):
    return re.findall(rf"^{program}: .*, digest ([0-9a-f]+)$", console, re.MULTILINE)


def test(report, root, backends):
    for program, arguments in PROGRAMS.items():
        plan = f"direct -- /bin/{program}-direct {arguments}\n"
        plan += "".join(f"{backend} backend={backend} -- /bin/{program} {arguments}\n" for backend in backends)
        result = run_plan("native", plan, root)
        found = digests(result.console, program)
        for backend in ("direct", *backends):
            report.equal(f"{program} on {backend} ends", result.outcome(backend).get("status"), 0)
        report.equal(f"{program}: the same answers without a library, and on each backend", found, found[:1] * (1 + len(backends)))
