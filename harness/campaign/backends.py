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
        self.engines = table.get("engines", [])  # that alone have it; empty: any may


def load(folder):
    """All backends by name, in the order of their figures."""
    found = []
    for path in sorted(folder.glob("*/backend.toml")):
        file = SettingsFile(path)
        found += [Backend(file, name, table) for name, table in file.table.items()]
    return {backend.name: backend for backend in sorted(found, key=lambda backend: (backend.order, backend.name))}


def choose(wanted, known, engine):
    """The backends that run on the engine: those that are wanted, all if none is."""
    for name in wanted:
        if name not in known:
            raise Refusal(f"unknown backend {name!r}; {nearest(name, known)}")
        if known[name].engines and engine not in known[name].engines:
            raise Refusal(f"backend {name} is there on engine {' or '.join(known[name].engines)} alone: ask for it with --engine")
    return wanted or [name for name, backend in known.items() if not backend.engines or engine in backend.engines]
