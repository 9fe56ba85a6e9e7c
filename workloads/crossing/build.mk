# What one entrance costs.
CROSSING := workloads/crossing

$(eval $(call portcullis_image,empty,$(CROSSING)/empty.exports,$(BUILD)/image/$(CROSSING)/empty.c.o))
$(eval $(call portcullis_image,twin,$(CROSSING)/twin.exports,$(BUILD)/image/$(CROSSING)/twin.c.o))
$(eval $(call portcullis_image,outer,$(CROSSING)/outer.exports,$(BUILD)/image/$(CROSSING)/outer.c.o \
	$(BUILD)/images/twin_stubs.o))
$(eval $(call portcullis_program,crossing,$(BUILD)/program/$(CROSSING)/crossing.c.o,empty twin outer))

# Its inline assembly calls functions: nothing may lie below the stack pointer.
$(BUILD)/program/$(CROSSING)/crossing.c.o: PROGRAM_CFLAGS += -Iworkloads -mno-red-zone
