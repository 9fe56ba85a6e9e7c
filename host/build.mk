# The launcher: build/portcullis.

HOST_SOURCES := $(wildcard host/*.c host/kvm/*.c host/libvirt/*.c host/calibrate/*.c)
# Pure code that the launcher shares with the kernel.
HOST_SHARED := guest/plan/parse.c guest/fs/cpio.c guest/fs/json.c guest/lib/crc32.c
HOST_OBJECTS := $(HOST_SOURCES:%=$(BUILD)/%.o) $(HOST_SHARED:%=$(BUILD)/host/shared/%.o)
HOST_BUILD := $(HOST_CFLAGS) -I$(BUILD)/host/include

$(BUILD)/portcullis: $(HOST_OBJECTS)
	$(CC) -pthread -o $@ $^

$(BUILD)/host/%.c.o: host/%.c $(BUILD)/host/include/host/commit.h
	@mkdir -p $(@D)
	$(CC) $(HOST_BUILD) -c $< -o $@

$(BUILD)/host/shared/%.c.o: %.c
	@mkdir -p $(@D)
	$(CC) $(HOST_BUILD) -c $< -o $@

# Written only when the commit has changed, so that nothing is compiled again for nothing.
.PHONY: host-commit
$(BUILD)/host/include/host/commit.h: host-commit
	@mkdir -p $(@D)
	@commit=$$(git rev-parse --short=12 HEAD 2>/dev/null || echo unknown); \
	GIT_OPTIONAL_LOCKS=0 git diff --quiet HEAD 2>/dev/null || commit=$$commit-modified; \
	echo "#define PORTCULLIS_COMMIT \"$$commit\"" > $@.new; \
	if cmp -s $@ $@.new; then rm $@.new; else mv $@.new $@; fi

ALL += $(BUILD)/portcullis

-include host/tests/build.mk
