"""What the harness knows of backends: backends/NAME/backend.toml, one table for each backend of the folder."""

from . import Refusal
from .settings_file import SettingsFile, nearest

KEYS = {"summary": str, "order": int, "events": dict, "engines": list}


class Backend:
    """One backend: what it is, its place in figures, and the events of one entrance that cost more than an instruction."""

    def __init__(self, file, name, table):
        file.check(table, KEYS, ("summary", "order", "events"), name)
        for event, count in table["events"].items():
            if not isinstance(count, int) or isinstance(count, bool) or count < 0:
                file.refuse(event, f"{event} must be a count, not {count!r}", name)
        self.name, self.summary, self.order, self.events = name, table["summary"], table["order"], table["events"]
        self.engines = table.get("engines", [])  # that have it by name
        self.anywhere = not self.engines  # engines that no table names have it, too

    def joined(self, other):
        """A backend that two folders have, each for engines of its own: events and place are those of the table for any engine."""
        if set(self.engines).intersection(other.engines) or self.anywhere and other.anywhere:
            raise Refusal(f"backend {self.name} is described twice for the same engines")
        first, second = (self, other) if self.anywhere else (other, self)
        first.engines = first.engines + second.engines
        return first


def load(folder):
    """All backends by name, in the order of their figures."""
    found = {}
    for path in sorted(folder.glob("*/backend.toml")):
        file = SettingsFile(path)
        for name, table in file.table.items():
            backend = Backend(file, name, table)
            found[name] = found[name].joined(backend) if name in found else backend
    return {backend.name: backend for backend in sorted(found.values(), key=lambda backend: (backend.order, backend.name))}


def choose(wanted, known, engine):
    """
    The backends that run on the engine: those that are wanted, all if none is. An engine that some table names has the backends
    whose tables name it, any other those whose tables name none.
    """
    named = [name for name, backend in known.items() if engine in backend.engines]
    there = named or [name for name, backend in known.items() if backend.anywhere]
    for name in wanted:
        if name not in known:
            raise Refusal(f"unknown backend {name!r}; {nearest(name, known)}")
        if name not in there and known[name].engines:
            raise Refusal(f"backend {name} is there on engine {' or '.join(known[name].engines)} alone: ask for it with --engine")
        if name not in there:
            raise Refusal(f"backend {name} is not there on engine {engine}, which has {', '.join(there)}")
    return wanted or there
