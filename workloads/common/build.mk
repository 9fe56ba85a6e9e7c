# What the programs of several workloads share. They include it as common/NAME.h, with -Iworkloads.
COMMON_OBJECTS := $(patsubst %,$(BUILD)/program/workloads/common/%.c.o,arguments histogram records zipfian)

$(BUILD)/program/workloads/common/%.o: PROGRAM_CFLAGS += -Iworkloads
