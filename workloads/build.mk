# Each workload folder builds its libraries and programs with the macros of backends/rules.mk.
include $(wildcard workloads/*/build.mk workloads/*/*/build.mk)
