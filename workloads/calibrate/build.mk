# What events cost on a machine: for `portcullis calibrate`.
CALIBRATE := workloads/calibrate

$(BUILD)/program/$(CALIBRATE)/%.o: PROGRAM_CFLAGS += -Iworkloads
# Their inline assembly calls a function: nothing may lie below the stack pointer.
$(BUILD)/program/$(CALIBRATE)/instructions.c.o: PROGRAM_CFLAGS += -mno-red-zone
$(eval $(call portcullis_program,calibrate,$(patsubst %,$(BUILD)/program/$(CALIBRATE)/%.c.o,calibrate instructions kernel),empty))
