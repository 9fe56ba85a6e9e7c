# The library `fragile`, and the program that breaks it.
EVENTS := backends/tests/events
EVENT_CASES := $(BUILD)/program/$(EVENTS)/events.c.o

$(EVENT_CASES): PROGRAM_CFLAGS += -Ibackends/tests -Iworkloads
$(eval $(call portcullis_image,fragile,$(EVENTS)/fragile.exports,$(BUILD)/image/$(EVENTS)/fragile.c.o))
$(eval $(call portcullis_program,events,$(EVENT_CASES) $(BUILD)/program/backends/tests/domains/support.c.o,fragile outer))

# Eight processes on one library, under fire.
$(BUILD)/program/$(EVENTS)/soak.c.o: PROGRAM_CFLAGS += -Ibackends/tests
$(eval $(call portcullis_image,store,$(EVENTS)/store.exports,$(BUILD)/image/$(EVENTS)/store.c.o))
$(eval $(call portcullis_program,soak,$(BUILD)/program/$(EVENTS)/soak.c.o $(BUILD)/program/backends/tests/domains/support.c.o,store))
