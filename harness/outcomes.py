#!/usr/bin/env python3
"""Prints the outcomes of runs as a table: outcomes.py SUMMARY, a file of the launcher's --summary."""

import json
import sys


def describe(outcome):
    reason = outcome["reason"]
    if reason == "exited":
        return f"exited {outcome['status']}"
    if reason == "signal":
        place = f" in {outcome['symbol']}" if outcome.get("symbol") else ""
        return f"killed by signal {outcome['signal']}{place}, address {outcome['address']}"
    if reason == "start":
        return f"could not be started (errno {outcome['status']})"
    return {"memory": "out of memory", "ticks": "out of ticks", "deadlock": "every thread waits"}.get(reason, reason)


def main():
    if len(sys.argv) != 2:
        sys.exit("outcomes: usage: outcomes.py SUMMARY")
    with open(sys.argv[1]) as summary:
        outcomes = [json.loads(line) for line in summary if line.strip()]
    print(f"{'run':12} {'outcome':48} {'user':>12} {'kernel':>12}")
    for outcome in outcomes:
        print(f"{outcome['id']:12} {describe(outcome):48} {outcome['user_ticks']:12,} {outcome['system_ticks']:12,}")


if __name__ == "__main__":
    main()
