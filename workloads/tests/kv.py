#!/usr/bin/env python3
"""YCSB on the databases: every backend gives the answers of the direct link, and bad input one sentence."""

import re
import shutil
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "guest" / "tests"))

from guest import BUILD, on_engines, run_plan  # noqa: E402

BACKENDS = ("none", "pku", "kernel", "syscall", "syscall-kpti", "vmfunc")
STORES = ("lmdb", "sqlite")
# A call may take 10 ms of the guest's time, and on QEMU that is time on the host, which may be busy with other things.
BUDGET = "budget=1G"
COMMON = "--workload all --records 300 --operations 60"
PHASES = {"load", "a", "b", "c", "d", "e", "f"}
NOT_ON = {("qemu", "vmfunc"): "it has no VMX"}

# Arguments, exit status, what standard error says.
REFUSED = (
    ("--records x", 2, "kv: --records x: not a number from 10 to 10000000"),
    ("--records 9", 2, "kv: --records 9: not a number from 10 to 10000000"),
    ("--store oracle", 2, "kv: --store oracle: must be one of lmdb sqlite"),
    ("--field-length 5000", 2, "kv: --field-length 5000: not a number from 8 to 4096"),
    ("--seed", 2, "kv: --seed: a value must follow"),
    ("--colour 1", 2, "kv: --colour: unknown option; kv --help lists them"),
    ("--store lmdb --records 3000 --size 1M", 1,
     "kv: lmdb: cannot store a record: MDB_MAP_FULL: Environment mapsize limit reached"),
    ("--store sqlite --records 3000 --size 1M", 1, "kv: sqlite: cannot store a record: database or disk is full"),
)


def stage(root):
    (root / "bin").mkdir(parents=True)
    (root / "tmp").mkdir()
    (root / "lib" / "portcullis").mkdir(parents=True)
    for program in ("kv", "kv_direct"):
        shutil.copy(BUILD / "programs" / program, root / "bin" / program)
    for library in STORES:
        shutil.copy(BUILD / "images" / f"{library}.image", root / "lib" / "portcullis")


def digests(records, line):
    return {record["args"]["case"]: record["value"] for record in records
            if record["line"] == line and record["metric"] == "digest"}


def test(report, engine, root):
    stage(root)
    backends = [backend for backend in BACKENDS if (engine, backend) not in NOT_ON]
    plan = []
    for store in STORES:
        plan.append(f"direct-{store} -- /bin/kv_direct --store {store} {COMMON}")
        plan += [f"{backend}-{store} backend={backend} {BUDGET} -- /bin/kv --store {store} {COMMON}" for backend in backends]
    plan.append(f"seed backend=none -- /bin/kv --seed 2 {COMMON}")
    plan += [f"refused{number} backend=pku -- /bin/kv {arguments}" for number, (arguments, _, _) in enumerate(REFUSED)]
    result = run_plan(engine, "\n".join(plan) + "\n", root, memory=192, timeout=120)

    for store in STORES:
        expected = digests(result.records, f"direct-{store}")
        report.equal(f"{engine}: {store}: the direct link answers in every phase", set(expected), PHASES)
        for backend in backends:
            line = f"{backend}-{store}"
            report.equal(f"{engine}: {store} on {backend} gives the answers of the direct link",
                         digests(result.records, line), expected)
            report.check(f"{engine}: {store} on {backend} ends", result.outcome(line).get("status") == 0, result.explain)
    report.check(f"{engine}: another seed gives other answers",
                 digests(result.records, "seed").get("c") != digests(result.records, "direct-lmdb").get("c"), "the same")
    for number, (arguments, status, sentence) in enumerate(REFUSED):
        report.equal(f"{engine}: kv {arguments} ends with status {status}",
                     result.outcome(f"refused{number}").get("status"), status)
        report.check(f"{engine}: kv {arguments} says why",
                     re.search(rf"^{re.escape(sentence)}$", result.console, re.MULTILINE), lambda: result.console[-300:])
    for (missing, backend), why in NOT_ON.items():
        if missing == engine:
            report.skip(f"{engine}: {backend}", why)


if __name__ == "__main__":
    on_engines(test)
