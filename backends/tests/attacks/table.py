"""The attacks, and what must become of each on every backend."""

from dataclasses import dataclass, field

BACKENDS = ("none", "kernel", "syscall", "syscall-kpti", "pku", "vmfunc")
PROTECTING = BACKENDS[1:]
SIGILL, SIGFPE, SIGKILL, SIGSEGV = 4, 8, 9, 11
SIGNALS = {SIGILL: "SIGILL", SIGFPE: "SIGFPE", SIGKILL: "killed", SIGSEGV: "SIGSEGV"}

# ---- outcomes: each judges {"reason", "status" or "signal"} and a part of the console: None, or what is wrong ----


class Found:
    """The attack succeeds."""
    text = "succeeds"

    def judge(self, outcome, console):
        if "secret " not in console and "gained: " not in console:
            return "nothing was gained"
        return None if outcome.get("status") == 0 else f"status {outcome.get('status')}"


class Fails:
    """The attack fails in the way that a subclass says."""

    def judge(self, outcome, console):
        if "secret " in console or "gained: " in console:
            return "THE ATTACK SUCCEEDED"
        return self.judge_failure(outcome, console)


class Ended(Fails):
    """The kernel ends the program with the signal, and says why."""

    def __init__(self, signal, says=""):
        self.signal, self.says = signal, says
        self.text = SIGNALS[signal] + (f": {says.strip()}" if says else "")

    def judge_failure(self, outcome, console):
        if outcome.get("reason") != "signal" or outcome.get("signal") != self.signal:
            return f"it did not die of signal {self.signal}"
        return None if self.says in console else f"the console does not say: {self.says}"


class Refused(Fails):
    """The program is told that it cannot have that, or finds that nothing has changed."""

    def __init__(self, says, text=None):
        self.says, self.text = says, text or says

    def judge_failure(self, outcome, console):
        if outcome.get("reason") != "exited" or outcome.get("status") != 1:
            return "it did not end by itself"
        return None if f"refused: {self.says}" in console else f"the program does not say: {self.says}"


class Passes:
    """No attack: the program must run to its end."""

    def __init__(self, says):
        self.says, self.text = says, "runs"

    def judge(self, outcome, console):
        if outcome.get("reason") != "exited" or outcome.get("status") != 0:
            return "it did not exit with status 0"
        return None if self.says in console else f"the program does not say: {self.says}"


FOUND = Found()
FAULT = Ended(SIGSEGV)
STRAY = Ended(SIGKILL, "stray WRPKRU at ")
STRAY_VMFUNC = Ended(SIGKILL, "stray VMFUNC before ")
NOTHING = Refused("nothing was gained")

# ---- rows -------------------------------------------------------------------------------------------------------


@dataclass
class Row:
    """An attack: `item` of the threat list; `weaken`: the defence without which it succeeds on the backends in `weakened`."""
    item: str
    program: str
    case: str
    outcomes: dict
    weaken: str = None
    weakened: tuple = ()
    weakened_bochs: tuple = ()  # there only
    unable: dict = field(default_factory=dict)  # engines where the case cannot run, and why
    scrub: str = "none"
    alone: str = None  # arguments of a program that is not an attack (attack.h)

    @property
    def title(self):
        return f"{self.program} {self.case}" + (f" at scrub {self.scrub}" if self.scrub != "none" else "")

    def weakened_on(self, engine):
        return self.weakened + (self.weakened_bochs if engine == "bochs" else ())


def by_backend(protecting, none=FOUND, **other):
    """Outcomes: `none`, that of protecting backends, and those of some (dashes as underscores)."""
    outcomes = {"none": none, **dict.fromkeys(PROTECTING, protecting)}
    outcomes.update({backend.replace("_", "-"): outcome for backend, outcome in other.items()})
    return outcomes


# ---- memory.c: 1 ------------------------------------------------------------------------------------------------

MEMORY = [Row("1", "memory", case, by_backend(FAULT)) for case in (
    "load-data", "load-heap", "load-stack", "load-gate-data", "store-data", "store-heap", "store-stack")]

# ---- deputy.c: 8, 13 --------------------------------------------------------------------------------------------

EFAULT = "Bad address"
ENOSYS = "Function not implemented"


def asked(item, case, refusal, loads=False):
    """A system call with an address of the domain."""
    # QEMU applies protection keys to the kernel's copies, Bochs does not keep it from loading; elsewhere the domain is not mapped.
    return Row(item, "deputy", case, by_backend(refusal), "uaccess", ("kernel",), ("pku",) if loads else ())


