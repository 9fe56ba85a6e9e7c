"""How far a campaign is: one line that is rewritten on a terminal, a line every few seconds elsewhere."""

import sys
import time

QUIET_INTERVAL = 10  # seconds between lines when the output is no terminal


def duration(seconds):
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


class Progress:
    def __init__(self, total, before):
        self.total, self.before = total, before
        self.start = self.last = time.monotonic()
        self.terminal = sys.stderr.isatty()
        self.shown = -1

    def text(self, ended):
        """`ended` counts repetitions of this campaign, those of earlier starts included."""
        now = time.monotonic() - self.start
        new = ended - self.before
        left = f", about {duration(now / new * (self.total - ended))} left" if new > 0 and ended <= self.total else ""
        return f"{min(ended, self.total)} of {self.total} runs, {duration(now)}{left}"

    def show(self, ended):
        now = time.monotonic()
        if self.terminal:
            sys.stderr.write(f"\r\033[K{self.text(ended)}")
            sys.stderr.flush()
        elif ended != self.shown and now - self.last >= QUIET_INTERVAL:
            print(self.text(ended), file=sys.stderr, flush=True)
            self.last, self.shown = now, ended

    def end(self):
        if self.terminal:
            sys.stderr.write("\r\033[K")
            sys.stderr.flush()
