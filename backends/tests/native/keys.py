#!/usr/bin/env python3
"""Backend pku on the native platform: keys.py [WORD...]

On this machine if its CPU has protection keys, else in the rig (host/tests/rig): a Linux with keys that an emulator runs. What programs
and libraries do there, what an entrance takes, the attacks of raid, and each of them without the defence that stops it. WORDs choose
parts: domains, sharing, events, entrances, databases, raid, sentences, ordinary.
"""

import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(TOP / folder) for folder in ("guest/tests", "backends/tests/domains", "workloads/tests", "backends/tests/native")]

import databases  # noqa: E402
import native  # noqa: E402
import sharing  # noqa: E402
import threats  # noqa: E402
from guest import BUILD, on_engines, run_plan  # noqa: E402
from native_attacks import launcher  # noqa: E402

# A protected stack that overflows leaves the kernel no room for a signal frame: that ends the process.
CASES = tuple(case for case in (*native.CASES, "index") if case != "stack")
EVENTS = ("signals", "nested")
STEPS = {"none": 45, "general": 61, "vector": 72}
STEPS_MAX = 45  # at scrub none
DATABASES = (("kv", "lmdb", "--workload all --records 200 --operations 40"), ("kv", "sqlite", "--workload c --records 100 --operations 20"))
TICKS = "4G"

KILLED = {"killed": ("signal",), "refused": ("exited",)}


def run(plan, root, options=(), timeout=280):
    return run_plan("native", plan, root, timeout=timeout, options=options, launcher=launcher("pku"))


def stage(root):
    native.stage(root)
    for program in ("crash", "events", "raid"):
        (root / "bin" / program).write_bytes((BUILD / "programs" / program).read_bytes())
        (root / "bin" / program).chmod(0o755)
    (root / "lib" / "portcullis" / "fragile.image").write_bytes((BUILD / "images" / "fragile.image").read_bytes())


def programs(report, root, title, runs):
    """Runs that print claims and exit with 0: (name, program and arguments)."""
    result = run("".join(f"{name} backend=pku ticks={TICKS} -- {words}\n" for name, words in runs), root)
    for line in result.console.splitlines():
        if line.startswith(("ok ", "not ok ")):
            report.check(line.partition("ok ")[2], line.startswith("ok "), "see the line")
    for name, _ in runs:
        report.check(f"{title} {name} ends", result.outcome(name).get("status") == 0, lambda one=name: f"{result.outcome(one)}")


def test_domains(report, root):
    programs(report, root, "domains", [(case, f"/bin/domains {case}") for case in CASES])


def test_sharing(report, root):
    programs(report, root, "share", [(case, f"/bin/share {case}") for case in sharing.CASES]
             + [("processes", "/bin/scale --case processes --count 8"), ("threads", "/bin/scale --case threads --count 8")])


def test_events(report, root):
    programs(report, root, "events", [("crash", "/bin/crash")])
    result = run("".join(f"{case} backend=pku ticks={TICKS} -- /bin/events {case}\n" for case in EVENTS), root)
    # How many of its signals meet an entrance is a matter of the machine's timer here.
    claims = [line for line in result.console.splitlines() if line.startswith(("ok ", "not ok ")) and ": many have come" not in line]
    for line in claims:
        report.check(line.partition("ok ")[2], line.startswith("ok "), "see the line")
    for case in EVENTS:
        report.check(f"events {case} came to its end", sum(f"{case} on pku: " in line for line in claims) >= 2, result.explain)


def test_entrances(report, root):
    plan = "".join(f"{scrub} backend=pku scrub={scrub} -- /bin/steps /bin/entrances\n" for scrub in STEPS)
    # The tracer is refused where system calls are filtered.
    result = run(plan, root, ("weaken=filter",))
    steps = native.steps_of(result.console)
    each = len(steps) // len(STEPS)
    for number, (scrub, expected) in enumerate(STEPS.items()):
        report.equal(f"instructions of an entrance at scrub {scrub}", sorted({*steps[number * each:(number + 1) * each]}), [expected])
    report.check(f"at scrub none it takes at most {STEPS_MAX}", each and max(steps[:each]) <= STEPS_MAX, steps)