DEPUTY_LOADS = ("write", "writev", "pwrite", "pwritev", "pipe", "name", "link", "thread_name")
DEPUTY_STORES = (
    "read", "pread64", "getrandom", "getcwd", "uname", "stat", "lstat", "fstat", "newfstatat", "statfs", "fstatfs", "pipe", "pipe2",
    "poll", "clock_gettime", "clock_getres", "gettimeofday", "time", "times", "getitimer", "setitimer", "getrlimit", "prlimit64",
    "getrusage", "sysinfo", "getresuid", "getresgid", "rt_sigaction", "rt_sigprocmask", "rt_sigpending", "sigaltstack", "prctl",
    "arch_prctl", "sched_getaffinity", "getdents64", "get_robust_list", "readv", "preadv", "readlink", "wait4", "wait4_usage",
    "waitid", "sigtimedwait", "domain_info")
CALLS = {"name": "mkdir", "link": "symlink", "pipe": "write", "thread_name": "prctl",
         "wait4_usage": "wait4", "sigtimedwait": "rt_sigtimedwait"}  # where the case has another name

DEPUTY = (
    [asked("8", f"load-{name}", Refused(f"{CALLS.get(name, name)}: {EFAULT}", EFAULT), True) for name in DEPUTY_LOADS]
    + [Row("8", "deputy", "load-straddling", by_backend(Refused(f"write: {EFAULT}", EFAULT), none=Refused(f"write: {EFAULT}", EFAULT)))]
    + [Row("8", "deputy", case, by_backend(refusal, none=refusal)) for case, refusal in (
        ("load-process_vm", Refused(f"process_vm_readv: {ENOSYS}", ENOSYS)), ("load-ptrace", Refused(f"ptrace: {ENOSYS}", ENOSYS)),
        ("load-proc_mem", Refused("open: No such file", "no such file")), ("load-socket", Refused(f"socketpair: {ENOSYS}", ENOSYS)))]
    + [asked("8", f"store-{name}", Refused(f"{CALLS.get(name, name) if name != 'pipe' else name}: {EFAULT}", EFAULT))
       for name in DEPUTY_STORES]
    + [asked("13", "store-parent_tid", Refused("clone")), asked("13", "store-child_tid", Refused("clone")),
       asked("13", "store-clear_tid", Refused("set_tid_address")),
       Row("13", "deputy", "store-robust", by_backend(FAULT))])

# ---- mapping.c: 9 -----------------------------------------------------------------------------------------------


def mapped(case, says, **settings):
    """A system call on a range that no backend's application may touch."""
    refusal = Refused(says)
    return Row("9", "mapping", case, by_backend(refusal, none=refusal), **settings)


EPERM = "Operation not permitted"
EINVAL = "Invalid argument"
ENOMEM = "Out of memory"
SLOTS_OFF = {"weaken": "slots", "weakened": ("none", "kernel", "pku")}

MAPPING = [
    mapped("map-over", f"mmap: {EPERM}", **SLOTS_OFF),
    mapped("map-not-replacing", f"mmap: {EPERM}"),
    mapped("map-hint", "mmap was allowed, and nothing was gained"),
    mapped("map-up-to", f"mmap: {ENOMEM}"),
    mapped("unmap", f"munmap: {EINVAL}"),
    mapped("move-away", "mremap: Bad address"),
    mapped("move-double", f"mremap: {EINVAL}"),
    mapped("move-over", f"mremap: {EINVAL}", **SLOTS_OFF),
    mapped("protect", f"mprotect: {ENOMEM}"),
    mapped("advise", f"madvise: {ENOMEM}"),
    mapped("grow-heap", "brk stays where it was"),
    mapped("key-protect", f"pkey_mprotect: {ENOSYS}"),
    mapped("key-reuse", f"pkey_alloc: {ENOSYS}"),
    Row("9", "mapping", "thread-page-store", by_backend(FAULT, none=FAULT)),
    mapped("thread-page-protect", f"mprotect: {ENOMEM}"),
    mapped("thread-page-map", f"mmap: {EPERM}", **SLOTS_OFF),
    mapped("low-memory", f"mmap: {EPERM}", **SLOTS_OFF),
]

# ---- jump.c: 4 --------------------------------------------------------------------------------------------------

NO_JUMP = Refused("no jump gains anything")
JUMP = [Row("4", "jump", "gates", by_backend(NO_JUMP), "rights-check", ("pku",)),
        Row("4", "jump", "nested-gates", by_backend(NO_JUMP), "rights-check", ("pku",))]

