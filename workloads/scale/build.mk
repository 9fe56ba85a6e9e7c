# One library for many.
SCALE := workloads/scale

$(BUILD)/program/$(SCALE)/%.o: PROGRAM_CFLAGS += -Iworkloads
$(eval $(call portcullis_image,tally,$(SCALE)/tally.exports,$(BUILD)/image/$(SCALE)/tally.c.o))
$(eval $(call portcullis_program,scale,$(BUILD)/program/$(SCALE)/scale.c.o $(COMMON_OBJECTS),tally))
