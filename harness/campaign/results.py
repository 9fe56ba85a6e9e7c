"""From a folder of results to rows, figures, claims and report: what needs no emulator, and can be done again at any time."""

import concurrent.futures
import json
import os
from dataclasses import dataclass, field

from . import Refusal, calibration, claims, clock, figures, profiles, records, report, statistics


@dataclass
class Data:
    """What figures and claims are made from."""
    rows: list
    modelled: list
    profile: str                   # the name of the one that is shown
    profiles: dict
    engines: list
    reasons: list = field(default_factory=list)  # why runs are missing, for the reader
    failed: list = field(default_factory=list)
    measured: bool = False         # ticks are time: figures of modelled numbers show what was measured
    rate: float | None = None      # of the clock that times are by, Hz

    base: str = ""                 # behind the profile's name: of a base cost that was measured
    remarks: dict = field(default_factory=dict)  # by experiment: counters that are not here, and why

    @property
    def profile_label(self):
        return self.profile + self.base

    @property
    def profile_count(self):
        return len(self.profiles)

    def only(self, experiment, reasons):
        return Data([row for row in self.rows if row["experiment"] == experiment],
                    [row for row in self.modelled if row["experiment"] == experiment], self.profile, self.profiles, self.engines,
                    reasons + self.remarks.get(experiment, []), self.failed, self.measured, self.rate, self.base)


def reasons_of(experiment, failed, not_built):
    """Sentences about the runs of an experiment that gave nothing."""
    if experiment.name in not_built:
        return [f"the program {experiment.workload} is not built"]
    found = dict.fromkeys(f"{one.identity.removeprefix(experiment.name + '_').split('_')[0]}: {one.reason}" for one in failed
                          if one.identity.startswith(f"{experiment.name}_"))
    return list(found)


def prepare(folder, experiments, runs_of, all_records, setup):
    """Rows of all kinds from the records. `setup` holds what the command knows."""
    failed = [outcome for outcome in setup.outcomes if not outcome.good]
    rate = clock.rate_of(record for some in all_records.values() for record in some)
    rows = [row for experiment in experiments
            for row in statistics.rows(experiment, runs_of[experiment.name],
                                       clock.in_nanoseconds(all_records.get(experiment.name, []), rate), setup.width)]
    if not rows:
        why = f": {failed[0].identity}: {failed[0].reason}" if failed else ""
        raise Refusal(f"no record in {folder}{why}")
    modelled = list(profiles.model(rows, setup.backends, setup.profile, setup.profiles, setup.base))
    return Data(rows, modelled, setup.profile.name, setup.profiles, [setup.engine.name], [], failed,
                setup.engine.kind == "measured", rate, setup.base.label if setup.base else "")


def by_experiment(data, experiments, not_built):
    return {one.name: data.only(one.name, reasons_of(one, data.failed, not_built)) for one in experiments}


def rebased(folder, data, path, setup):
    """Writes the modelled rows once more, with the base cost of a calibration: modelled-calibrated.csv. Returns them."""
    rows = list(profiles.model(data.rows, setup.backends, setup.profile, setup.profiles, calibration.read(path)))
    statistics.write_csv(folder / "modelled-calibrated.csv", rows)
    return rows


def build(folder, experiments, data, setup, beside=None, calibrated=None):
    """
    Writes tables, figures and report; returns the text of the report. `beside`: data of another kind by experiment, which figures and
    tables show side by side with these; `calibrated`: the file of what was calibrated with it, if something was.
    """
    beside = beside or {}
    statistics.write_csv(folder / "rows.csv", data.rows)
    statistics.write_csv(folder / "modelled.csv", data.modelled)
    pictures_folder = folder / "figures"
    pictures_folder.mkdir(exist_ok=True)
    data_of = by_experiment(data, experiments, setup.not_built)
    drawn = [(figure, data_of[one.name], beside.get(one.name)) for one in experiments
             for figure in figures.drawn(one, data_of[one.name], beside.get(one.name))]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        paths = list(pool.map(lambda one: figures.draw(*one, pictures_folder), drawn))
    pictures = {figure.name: path for (figure, _, _), path in zip(drawn, paths)}
    verdicts = claims.judge_all(data)
    (folder / "claims.json").write_text(json.dumps([vars(one) for one in verdicts], indent=1) + "\n")
    (folder / "provenance.json").write_text(json.dumps(setup.provenance, indent=1) + "\n")
    costs = report.calibrated_costs(data.modelled, rebased(folder, data, calibrated, setup)) if calibrated else None
    report.write_html(folder / "report.html", experiments, data_of, beside, pictures, verdicts, setup, data.failed,
                      report.calibrated_html(calibrated, *costs) if calibrated else "")
    return report.text(experiments, data_of, beside, verdicts, setup.provenance, report.calibrated_text(calibrated, *costs)
                       if calibrated else [])


def group(all_records, runs_of):
    """Records by experiment, which each of them is told."""
    names = {run.identity: name for name, runs in runs_of.items() for run in runs}
    found = {}
    for record in all_records:
        name = names.get(record["line"])
        if name:
            record["experiment"] = name
            found.setdefault(name, []).append(record)
    return found


def ordered(grouped, runs_of):
    """All records in the order of the plans."""
    for name, runs in runs_of.items():
        order = {run.identity: number for number, run in enumerate(runs)}
        yield from sorted(grouped.get(name, []), key=lambda record: order[record["line"]])


def load_records(path):
    found = records.read(path)
    if not found:
        raise Refusal(f"{path}: no record")
    return found
