# Portcullis: see README.md. Every folder adds its part in build.mk; all output goes to build/.

BUILD := build
.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules
SHELL := /bin/bash

CC       := gcc
MUSL_CC  := musl-gcc
WARNINGS := -Wall -Wextra -Werror
HOST_CFLAGS := -std=c11 -O2 -g $(WARNINGS) -D_GNU_SOURCE -I. -Iguest -MMD -MP

include guest/build.mk
include host/build.mk
-include backends/build.mk workloads/build.mk harness/build.mk

.PHONY: all clean
all: $(ALL)

clean:
	rm -rf $(BUILD)

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
