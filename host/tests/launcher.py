#!/usr/bin/env python3
"""Every way that `portcullis run` and `collect` can end, with real engines and with emulators that are made up.

launcher.py [WORD ...] runs the tests with one of these words in their names.
"""

import sys

# Each registers its tests.
import launcher_calibrate
import launcher_collect
import launcher_counters
import launcher_deaths
import launcher_engines
import launcher_input
import launcher_kvm
import launcher_runs
import registry

if __name__ == "__main__":
    sys.exit(registry.run_all(sys.argv[1:]))