# QEMU 7.2 reads the stack of a user-mode IRETQ or far RET with the kernel's rights, so that SMAP forbids it.
NO_IRETQ = {"qemu": "a user-mode IRETQ does not work under SMAP there"}
NO_FAR_RETURN = {"qemu": "a user-mode far RET does not work under SMAP there"}

# ---- state.c: 3, 7, 11 ------------------------------------------------------------------------------------------


def state(item, case, outcome=NOTHING, **settings):
    return Row(item, "state", case, by_backend(outcome, none=settings.pop("none", FOUND), **settings.pop("other", {})), **settings)


def words(case, **settings):
    """Scrub level `general` is the defence."""
    return [state("7", case, scrub="general", **settings), state("7", case, FOUND, **settings)]


NO_STACK_FAULT = {"qemu": "the x87 stack does not overflow there"}
NO_BASE = {"other": dict.fromkeys(("pku", "vmfunc"), Ended(SIGSEGV, "entered in a forbidden way"))}
NO_LDT = Refused(f"modify_ldt: {ENOSYS}")

STATE = [
    state("3", "xrstor", FAULT, weaken="xcr0", weakened=("pku",)),
    state("3", "xrstor-initial", FAULT, weaken="xcr0", weakened=("pku",)),
    state("3", "xrstor-compacted", FAULT, weaken="xcr0", weakened_bochs=("pku",)),  # QEMU knows no compacted areas
    state("3", "xrstors", FAULT),
    state("7", "gs-base", FAULT, weaken="fsgsbase", weakened=("pku",), weakened_bochs=("vmfunc",)),
    state("7", "gs-by-system-call", FAULT),
    state("7", "gs-null", FAULT, **NO_BASE),
    state("7", "gs-selector", FAULT, **NO_BASE),
    state("7", "stack-pointer", FAULT),
    state("7", "direction-flag"),
    state("7", "alignment-check"),
    state("7", "trap-flag"),
    state("7", "trap-in-system-call", none=NOTHING),
    state("7", "trap-put-off", none=NOTHING),
    *words("mxcsr"),
    *words("x87-control"),
    *words("x87-stack", unable=NO_STACK_FAULT),
    state("11", "interrupt-80", FAULT, none=FAULT),
    state("11", "sysenter", none=NOTHING),
    state("11", "segments", none=NOTHING, unable=NO_FAR_RETURN),
    state("11", "local-segments", NO_LDT, none=NO_LDT),
]

# ---- leak.c: 6, 17 ----------------------------------------------------------------------------------------------


def left(case, level):
    """What a library leaves in registers: that scrub level is the defence."""
    return [Row("17", "leak", case, by_backend(NOTHING), scrub=level), Row("17", "leak", case, by_backend(FOUND))]


LEAK = [
    *left("general", "general"),
    *left("vector", "vector"),
    *left("x87", "vector"),
    *left("nested", "vector"),
    Row("6", "leak", "interrupted-registers", by_backend(NOTHING), "defer", ("syscall",), scrub="vector"),
    Row("6", "leak", "interrupted-rights", by_backend(FAULT)),
    Row("6", "leak", "interrupted-nested-rights", by_backend(FAULT)),
    Row("6", "leak", "preempted", by_backend(NOTHING)),
]

# ---- frame.c: 10, 18 --------------------------------------------------------------------------------------------

NO_SIGNAL_STACK = Refused(f"sigaltstack: {EFAULT}")

FRAME = [
    Row("10", "frame", "rights", by_backend(FAULT), "sigreturn", ("pku",)),
    Row("10", "frame", "selector", by_backend(FAULT, none=FAULT)),
    Row("10", "frame", "privilege", by_backend(FAULT, none=FAULT)),
    Row("10", "frame", "inside", by_backend(FAULT)),
    Row("10", "frame", "signal-stack", by_backend(NO_SIGNAL_STACK, none=NO_SIGNAL_STACK), "uaccess", ("none",)),
    Row("10", "frame", "stack-pointer", by_backend(FAULT)),
    Row("10", "frame", "return-from-inside", by_backend(FAULT), "uaccess", ("kernel",), ("pku",)),
    Row("18", "frame", "reentry", by_backend(NOTHING), "defer", ("syscall",)),
]

# ---- process.c: 12 ----------------------------------------------------------------------------------------------

PROCESS_ENDS = Refused("the process ends")
PROCESS = [Row("12", "process", case, by_backend(FAULT)) for case in ("thread", "forked", "vforked", "executed", "spawned")] + [
    Row("12", "process", "exited", by_backend(PROCESS_ENDS, none=PROCESS_ENDS)),
    Row("12", "process", "crashed", by_backend(FAULT, none=FAULT)),
]

# ---- interface.c: 14, 15, 16 ------------------------------------------------------------------------------------

