"""Which engine executes the guest, and why. The launcher says what works here; no engine is named in this folder."""

import re
import subprocess
from dataclasses import dataclass, replace

from . import Refusal
from .settings_file import nearest


@dataclass(frozen=True)
class Engine:
    name: str
    works: bool
    text: str  # what the launcher says of it
    kind: str = "counted"  # of its ticks


def probe(launcher):
    """All engines, best first, as `portcullis engines` lists them."""
    if not launcher.exists():
        raise Refusal(f"{launcher} is missing: run make first")
    done = subprocess.run([launcher, "engines"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
    found = []
    for line in done.stdout.splitlines():
        match = re.match(r"(\S+)\s+(works|does not work): (.*)", line)
        if match:
            kind = re.search(r"ticks are (\w+)", match[3])
            found.append(Engine(match[1], match[2] == "works", match[3], kind[1] if kind else "counted"))
        elif found and line.startswith(" "):  # a remark: what it lacks
            found[-1] = replace(found[-1], text=f"{found[-1].text}; {line.strip()}")
    return found


def choose(engines, wanted):
    """The engine and a sentence that says why."""
    names = [engine.name for engine in engines]
    if wanted != "auto":
        for engine in engines:
            if engine.name == wanted:
                if not engine.works:
                    raise Refusal(f"engine {wanted} does not work here: {engine.text}")
                return engine, f"asked for; {engine.text}"
        raise Refusal(f"unknown engine {wanted!r}; {nearest(wanted, names)}")
    refused = []
    for engine in engines:
        if engine.works:
            others = f"; not taken before it: {'; '.join(refused)}" if refused else ""
            return engine, f"first of {', '.join(names)} that works here; {engine.text}{others}"
        refused.append(f"{engine.name} ({engine.text})")
    raise Refusal(f"no engine works here: {'; '.join(refused) or 'the launcher knows none'}")
