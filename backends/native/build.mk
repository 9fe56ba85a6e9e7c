# The native platform: build/portcullis-native, which the launcher's engine `native` starts (host/native.c).
NATIVE_PLATFORM := $(BUILD)/portcullis-native
NATIVE_SOURCES := $(wildcard backends/native/*.c backends/native/*.S) \
	backends/library/copy.S backends/pku/scan.c backends/image/parse.c backends/image/unwind.c guest/plan/parse.c guest/fs/cpio.c guest/lib/crc32.c
NATIVE_OBJECTS := $(NATIVE_SOURCES:%=$(BUILD)/native/%.o)

include backends/native/native.mk

NATIVE_CFLAGS := $(NATIVE_CODE) -I. -Ibackends -Ibackends/include -Iguest

$(BUILD)/native/%.c.o: %.c
	@mkdir -p $(@D)
	$(MUSL_CC) $(NATIVE_CFLAGS) -c $< -o $@

$(BUILD)/native/%.S.o: %.S
	@mkdir -p $(@D)
	$(MUSL_CC) $(NATIVE_CFLAGS) -c $< -o $@

$(NATIVE_PLATFORM): $(NATIVE_OBJECTS)
	$(call link_native,$^)

ALL += $(NATIVE_PLATFORM)
