"""A libvirtd of a test's own: no system service, all its files in one folder, gone with the test.

It runs as an unprivileged user, so that it touches nothing of the system, and below a process that collects what it leaves: `python3
libvirt_daemon.py FOLDER` is that process, which ends with its standard input.
"""

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

NOBODY = 65534
PATH_OF_DAEMONS = "/usr/sbin:/sbin:" + os.environ.get("PATH", "/usr/bin:/bin")
PATIENCE = 60  # seconds for what takes one
PR_SET_CHILD_SUBREAPER = 36
IDLE_SECONDS = "120"  # without a client or a domain, after which it ends by itself, should all else fail

QEMU_CONF = 'stdio_handler = "file"\n'  # without virtlogd


def missing():
    """What is not installed: a sentence, or None."""
    for program, package in (("libvirtd", "libvirt-daemon"), ("qemu-system-x86_64", "qemu-system-x86")):
        if not shutil.which(program, path=PATH_OF_DAEMONS):
            return f"{program} is not installed (package {package})"
    return None


class Daemon:
    """A daemon that answers at `uri`."""

    def __init__(self, folder):
        self.folder = folder
        self.socket = folder / "run" / "libvirt" / "libvirt-sock"
        self.uri = f"qemu+unix:///session?socket={self.socket}"
        for name in ("run", "home", "config/libvirt", "cache", "data"):
            (folder / name).mkdir(parents=True)
        (folder / "config" / "libvirt" / "qemu.conf").write_text(QEMU_CONF)
        if os.geteuid() == 0:
            for path in [folder, *folder.rglob("*")]:
                os.chown(path, NOBODY, NOBODY)
        self.reaper = None
        self.library = ctypes.CDLL("libvirt.so.0")
        for function in ("virConnectOpen", "virDomainLookupByName"):
            getattr(self.library, function).restype = ctypes.c_void_p
        self.silence = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)(lambda context, error: None)
        self.library.virSetErrorFunc(None, self.silence)

    def start(self):
        environment = dict(os.environ, HOME=str(self.folder / "home"), PATH=PATH_OF_DAEMONS)
        environment.update({f"XDG_{name.upper()}": str(self.folder / folder) for name, folder in (
            ("runtime_dir", "run"), ("config_home", "config"), ("cache_home", "cache"), ("data_home", "data"))})
        with open(self.folder / "log", "wb") as log:
            self.reaper = subprocess.Popen([sys.executable, __file__], stdin=subprocess.PIPE, stdout=log, stderr=log,
                                           env=environment, cwd=self.folder, start_new_session=True)
        deadline = time.monotonic() + PATIENCE
        while not self.connect():
            if self.reaper.poll() is not None or time.monotonic() > deadline:
                raise OSError(f"libvirtd does not answer: {(self.folder / 'log').read_text().strip().splitlines()[-1:]}")
            time.sleep(0.1)

    def stop(self):
        if self.reaper:
            self.reaper.stdin.close()
            self.reaper.wait()
            self.reaper = None

    def connect(self):
        """A connection, which must be closed; None: there is none."""
        return self.library.virConnectOpen(self.uri.encode())

    def domains(self):
        """How many there are."""
        connection = self.connect()
        count = self.library.virConnectNumOfDomains(ctypes.c_void_p(connection))
        self.library.virConnectClose(ctypes.c_void_p(connection))
        return count

    def destroy(self, name):
        connection = ctypes.c_void_p(self.connect())
        domain = ctypes.c_void_p(self.library.virDomainLookupByName(connection, name.encode()))
        result = self.library.virDomainDestroy(domain) if domain else -1
        self.library.virConnectClose(connection)
        return result == 0

    def processes(self, word):
        """Numbers of the processes below the daemon, itself included, that have this word in their command line."""
        found, mine = [], str(self.folder).encode()
        for entry in Path("/proc").iterdir():
            try:
                command = (entry / "cmdline").read_bytes() if entry.name.isdigit() else b""
                if word.encode() in command and int(entry.name) != self.reaper.pid and (
                        mine in command or mine in (entry / "environ").read_bytes()):
                    found.append(int(entry.name))
            except OSError:
                pass  # it has ended
        return found


# ---- the process above libvirtd --------------------------------------------------------------------------------------


def become_nobody():
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)


def children():
    return [int(number) for number in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()]


def reap():
    """Runs libvirtd; with the end of standard input, ends all that is below."""
    if ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        sys.exit("no subreaper")
    subprocess.Popen([shutil.which("libvirtd"), "-t", IDLE_SECONDS], stdin=subprocess.DEVNULL, preexec_fn=become_nobody)
    os.set_blocking(0, False)
    while True:
        try:
            if os.read(0, 1) == b"":
                break
        except BlockingIOError:
            pass
        collect()
        time.sleep(0.02)
    while children():
        for number in children():
            os.kill(number, signal.SIGKILL)
        time.sleep(0.02)
        collect()


def collect():
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


if __name__ == "__main__":
    reap()
