# A program with one marked entrance to the library `empty` of workload `crossing`.
LISTING := backends/tests/listing

# Its inline assembly calls a function: nothing may lie below the stack pointer.
$(BUILD)/program/$(LISTING)/entrance.c.o: PROGRAM_CFLAGS += -Iworkloads/crossing -mno-red-zone
$(eval $(call portcullis_program,entrance,$(BUILD)/program/$(LISTING)/entrance.c.o,empty))
