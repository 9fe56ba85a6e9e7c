#!/usr/bin/env python3
"""TPC-C on SQLite: every backend gives the answers of the host and of the direct link; the database stays consistent."""

from databases import BUDGET, backends_of, check_none, check_refused, native_digests, stage, values
from guest import on_engines, run_plan

COMMON = "--reduction 300 --transactions 70"
TWO = f"--warehouses 2 {COMMON}"

REFUSED = (
    ("--warehouses 0", 2, "tx: --warehouses 0: not a number from 1 to 100"),
    ("--reduction 301", 2, "tx: --reduction 301: not a number from 1 to 300"),
    ("--mix all", 2, "tx: --mix all: must be one of new-order payment order-status delivery stock-level standard"),
    ("--size 1M --reduction 50", 1,
     "tx: INSERT INTO customer VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1, 0, ?, 'OE', ?, ?, ?, ?, ?, ?, ?, ?, ?): "
     "database or disk is full"),
)


def test(report, engine, root):
    stage(root, ("tx", "tx_direct"), ("sqlite",))
    backends = backends_of(report, engine)
    plan = [f"direct -- /bin/tx_direct {COMMON}", f"direct-two -- /bin/tx_direct {TWO}",
            f"two backend=pku {BUDGET} -- /bin/tx {TWO}", f"seed backend=none -- /bin/tx --seed 2 {COMMON}"]
    plan += [f"{backend} backend={backend} {BUDGET} -- /bin/tx {COMMON}" for backend in backends]
    plan += [f"refused{number} backend=pku {BUDGET} -- /bin/tx {arguments}" for number, (arguments, _, _) in enumerate(REFUSED)]
    result = run_plan(engine, "\n".join(plan) + "\n", root, memory=192, timeout=200)

    expected = values(result.records, "direct", "digest")
    report.equal(f"{engine}: the direct link answers in every phase", set(expected), {"load", "standard"})
    report.equal(f"{engine}: the answers are those of the distribution's own library on the host", expected,
                 native_digests("tx", COMMON))
    report.equal(f"{engine}: those on two warehouses too", values(result.records, "direct-two", "digest"),
                 native_digests("tx", TWO))
    for backend in backends:
        report.equal(f"{engine}: {backend} gives the answers of the direct link", values(result.records, backend, "digest"),
                     expected)
        report.check(f"{engine}: {backend} ends, and the database is consistent", result.outcome(backend).get("status") == 0,
                     result.explain)
    report.equal(f"{engine}: pku gives the direct link's answers on two warehouses", values(result.records, "two", "digest"),
                 values(result.records, "direct-two", "digest"))
    report.check(f"{engine}: another seed gives other answers", values(result.records, "seed", "digest") != expected, "the same")
    if engine == "bochs":
        check_none(report, engine, values(result.records, "none", "operation"), values(result.records, "direct", "operation"))
    check_refused(report, engine, result, "tx", REFUSED)


if __name__ == "__main__":
    on_engines(test)
