# Portcullis: see README.md. Every folder adds its part in build.mk; all output goes to $(BUILD).
#
# A part may append to ALL (what `make` builds) and TESTS (what `make test` builds as well).

BUILD := build
.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SECONDARY: # no object is removed after the build
MAKEFLAGS += --no-builtin-rules
ifeq ($(filter -j%,$(MAKEFLAGS)),)
MAKEFLAGS += -j$(shell nproc 2>/dev/null || echo 1)
endif
SHELL := /bin/bash

CC       := gcc
MUSL_CC  := musl-gcc
WARNINGS := -Wall -Wextra -Werror
HOST_CFLAGS := -std=c11 -O2 -g $(WARNINGS) -D_GNU_SOURCE -I. -Iguest -MMD -MP

include guest/build.mk
include host/build.mk
-include guest/tests/build.mk
-include backends/build.mk workloads/build.mk harness/build.mk host/probe/build.mk
include harness/install.mk

# make builds an included file before anything else: so packages are there before the first command needs them.
ifneq ($(filter-out clean deps,$(or $(MAKECMDGOALS),all)),)
include $(BUILD)/deps.mk
endif
$(BUILD)/deps.mk: harness/packages harness/sources harness/deps harness/deps-sources
	@BUILD=$(BUILD) harness/deps
	@BUILD=$(BUILD) harness/deps-sources
	@touch $@

.PHONY: all deps run demo test bench clean
all: $(ALL)

deps:
	@BUILD=$(BUILD) harness/deps
	@BUILD=$(BUILD) harness/deps-sources
	@touch $(BUILD)/deps.mk

# All experiments, their figures and the report. ARGUMENTS="--quick ..." are harness/run's.
run: all
	@BUILD=$(BUILD) harness/run --measured $(ARGUMENTS)

# A few programs on each engine, some of which fail on purpose.
demo: all $(TESTS)
	@BUILD=$(BUILD) harness/demo

# SUITES="NAME ..." runs only these; harness/test --list names them.
test: all $(TESTS)
	@BUILD=$(BUILD) harness/test $(if $(SUITES),--only "$(SUITES)")

bench: all $(TESTS)
	@BUILD=$(BUILD) guest/tests/bench.py

clean:
	rm -rf $(BUILD)

-include $(shell find $(BUILD) -path $(BUILD)/src -prune -o -type f -name '*.d' -print 2>/dev/null)
