# What one entrance costs.
CROSSING := workloads/crossing

$(eval $(call portcullis_image,empty,$(CROSSING)/empty.exports,$(BUILD)/image/$(CROSSING)/empty.c.o))
$(eval $(call portcullis_image,twin,$(CROSSING)/twin.exports,$(BUILD)/image/$(CROSSING)/twin.c.o))
$(eval $(call portcullis_program,crossing,$(BUILD)/program/$(CROSSING)/crossing.c.o,empty twin))

# Its inline assembly calls functions: nothing may lie below the stack pointer.
$(BUILD)/program/$(CROSSING)/crossing.c.o: PROGRAM_CFLAGS += -mno-red-zone
