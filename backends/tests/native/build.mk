# Attacks on the native platform, and instructions of an entrance on it.
NATIVE_TESTS := backends/tests/native

$(eval $(call portcullis_image,keeper,$(NATIVE_TESTS)/keeper.exports,$(BUILD)/image/$(NATIVE_TESTS)/keeper.c.o))
$(eval $(call portcullis_program,siege,$(BUILD)/program/$(NATIVE_TESTS)/siege.c.o,keeper))

NATIVE_RAID := $(patsubst %,$(BUILD)/program/$(NATIVE_TESTS)/%.c.o,raid raid_text raid_ways)
$(NATIVE_RAID): PROGRAM_CFLAGS += -I. -Ibackends
$(eval $(call portcullis_program,raid,$(NATIVE_RAID),keeper))

$(BUILD)/program/$(NATIVE_TESTS)/crash.c.o: PROGRAM_CFLAGS += -Ibackends/tests
$(eval $(call portcullis_program,crash,$(BUILD)/program/$(NATIVE_TESTS)/crash.c.o,fragile))

# Instructions of an entrance, counted one by one: through stubs, and of the same calls without.
NATIVE_ENTRANCES := $(BUILD)/program/$(NATIVE_TESTS)/entrances.c.o
$(NATIVE_ENTRANCES): PROGRAM_CFLAGS += -Iworkloads/crossing -mno-red-zone
$(eval $(call portcullis_program,steps,$(BUILD)/program/$(NATIVE_TESTS)/steps.c.o,))
$(eval $(call portcullis_program,entrances,$(NATIVE_ENTRANCES),empty))
$(BACKEND_TESTS)/entrances_direct: $(NATIVE_ENTRANCES) $(BUILD)/image/workloads/crossing/empty.c.o $(DIRECT_RUNTIME)
	@mkdir -p $(@D)
	$(MUSL_CC) -static -o $@ $^
TESTS += $(BACKEND_TESTS)/entrances_direct

$(eval $(call portcullis_image,slow,$(NATIVE_TESTS)/slow.exports,$(BUILD)/image/$(NATIVE_TESTS)/slow.c.o))
$(eval $(call portcullis_program,share,$(BUILD)/program/$(NATIVE_TESTS)/share.c.o,keeper slow))

NATIVE_SERVED := $(BUILD)/program/$(NATIVE_TESTS)/served.c.o
$(NATIVE_SERVED): PROGRAM_CFLAGS += -I. -Ibackends -idirafter /usr/include -idirafter /usr/include/x86_64-linux-gnu
$(eval $(call portcullis_program,served,$(NATIVE_SERVED),keeper))
