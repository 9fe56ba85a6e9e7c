# Installed as PREFIX/lib/portcullis/portcullis.mk, for makefiles outside Portcullis' own tree:
#
#   include PREFIX/lib/portcullis/portcullis.mk
#   $(eval $(call portcullis_kernel,SOURCES))   build/kernel.bin and kernel.elf: the kernel with one more backend
#   $(eval $(call portcullis_native,SOURCES))   build/portcullis-native: the native platform with one more backend
#
# and the rules of rules.mk. `make` builds all that was named so, in build/. Nothing is read but the installed files.

PORTCULLIS_LIB := $(patsubst %/,%,$(dir $(lastword $(MAKEFILE_LIST))))

BUILD ?= build
ifeq ($(origin CC),default)
CC := gcc
endif
MUSL_CC ?= musl-gcc
WARNINGS ?= -Wall -Wextra -Werror

PORTCULLIS_HEADERS := $(PORTCULLIS_LIB)/include
MKIMAGE := $(PORTCULLIS_LIB)/mkimage
MKIMAGE_SOURCES := $(MKIMAGE)
LIBRARY_RUNTIME := $(PORTCULLIS_LIB)/library.a
PROGRAM_RUNTIME := $(PORTCULLIS_LIB)/libportcullis.a

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SECONDARY: # no object is removed after the build
.SECONDEXPANSION:
.PHONY: all clean
all: $$(ALL)
clean:
	rm -rf $(BUILD)

include $(PORTCULLIS_LIB)/rules.mk $(PORTCULLIS_LIB)/flags.mk $(PORTCULLIS_LIB)/native.mk

KERNEL_CFLAGS = $(KERNEL_CODE) -I$(PORTCULLIS_LIB)/include/kernel -I$(PORTCULLIS_LIB)/include -MMD -MP

$(BUILD)/kernel/%.c.o: %.c
	@mkdir -p $(@D)
	$(CC) $(KERNEL_CFLAGS) -c $< -o $@

$(BUILD)/kernel/%.S.o: %.S
	@mkdir -p $(@D)
	$(CC) $(KERNEL_CFLAGS) -c $< -o $@

define portcullis_kernel
$(BUILD)/kernel.elf: $(PORTCULLIS_LIB)/guest/kernel.a $(PORTCULLIS_LIB)/guest/kernel.ld $(1:%=$(BUILD)/kernel/%.o)
	ld $(KERNEL_LDFLAGS) -T $(PORTCULLIS_LIB)/guest/kernel.ld -o $$@ --whole-archive $$(filter %.a %.o,$$^)
$(BUILD)/kernel.bin: $(BUILD)/kernel.elf
	objcopy -O binary $$< $$@
ALL += $(BUILD)/kernel.bin
endef

# A backend is called between a program and a library: their vector registers hold arguments and results.
NATIVE_CFLAGS = $(NATIVE_CODE) -mgeneral-regs-only -I$(PORTCULLIS_LIB)/include/platform -I$(PORTCULLIS_LIB)/include

$(BUILD)/native/%.c.o: %.c
	@mkdir -p $(@D)
	$(MUSL_CC) $(NATIVE_CFLAGS) -c $< -o $@

$(BUILD)/native/%.S.o: %.S
	@mkdir -p $(@D)
	$(MUSL_CC) $(NATIVE_CFLAGS) -c $< -o $@

define portcullis_native
$(BUILD)/portcullis-native: $(PORTCULLIS_LIB)/native.a $(1:%=$(BUILD)/native/%.o)
	$$(call link_native,-Wl$$(comma)--whole-archive $$(filter %.a %.o,$$^) -Wl$$(comma)--no-whole-archive)
ALL += $(BUILD)/portcullis-native
endef
comma := ,

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
