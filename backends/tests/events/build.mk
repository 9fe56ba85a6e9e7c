# The library `fragile`, and the program that breaks it.
EVENTS := backends/tests/events
EVENT_CASES := $(BUILD)/program/$(EVENTS)/events.c.o

$(EVENT_CASES): PROGRAM_CFLAGS += -Ibackends/tests
$(eval $(call portcullis_image,fragile,$(EVENTS)/fragile.exports,$(BUILD)/image/$(EVENTS)/fragile.c.o))
$(eval $(call portcullis_program,events,$(EVENT_CASES) $(BUILD)/program/backends/tests/domains/support.c.o,fragile))
