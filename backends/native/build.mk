# The native platform: build/portcullis-native, which the launcher's engine `native` starts (host/native.c).
NATIVE_PLATFORM := $(BUILD)/portcullis-native
NATIVE_SOURCES := $(wildcard backends/native/*.c) backends/image/parse.c guest/plan/parse.c guest/fs/cpio.c guest/lib/crc32.c
NATIVE_OBJECTS := $(NATIVE_SOURCES:%=$(BUILD)/native/%.o)
# musl brings no headers of the kernel (linux/, asm/): the host's come last.
NATIVE_CFLAGS := -std=gnu11 -O2 -g $(WARNINGS) -D_GNU_SOURCE -fPIE -fno-stack-protector -I. -Ibackends -Ibackends/include \
	-Iguest -idirafter /usr/include -idirafter /usr/include/x86_64-linux-gnu -MMD -MP

$(BUILD)/native/%.c.o: %.c
	@mkdir -p $(@D)
	$(MUSL_CC) $(NATIVE_CFLAGS) -c $< -o $@

# Linked where no program and no domain can be (NATIVE_TEXT in native.h). Only a position-independent executable may lie above
# 2 GiB, so it is one, with the start code that relocates itself (rcrt1.o), which musl-gcc leaves out; then e_type becomes
# ET_EXEC, so that the kernel puts it where it was linked.
musl_start = $(shell $(MUSL_CC) -print-file-name=$(1))
$(NATIVE_PLATFORM): $(NATIVE_OBJECTS)
	$(MUSL_CC) -static -nostartfiles -Wl,-pie,--no-dynamic-linker,-Ttext-segment=0x1fc000000000 -o $@.new \
		$(call musl_start,rcrt1.o) $(call musl_start,crti.o) $^ $(call musl_start,crtn.o)
	printf '\002' | dd of=$@.new bs=1 seek=16 conv=notrunc status=none
	mv $@.new $@

ALL += $(NATIVE_PLATFORM)
