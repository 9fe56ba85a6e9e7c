# Where the time of an entrance goes.
PARTS := workloads/parts

$(BUILD)/program/$(PARTS)/%.o: PROGRAM_CFLAGS += -Iworkloads
$(eval $(call portcullis_image,moments,$(PARTS)/moments.exports,$(BUILD)/image/$(PARTS)/moments.c.o))
$(eval $(call portcullis_program,parts,$(BUILD)/program/$(PARTS)/parts.c.o $(COMMON_OBJECTS),moments))
