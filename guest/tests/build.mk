# The tests of the guest. A folder below may have a build.mk of its own.
#
# guest/tests/programs/NAME.c is built as build/root/bin/NAME, a static program for the guest; build/root is the file system
# of demonstrations and of the ISO.

GUEST_ROOT := $(BUILD)/root
GUEST_PROGRAMS := $(patsubst guest/tests/programs/%.c,$(GUEST_ROOT)/bin/%,$(wildcard guest/tests/programs/*.c))
GUEST_PROGRAM_CFLAGS := -std=gnu11 -O2 -g $(WARNINGS) -D_GNU_SOURCE -pthread

first_LDFLAGS := -Wl,-e,first_instruction

$(GUEST_ROOT)/bin/%: guest/tests/programs/%.c
	@mkdir -p $(@D) $(BUILD)/guest/tests/programs
	$(MUSL_CC) $(GUEST_PROGRAM_CFLAGS) $($*_LDFLAGS) -static -no-pie -MMD -MP -MF $(BUILD)/guest/tests/programs/$*.d -o $@ $<

$(GUEST_ROOT)/bin/busybox: /bin/busybox
	@mkdir -p $(@D)
	cp $< $@

TESTS += $(GUEST_PROGRAMS) $(GUEST_ROOT)/bin/busybox

include $(wildcard guest/tests/*/build.mk)
