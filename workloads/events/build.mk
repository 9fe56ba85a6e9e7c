# Events that reach a thread inside a library.
EVENTS := workloads/events

$(BUILD)/image/$(EVENTS)/%.o: IMAGE_CFLAGS += -Iworkloads
$(BUILD)/program/$(EVENTS)/%.o: PROGRAM_CFLAGS += -Iworkloads
$(eval $(call portcullis_image,guarded_pair,$(EVENTS)/guarded_pair.exports,$(BUILD)/image/$(EVENTS)/guarded_pair.c.o))
$(eval $(call portcullis_program,event-delay,$(BUILD)/program/$(EVENTS)/event_delay.c.o $(COMMON_OBJECTS),guarded_pair))
