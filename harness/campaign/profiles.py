"""Cost profiles and the model: cycles = plain instructions x their cost + events x their costs.

A modelled row says which profile it was computed with; its interval is the range over all profiles that know every event it needs. What a
plain instruction costs is the profile's, or a base that was measured (calibration.py).
"""

from pathlib import Path

from . import Refusal
from .settings_file import SettingsFile, nearest

DEFAULT = "skylake-sp"
REQUIRED = {"cpu": str, "frequency": dict, "events": dict}
KEYS = {**REQUIRED, "provenance": dict}
REQUIRED_OF_VALUE = {"value": (int, float), "source": str, "status": str}
VALUE_KEYS = {**REQUIRED_OF_VALUE, "first_quartile": (int, float), "third_quartile": (int, float), "repetitions": int, "unstable": bool}
STATUSES = ("measured", "read", "unverified")
SYSTEM_CALL = "syscall"  # the event behind a row of unit "system calls"


class Profile:
    """What events cost on one CPU."""

    def __init__(self, path):
        file = SettingsFile(path)
        file.check(file.table, KEYS, REQUIRED)
        self.name, self.cpu, self.provenance = path.stem, file.table["cpu"], file.table.get("provenance", {})
        self.entries = {"frequency": file.table["frequency"], **file.table["events"]}
        for name, entry in self.entries.items():
            section = name if name == "frequency" else f"events.{name}"
            if not isinstance(entry, dict):
                file.refuse(name, f"{name} must be a table, not {entry!r}")
            file.check(entry, VALUE_KEYS, REQUIRED_OF_VALUE, section)
            if entry["status"] not in STATUSES:
                file.refuse("status", f"unknown status {entry['status']!r}; {nearest(entry['status'], STATUSES)}", section)
            if entry["value"] < 0:
                file.refuse("value", f"value cannot be {entry['value']}", section)
        if "instruction" not in self.entries:
            raise Refusal(f"{path}: key 'instruction' is missing in [events]")
        self.frequency = self.entries["frequency"]["value"]

    def cycles(self, instructions, events, base=None):
        """
        Cycles of all instructions, some of which are events; None if the profile does not know one of them. `base` takes the place of
        what a plain instruction costs in the profile.
        """
        if any(event not in self.entries for event, count in events.items() if count):
            return None
        plain = max(instructions - sum(events.values()), 0)
        return plain * (self.entries["instruction"]["value"] if base is None else base) + sum(
            count * self.entries[event]["value"] for event, count in events.items() if count)


def load(folder):
    return {path.stem: Profile(path) for path in sorted(folder.glob("*.toml"))}


def choose(profiles, wanted):
    """The profile of that name; or a file's, which becomes one of `profiles`."""
    name = wanted or DEFAULT
    if name.endswith(".toml"):
        profile = Profile(Path(name))
        if profile.name in profiles:
            raise Refusal(f"{name}: there is another profile of the name {profile.name!r}: give the file another")
        profiles[profile.name] = profile
        return profile
    if name not in profiles:
        raise Refusal(f"unknown cost profile {name!r}; {nearest(name, profiles)}")
    return profiles[name]


def events_of(backend, entrances, system_calls):
    """Events behind so many entrances and system calls."""
    events = {event: count * entrances for event, count in backend.events.items()}
    events[SYSTEM_CALL] = events.get(SYSTEM_CALL, 0) + system_calls
    return events


def modelled_row(row, events, profile, profiles, base):
    cost = base.cycles[row["workload"]] if base else None
    by_profile = {name: one.cycles(row["median"], events, cost) for name, one in profiles.items()}
    values = [value for value in by_profile.values() if value is not None]
    cycles = by_profile[profile.name]
    if cycles is None:
        return None
    return {**row, "kind": "modelled", "unit": "cycles", "profile": profile.name + (base.label if base else ""), "median": cycles, "low": min(values),
            "high": max(values), "first_quartile": cycles, "third_quartile": cycles, "least": min(values), "most": max(values),
            "events": events, "by_profile": by_profile, "instruction": profile.entries["instruction"]["value"] if cost is None else cost,
            "mark": ""}


# Metrics that cover all processes of a run; the others are of one program alone.
OF_ALL = ("elapsed",)


def model(rows, backends, profile, profiles, base=None):
    """
    Modelled rows for all counted rows whose entrances are known: a row `entrances` at the same point. With a `base` those of the
    workloads that it has.
    """
    points = {}
    for row in rows:
        if row["unit"] in ("entrances", "system calls"):
            for program in (row["workload"], None):  # None: of all together
                known = points.setdefault((row["experiment"], program, row["backend"], row["settings"]), {})
                known[row["unit"]] = known.get(row["unit"], 0) + row["median"]
    for row in rows:
        program = None if row["metric"] in OF_ALL else row["workload"]
        known = points.get((row["experiment"], program, row["backend"], row["settings"]))
        if row["unit"] == "instructions" and "buckets" not in row and known and row["backend"] in backends \
                and (not base or row["workload"] in base.cycles):
            events = events_of(backends[row["backend"]], known.get("entrances", 0), known.get("system calls", 0))
            made = modelled_row(row, events, profile, profiles, base)
            if made:
                yield made
