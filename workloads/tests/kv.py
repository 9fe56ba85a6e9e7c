#!/usr/bin/env python3
"""YCSB on the databases: every backend gives the answers of the host and of the direct link, and bad input one sentence."""

from databases import BUDGET, backends_of, check_none, check_refused, instructions, native_digests, stage, values
from guest import on_engines, run_plan

STORES = ("lmdb", "sqlite")
COMMON = "--workload all --records 300 --operations 60"
PHASES = {"load", "a", "b", "c", "d", "e", "f"}

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


def test(report, engine, root):
    stage(root, ("kv", "kv_direct"), STORES)
    backends = backends_of(report, engine)
    plan = []
    for store in STORES:
        plan.append(f"direct-{store} -- /bin/kv_direct --store {store} {COMMON}")
        plan += [f"{backend}-{store} backend={backend} {BUDGET} -- /bin/kv --store {store} {COMMON}" for backend in backends]
    plan.append(f"seed backend=none -- /bin/kv --seed 2 {COMMON}")
    plan += [f"refused{number} backend=pku -- /bin/kv {arguments}" for number, (arguments, _, _) in enumerate(REFUSED)]
    result = run_plan(engine, "\n".join(plan) + "\n", root, memory=192, timeout=120)

    for store in STORES:
        expected = values(result.records, f"direct-{store}", "digest")
        report.equal(f"{engine}: {store}: the direct link answers in every phase", set(expected), PHASES)
        report.equal(f"{engine}: {store}: the answers are those of the distribution's own library on the host", expected,
                     native_digests("kv", f"--store {store} {COMMON}"))
        for backend in backends:
            line = f"{backend}-{store}"
            report.equal(f"{engine}: {store} on {backend} gives the answers of the direct link",
                         values(result.records, line, "digest"), expected)
            report.check(f"{engine}: {store} on {backend} ends", result.outcome(line).get("status") == 0, result.explain)
        if engine == "bochs":
            direct = instructions(result.records, f"direct-{store}")
            direct.pop("load", None)  # of the second: its memory is new to a domain, and not to a process
            check_none(report, f"{engine}: {store}", instructions(result.records, f"none-{store}"), direct)
    report.check(f"{engine}: another seed gives other answers", values(result.records, "seed", "digest").get("c") !=
                 values(result.records, "direct-lmdb", "digest").get("c"), "the same")
    check_refused(report, engine, result, "kv", REFUSED)


if __name__ == "__main__":
    on_engines(test)