NO_ENTRY = Ended(SIGILL, "entered in a forbidden way")
REFUSED_COPY = Refused(f"vault_copy: {EFAULT}")
REFUSED_CHECK = Refused(f"clerk_check: {EFAULT}")


def index(case, **settings):
    """Where there is a gate."""
    outcomes = by_backend(NOTHING, pku=NO_ENTRY, vmfunc=NO_ENTRY)
    del outcomes["none"]
    return Row("14", "interface", case, outcomes, **settings)


def everywhere(item, case, outcome):
    """What the library itself has to refuse, or fails to."""
    return Row(item, "interface", case, dict.fromkeys(BACKENDS, outcome))


INTERFACE = [
    index("index-planted", weaken="index-check", weakened=("pku",)),
    index("index-after-last"),
    index("index-negative"),
    Row("14", "interface", "index-wide", {"vmfunc": NO_ENTRY}),
    everywhere("15", "read-own", REFUSED_COPY),
    everywhere("15", "read-own-unchecked", FOUND),
    everywhere("15", "write-own", REFUSED_COPY),
    everywhere("15", "write-own-unchecked", FOUND),
    everywhere("15", "straddling", REFUSED_COPY),
    everywhere("15", "wrapping", REFUSED_COPY),
    everywhere("15", "unmapped", REFUSED_COPY),
    everywhere("15", "other-library", REFUSED_COPY),
    everywhere("15", "by-other-library", REFUSED_CHECK),
    everywhere("15", "changed", NOTHING),
    everywhere("15", "changed-unchecked", FOUND),
    Row("16", "interface", "recursion", by_backend(Refused("the call has failed")), "stack-guard", ("kernel", "syscall", "pku"), ("vmfunc",)),
]

# ---- stray.c, harmless.c: 2 -------------------------------------------------------------------------------------

UNCHANGED = Refused("the rights are what they were")

def stray(case, pku=STRAY, unable=None):
    """Rights are raised everywhere, but reach a secret only where PKRU guards it."""
    return Row("2", "stray", case, by_backend(FAULT, pku=pku), "watch", ("pku",), unable=unable or {})


STRAY_WRPKRU = [
    stray("aligned"),
    stray("unaligned"),
    stray("immediate"),
    stray("displacement"),
    stray("prefixed"),
    stray("behind-mov-ss"),
    stray("resume-flag", unable=NO_IRETQ),
    stray("resume-flag-in-frame"),
    stray("trap-flag"),
    stray("library"),
    stray("library-rights"),
    stray("library-behind-mov-ss", Ended(SIGKILL, "MOV SS at ")),
    stray("read-first"),
    stray("later"),
    stray("rewritten"),
    stray("two-pages"),
    stray("two-pages-one-later"),
    stray("prefix-in-other-page"),
    stray("end-of-page"),
    stray("file-twice", UNCHANGED),
    stray("file-written", UNCHANGED),
    stray("file-shared", Refused("mmap")),
    stray("shared-memory", Refused("mprotect")),
    stray("moved"),
    stray("moved-together"),
    stray("many-in-page"),
    stray("many-pages"),
    stray("slept"),
    stray("two-threads"),
    stray("busy-thread"),
    stray("forked"),
    stray("forked-library"),
    stray("executed"),
    Row("2", "harmless", "all", dict.fromkeys(BACKENDS, Passes("harmless: all done")), alone="all"),
]

ATTACKS = MEMORY + STRAY_WRPKRU + STATE + JUMP + LEAK + DEPUTY + MAPPING + FRAME + PROCESS + INTERFACE

# ---- README.md --------------------------------------------------------------------------------------------------


def cells(row):
    """None, kernel, syscall (its variant must do the same), pku, vmfunc."""
    assert row.outcomes.get("syscall") == row.outcomes.get("syscall-kpti"), row.title
    shown = [row.outcomes.get(backend) for backend in BACKENDS if backend != "syscall-kpti"]
    return [outcome.text if outcome else "" for outcome in shown]


def without(row):
    """The defence, and where the attack succeeds when it is off."""
    if not row.weaken:
        return ""
    places = list(row.weakened) + [f"{backend} on Bochs" for backend in row.weakened_bochs]
    return f"`{row.weaken}`: {', '.join(places)}"


def markdown():
    lines = ["| item | attack | none | kernel | syscall | pku | vmfunc | succeeds without |", "|---|---|---|---|---|---|---|---|"]
    for row in ATTACKS:
        lines.append("| " + " | ".join([row.item, row.title, *cells(row), without(row)]) + " |")
    return "\n".join(lines) + "\n"