def test_databases(report, root):
    plan = "".join(f"{program}-{store} backend=pku -- /bin/{program} --store {store} {arguments}\n" for program, store, arguments in DATABASES)
    result = run(plan, root)
    report.check("records say if this kernel's signal frames ignore keys",
                 {record.get("mode") for record in result.records} in ({None}, {"signal frames ignore keys"}), result.explain)
    for program, store, arguments in DATABASES:
        expected = databases.native_digests(program, f"--store {store} {arguments}")
        report.check(f"{program} on {store}: the answers are those of the distribution's own library",
                     expected and databases.values(result.records, f"{program}-{store}", "digest") == expected, result.explain)


def said(result, case, backend):
    return f"raid: {case} on {backend}: gained\n" in result.console


def raid(report, root, backend, cases, judge, title, options=()):
    result = run("".join(f"{case} backend={backend} ticks={TICKS} -- /bin/raid {case}\n" for case in cases), root, options)
    for case in cases:
        wrong = judge(result, case)
        report.check(f"raid {case} {title}", not wrong, lambda why=wrong: f"{why}: {result.explain()}")


def test_raid(report, root):
    expected = {case: how for case, _, _, how in threats.RAID}

    def fails(result, case):
        if said(result, case, "pku"):
            return "IT SUCCEEDED"
        outcome = result.outcome(case)
        if outcome.get("reason") not in KILLED[expected[case]] or (outcome["reason"] == "exited" and outcome.get("status") != 0):
            return f"{outcome}"
        return None

    def succeeds(backend):
        return lambda result, case: None if said(result, case, backend) else "it fails"

    raid(report, root, "pku", list(expected), fails, "fails on pku")
    raid(report, root, "none", [case for case in expected if case not in threats.RAID_NOT_ON_NONE], succeeds("none"), "succeeds on none")
    for defence in sorted({defence for _, _, defence, _ in threats.RAID if defence}):
        cases = [case for case, _, without, _ in threats.RAID if without == defence]
        raid(report, root, "pku", cases, succeeds("pku"), f"succeeds without {defence}", (f"weaken={defence}",))


def test_sentences(report, root):
    plan = "many backend=pku -- /bin/raid many\nbeside backend=pku -- /bin/raid beside-thread\n" \
           "shell backend=pku -- /bin/busybox sh -c \"/bin/busybox ls /bin | /bin/busybox wc -l\"\nfault backend=pku -- /bin/share killed\n"
    result = run(plan, root)
    for sentence in ("portcullis: more stray WRPKRU and XRSTOR than there are watchpoints, the next one at ",
                     "portcullis: a stray WRPKRU or XRSTOR in code that a process with several threads adds at "):
        report.check(f"one sentence: {sentence.strip()}", sentence in result.console, result.explain)
    report.equal("a program with XRSTOR in its text runs, watched", result.outcome("shell").get("status"), 0)


def test_ordinary(report, root):
    """A user whom the kernel gives no watchpoints: a program that needs none runs, another one does not start."""
    if launcher("pku") is None:
        report.skip("an ordinary user without watchpoints", "tried in the rig alone, whose kernel can be told to give none")
        return
    plan = root.parent / "plan"
    plan.write_text("plain backend=pku -- /bin/count\nwatched backend=pku -- /bin/busybox true\n")
    done = subprocess.run([launcher("pku"), "run", "--engine", "native", "--ordinary", "--root", root, "--plan", plan, "--verbose"],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    report.check("one sentence: perf_event_paranoid allows no watchpoint",
                 "portcullis: perf_event_paranoid allows no watchpoint for the stray WRPKRU or XRSTOR at " in done.stdout, done.stdout)
    report.check("an ordinary user's program without such instructions runs", " apples on backend pku" in done.stdout, done.stdout)
    report.equal("the launcher says that one run failed", done.returncode, 1)


TESTS = {"domains": test_domains, "sharing": test_sharing, "events": test_events, "entrances": test_entrances, "databases": test_databases,
         "raid": test_raid, "sentences": test_sentences, "ordinary": test_ordinary}


def test(report, _engine, root):
    stage(root)
    for name, part in TESTS.items():
        if not sys.argv[1:] or name in sys.argv[1:]:
            part(report, root)


if __name__ == "__main__":
    unknown = set(sys.argv[1:]) - set(TESTS)
    if unknown:
        sys.exit(f"keys.py: there is no part {min(unknown)}")
    on_engines(test, engines=("native",))
