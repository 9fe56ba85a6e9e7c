#!/usr/bin/env python3
"""The VMX monitor and backend vmfunc: counts, attacks by VMFUNC, and what is said where there is no VMX."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(TOP / "guest" / "tests"))

from guest import BUILD, on_engines, run_plan  # noqa: E402

MOST = {"none": 40, "general": 55}  # instructions of an empty entrance, by scrub
BOOT_TICKS = 3_000_000  # that starting the monitor may add
VIEW_TICKS = 2_000_000  # that a view of 16 MiB may add
VIEW_MEMORY = 0.003  # of what it maps
MEMORY = 64  # MiB
STATUS_PANIC = 4  # of the launcher: host/status.h
IN_ONE, IN_ALL = 64, 500  # domains
MONITOR_LINES = 1500

# What a machine can lack, by the option that makes this one lack it, and what is said then.
REFUSALS = {
    "without=vmx": "this CPU has no VMX (CPUID leaf 1, ECX bit 5)",
    "without=vmx-unlocked": "the firmware has locked VMX off (IA32_FEATURE_CONTROL)",
    "without=ept": "VMX on this CPU has no EPT",
    "without=vpid": "VMX on this CPU has no VPID",
    "without=vmfunc": "VMX on this CPU has no VMFUNC with EPTP switching",
    "without=invept": "EPT on this CPU lacks four levels, write-back, 2 MiB pages, INVEPT or INVVPID",
    "monitor=0": "the command line switches the VMX monitor off (monitor=0)",
}
NESTED = "VMX monitor: a hypervisor runs this machine and emulates VMFUNC: each one costs exits to it"

CASES = ("every-index", "beyond-the-list", "every-alignment", "end-of-page")


def stage(root):
    for folder in ("bin", "tmp", "lib/portcullis", "lib/many"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    for program in ("views", "crossing", "count", "monitor"):
        shutil.copy(BUILD / "programs" / program, root / "bin" / program)
    for image in ("vault", "empty", "twin", "outer", "counter", "ledger"):
        shutil.copy(BUILD / "images" / f"{image}.image", root / "lib" / "portcullis" / f"{image}.image")

    for number in range(IN_ONE):
        shutil.copy(BUILD / "images" / "ledger.image", root / "lib" / "many" / f"{number}.image")


def counts(result):
    """The values of workload crossing by case and argument."""
    return [(str(record["args"]), record["value"]) for record in result.records if record.get("metric") == "entrance"]


def exits(result):
    found = re.search(r"VMX monitor: (\d+) exits", result.console)
    return int(found[1]) if found else None


def event(result, run, metric):
    """How often something happened in a run; None: there is no such record."""
    for record in result.records:
        if record["workload"] == run and record["metric"] == metric:
            return record["value"]
    return None


def said(console, name):
    """The last value that program `monitor` gave that name."""
    found = re.findall(rf"^{name} (\d+)$", console, re.MULTILINE)
    return int(found[-1]) if found else None


# ---- counts -------------------------------------------------------------------------------------------------------


def crossing(report, root):
    """Instructions of an entrance, and what of it are records."""
    for scrub, most in MOST.items():
        result = run_plan("bochs", f"c backend=vmfunc scrub={scrub} -- /bin/crossing\n", root)
        empty = [value for case, value in counts(result) if "'empty'" in case]
        report.check(f"an empty entrance at scrub {scrub}: at most {most} instructions",
                     len(empty) == 1 and empty[0] <= most, lambda: f"{empty}; {result.explain()}")
    calls = event(result, "c", "vm_exits_hypercall")
    report.check("the records of a run have all exits but that which ends the monitor",
                 calls and exits(result) == event(result, "c", "vm_exits") + 1, exits(result))
    report.equal("each exit was a hypercall with its flush", event(result, "c", "ept_flushes"), calls)
    report.equal("there was no EPT violation", event(result, "c", "ept_violations"), 0)


def million(report, root):
    """A million entrances under timer interrupts, signals and preemption."""
    few, many = 1000, 1_000_000
    plan = "".join(f"e{count} backend=vmfunc -- /bin/monitor entrances {count}\n" for count in (few, many))
    result = run_plan("bochs", plan, root, options=("monitor=1",))
    report.equal("a million entrances give the right results", said(result.console, "right"), many)
    report.check("signals and another thread came between", (said(result.console, "signals") or 0) > 100
                 and (said(result.console, "rival") or 0) > 1000, result.explain)
    report.check("they cause no VM exit", event(result, f"e{many}", "vm_exits") is not None
                 and event(result, f"e{few}", "vm_exits") == event(result, f"e{many}", "vm_exits"),
                 lambda: [event(result, run, "vm_exits") for run in (f"e{few}", f"e{many}")])


def costs(report, root):
    plan = "b -- /bin/monitor boot\n"
    boots = [said(run_plan("bochs", plan, root, options=(f"monitor={on}",)).console, "ticks") or 0 for on in (0, 1)]
    report.check(f"starting the monitor: at most {BOOT_TICKS:,} ticks", 0 < boots[0] < boots[1] <= boots[0] + BOOT_TICKS, boots)
    with_view, without = (run_plan("bochs", f"l backend={backend} -- /bin/monitor large 16\n", root, memory=MEMORY,
                                   options=("monitor=1",)).console for backend in ("vmfunc", "none"))
    ticks, memory = ((said(with_view, name) or 0) - (said(without, name) or 0) for name in ("ticks", "memory"))
    report.check(f"a view of a domain of 16 MiB: at most {VIEW_TICKS:,} instructions", 0 < ticks <= VIEW_TICKS, ticks)
    report.check(f"a view of a domain of 16 MiB: at most {VIEW_MEMORY:.1%} of the memory that it maps",
                 0 < memory <= VIEW_MEMORY * MEMORY * 2**20, f"{memory} bytes")
    lines = sum(len(file.read_text().splitlines()) for file in (TOP / "guest" / "vmx").glob("*.[chS]"))
    report.check(f"the monitor has at most {MONITOR_LINES:,} lines", 0 < lines <= MONITOR_LINES, lines)


def many_domains(report, root):
    plan = f"o backend=vmfunc -- /bin/monitor many {IN_ONE}\na backend=vmfunc -- /bin/monitor system {IN_ALL}\n"
    result = run_plan("bochs", plan, root, memory=256)
    rights = [int(number) for number in re.findall(r"^right (\d+)$", result.console, re.MULTILINE)]
    report.equal(f"{IN_ONE} domains in one process, {IN_ALL} in all processes, keep their own sums", rights, [IN_ONE, IN_ALL])


def preempted(report, root):
    result = run_plan("bochs", "p backend=vmfunc -- /bin/monitor preempted 200\n", root)
    report.equal("a thread that is preempted anywhere in an entrance goes on in its own view: wrong sums",
                 said(result.console, "wrong"), 0)
    report.check("it was preempted at most points of an entrance", (said(result.console, "phases") or 0) >= 30,
                 lambda: f"{said(result.console, 'phases')}; {result.explain()}")


def other_backends(report, root):
    for backend in ("none", "pku", "syscall", "kernel"):
        runs = [run_plan("bochs", f"c backend={backend} -- /bin/crossing\n", root, options=(f"monitor={on}",)) for on in (0, 1)]
        report.check(f"the monitor changes no count of backend {backend}",
                     counts(runs[0]) and counts(runs[0]) == counts(runs[1]) and exits(runs[0]) is None and exits(runs[1]),
                     lambda: f"{runs[0].explain()}; {runs[1].explain()}")


def attacks(report, root):
    def attempt(backend, case, **settings):
        result = run_plan("bochs", f"v backend={backend} -- /bin/views {case}\n", root, timeout=200, **settings)
        return result, result.outcome("v").get("status"), "secret " in result.console

    for case in CASES:
        result, status, found = attempt("vmfunc", case)
        report.check(f"{case} gains nothing", status == 1 and not found and "refused: nothing was gained" in result.console,
                     lambda: f"{'THE SECRET WAS FOUND; ' if found else ''}{result.explain()}")
        report.equal(f"{case}: the kernel names the stray VMFUNC", "stray VMFUNC before " in result.console,
                     case != "beyond-the-list")
        result, status, found = attempt("none", case)
        report.check(f"{case} succeeds on none", found and status == 0, result.explain)
    for case in ("every-index", "every-alignment"):
        result, status, found = attempt("vmfunc", case, options=("weaken=view-execution",))
        report.check(f"{case} succeeds without view-execution", found and status == 0, result.explain)


# ---- machines that have less ----------------------------------------------------------------------------------------


def refusal(report, engine, root, text, options=()):
    result = run_plan(engine, "v backend=vmfunc -- /bin/count\nn -- /bin/count\n", root, options=options)
    what = f"{engine} {' '.join(options)}"
    report.check(f"{what}: backend vmfunc says: {text}", f"backend vmfunc: {text}\n" in result.console, result.explain)
    report.equal(f"{what}: its run is not started", result.outcome("v").get("reason"), "start")
    report.equal(f"{what}: the next run is", result.outcome("n").get("status"), 0)


def engines_say(option, sentence):
    """Does `portcullis engines` say it of Bochs?"""
    done = subprocess.run([BUILD / "portcullis", "engines", *(["--option", option] if option else [])], capture_output=True,
                          text=True, check=False)
    return sentence in done.stdout.partition("qemu ")[0], done.stdout


def refusals(report, root):
    for option, sentence in REFUSALS.items():
        refusal(report, "bochs", root, sentence, (option,))
        says, text = engines_say(option, f"backend vmfunc: {sentence}\n")
        report.check(f"bochs {option}: the command engines says it, too", says, text)
    says, text = engines_say("without=bare-metal", f"{NESTED}\n")
    report.check("under a hypervisor: the command engines says what VMFUNC is there", says, text)
    result = run_plan("bochs", "v backend=vmfunc -- /bin/count\n", root, options=("without=bare-metal",))
    report.check("under a hypervisor: so does the run, and goes on", NESTED in result.console
                 and result.outcome("v").get("status") == 0, result.explain)
    says, text = engines_say("", "\n" + 9 * " ")
    report.check("with all there is, the command engines has no remark", not says, text)


def violations(report, root, option, exception):
    """EPT violations by an application's thread and by a library, as #VE or as exits."""
    plan = "f backend=vmfunc -- /bin/monitor faults\nl backend=vmfunc -- /bin/monitor library-fault\n"
    result = run_plan("bochs", plan, root, options=(option, "monitor=1"))
    seen = [said(result.console, name) for name in ("first", "second")]
    report.equal(f"{option}: each of two threads takes its own faults, at their addresses", seen, [32, 32])
    report.equal(f"{option}: they are EPT violations", event(result, "f", "ept_violations"), 64)
    report.equal(f"{option}: exits for them", event(result, "f", "vm_exits_ept_violation"), None if exception else 64)
    address = (re.findall(r"^address ([0-9a-f]+)$", result.console, re.MULTILINE) or ["none"])[0]
    report.check(f"{option}: the library that reads another's memory is named with the address",
                 re.search(rf"library ledger: page fault at image offset [0-9a-f]+, address {address}\n", result.console),
                 result.console)
    report.check(f"{option}: its caller gets an error", "read -1" in result.console, result.explain)


def test(report, engine, root):
    stage(root)
    if engine == "qemu":
        refusal(report, engine, root, REFUSALS["without=vmx"])
        return
    refusals(report, root)
    for option in ("monitor=1", "without=ept-1g", "without=ve", "without=ve,ept-1g"):
        result = run_plan(engine, "v backend=vmfunc repeat=3 -- /bin/count\n", root, options=(option,))
        report.equal(f"the example runs with {option}", result.console.count("7 apples on backend vmfunc"), 3)
    for option, exception in (("without=nothing", True), ("without=ve", False), ("without=ept-1g", True)):
        violations(report, root, option, exception)
    crossing(report, root)
    million(report, root)
    costs(report, root)
    many_domains(report, root)
    preempted(report, root)
    other_backends(report, root)
    attacks(report, root)


if __name__ == "__main__":
    on_engines(test)
