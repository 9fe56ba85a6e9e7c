"""Execution: many runs to a boot, boots side by side, and what is finished is never run again.

results/RUN/boots/ holds for each boot its plan, records, outcomes (the launcher's summary) and messages. The launcher writes each
record and outcome at once, so that whatever ends a campaign, the runs whose outcomes are there are finished. The
next start reads them and boots the rest.
"""

import json
import subprocess
import threading
from dataclasses import dataclass, field

from . import Refusal, records

TIMEOUT = 900  # seconds for one boot
STATUS_BAD_INPUT, STATUS_NO_ENGINE, STATUS_NOT_WRITTEN = 2, 3, 8  # of the launcher
NOT_SUPPORTED = 95  # EOPNOTSUPP: this machine lacks what the backend needs


@dataclass
class Outcome:
    """How a run ended: all of its repetitions."""
    identity: str
    good: bool
    reason: str = ""
    unavailable: bool = False
    ticks: float = 0      # of one repetition, from start to end
    cpu_ticks: float = 0  # that the CPU was its own


@dataclass
class Batch:
    """The runs of one boot."""
    name: str
    runs: list
    process: subprocess.Popen | None = field(default=None, repr=False)


def lines_of(path):
    """The whole lines of a JSON Lines file; an unfinished last one is dropped."""
    text = path.read_text(errors="replace") if path.exists() else ""
    for line in text.split("\n")[:-1]:
        try:
            yield json.loads(line)
        except json.JSONDecodeError:
            continue


def message_of(log, identity):
    """What the launcher printed below a run that failed."""
    found, inside = [], False
    for line in log.splitlines():
        if inside and line.startswith("  | "):
            found.append(line[4:].strip())
        else:
            inside = line.startswith(f"{identity}: ") or line.startswith(f"{identity} ")
    return found[-1] if found else ""


class Store:
    """results/RUN/boots/."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def next_name(self, batch):
        number = 0
        while (self.folder / f"{batch.name}-{number}.plan").exists():
            number += 1
        return self.folder / f"{batch.name}-{number}"

    def outcomes_of(self, stem, runs):
        """The outcomes in one boot, by identity."""
        log = stem.with_suffix(".log")
        text = log.read_text(errors="replace") if log.exists() else ""
        ended = {}
        for line in lines_of(stem.with_suffix(".summary")):
            ended.setdefault(line.get("id"), []).append(line)
        for identity, lines in ended.items():
            run = runs.get(identity)
            if not run:
                continue
            bad = [line for line in lines if line.get("reason") != "exited" or line.get("status") != 0]
            if bad:
                line = bad[0]
                why = message_of(text, identity) or f"{line.get('reason')} {line.get('status')}"
                yield Outcome(identity, False, why, line.get("reason") == "start" and line.get("status") == NOT_SUPPORTED)
            elif len(lines) == run.repetitions:
                yield Outcome(identity, True, ticks=sum(line.get("ticks", 0) for line in lines) / len(lines),
                              cpu_ticks=sum(line.get("user_ticks", 0) + line.get("system_ticks", 0) for line in lines) / len(lines))

    def stems(self):
        return sorted(path.with_suffix("") for path in self.folder.glob("*.plan"))

    def outcomes(self, runs):
        """The best outcome of each run over all boots, and the boot that has it."""
        found = {}
        for stem in self.stems():
            for outcome in self.outcomes_of(stem, runs):
                if outcome.identity not in found or not found[outcome.identity][0].good:
                    found[outcome.identity] = (outcome, stem)
        return found

    def records(self, runs):
        """The records of all good runs, each from the one boot in which it was finished."""
        wanted = {}
        for identity, (outcome, stem) in self.outcomes(runs).items():
            if outcome.good:
                wanted.setdefault(stem, set()).add(identity)
        for stem, identities in wanted.items():
            yield from (record for record in records.read(stem.with_suffix(".jsonl")) if record["line"] in identities)

    def remarks(self, experiment):
        """What the launcher said of counters that are not here, in the boots of an experiment."""
        found = {}
        for stem in self.stems():
            log = stem.with_suffix(".log")
            if stem.name.startswith(f"{experiment}-") and log.exists():
                found.update(dict.fromkeys(line for line in log.read_text(errors="replace").splitlines() if line.startswith("not counted: ")))
        return list(found)

    def count_ended(self):
        """How many repetitions have ended, for the progress."""
        return sum(path.read_bytes().count(b"\n") for path in self.folder.glob("*.summary"))


class Campaign:
    """Runs batches on `jobs` emulators at a time."""

    def __init__(self, launcher, engine, root, store, run_name, jobs):
        self.launcher, self.engine, self.root, self.store = launcher, engine, root, store
        self.run_name, self.jobs = run_name, jobs
        self.lock = threading.Lock()
        self.stopped = False
        self.refusal = None

    def boot(self, batch):
        """One boot of the guest; what can be mended by the user ends the campaign, what a run did wrong does not."""
        stem = self.store.next_name(batch)
        stem.with_suffix(".plan").write_text("".join(f"{run.line}\n" for run in batch.runs))
        counters = ",".join(dict.fromkeys(run.counters for run in batch.runs if run.counters)) or "none"
        with self.lock:
            if self.stopped:
                return
            # The launcher ends when this process does, however that ends; and the emulator with it.
            batch.process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "TERM", self.launcher, "run", "--engine", self.engine, "--plan",
                 stem.with_suffix(".plan"), "--root", self.root, "--records", stem.with_suffix(".jsonl"), "--summary",
                 stem.with_suffix(".summary"), "--timeout", str(TIMEOUT), "--run-id", self.run_name, "--quiet", "--counters", counters],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                start_new_session=True)
        said = batch.process.communicate()[0]  # not into a file: the disk may be full
        if batch.process.returncode in (STATUS_BAD_INPUT, STATUS_NO_ENGINE, STATUS_NOT_WRITTEN):
            last = said.strip().splitlines() or [f"portcullis ended with status {batch.process.returncode}"]
            raise Refusal(f"{batch.name}: {last[-1]}; what is finished is kept, and the same command goes on")
        stem.with_suffix(".log").write_text(said)

    def work(self, batches):
        while True:
            with self.lock:
                if self.stopped or not batches:
                    return
                batch = batches.pop(0)
            try:
                self.boot(batch)
            except (Refusal, OSError) as refusal:
                self.refusal = self.refusal or refusal
                self.stop([batch])

    def stop(self, batches):
        with self.lock:
            self.stopped = True
            for batch in batches:
                if batch.process and batch.process.poll() is None:
                    batch.process.terminate()

    def run(self, batches, progress):
        """Runs them all; progress.show(ended) is called a few times a second."""
        waiting = list(batches)
        workers = [threading.Thread(target=self.work, args=(waiting,)) for _ in range(self.jobs)]
        for worker in workers:
            worker.start()
        try:
            for worker in workers:
                while worker.is_alive():
                    worker.join(0.25)
                    progress.show(self.store.count_ended())
        finally:
            self.stop(batches)
            for worker in workers:
                worker.join()
            progress.end()
        if self.refusal:
            raise self.refusal
