# The guest kernel: build/guest/{kernel.elf,kernel.bin,rom.bin}.

include guest/flags.mk
KERNEL_CFLAGS := $(KERNEL_CODE) -Iguest -Ibackends -Ibackends/include -I. -MMD -MP
KERNEL_SOURCES := $(wildcard guest/*.c guest/*/*.c) $(filter-out guest/boot/rom.S,$(wildcard guest/*/*.S))
KERNEL_SOURCES := $(filter-out guest/tests/%,$(KERNEL_SOURCES))

# Kernel halves and gates of the backends, and what the kernel shares with the host's tools.
BACKENDS ?= $(patsubst %/kernel.c,%,$(wildcard backends/*/kernel.c))
KERNEL_SOURCES += $(foreach backend,$(BACKENDS),$(wildcard $(backend)/*.c $(backend)/*.S)) backends/image/parse.c backends/image/unwind.c
KERNEL_OBJECTS := $(patsubst %,$(BUILD)/%.o,$(filter-out guest/mm/tlb_model.c,$(KERNEL_SOURCES)))

# What runs once for a program or a library, not once for a call: the smallest code.
$(BUILD)/guest/plan/%.o $(BUILD)/guest/domain/%.o $(BUILD)/guest/vmx/%.o $(BUILD)/backends/%.o: KERNEL_CFLAGS += -Oz

$(BUILD)/guest/%.c.o: guest/%.c
	@mkdir -p $(@D)
	$(CC) $(KERNEL_CFLAGS) -c $< -o $@

$(BUILD)/guest/%.S.o: guest/%.S
	@mkdir -p $(@D)
	$(CC) $(KERNEL_CFLAGS) -c $< -o $@

$(BUILD)/backends/%.c.o: backends/%.c
	@mkdir -p $(@D)
	$(CC) $(KERNEL_CFLAGS) -c $< -o $@

$(BUILD)/backends/%.S.o: backends/%.S
	@mkdir -p $(@D)
	$(CC) $(KERNEL_CFLAGS) -c $< -o $@

$(BUILD)/guest/kernel.elf: guest/boot/kernel.ld $(KERNEL_OBJECTS)
	ld $(KERNEL_LDFLAGS) -T guest/boot/kernel.ld -o $@ $(KERNEL_OBJECTS)

$(BUILD)/guest/kernel.bin: $(BUILD)/guest/kernel.elf
	objcopy -O binary $< $@

$(BUILD)/guest/rom.elf: guest/boot/rom.ld $(BUILD)/guest/boot/rom.S.o
	ld -m elf_i386 -nostdlib -T guest/boot/rom.ld -o $@ $(BUILD)/guest/boot/rom.S.o

$(BUILD)/guest/boot/rom.S.o: guest/boot/rom.S
	@mkdir -p $(@D)
	$(CC) -m32 -c -Iguest -MMD -MP $< -o $@

$(BUILD)/guest/rom.bin: $(BUILD)/guest/rom.elf
	objcopy -O binary $< $@

# The checked kernel, for tests: it keeps account of flushes (guest/mm/tlb_model.h).
CHECKED_OBJECTS := $(KERNEL_SOURCES:%=$(BUILD)/checked/%.o)

$(BUILD)/checked/%.o: %
	@mkdir -p $(@D)
	$(CC) $(KERNEL_CFLAGS) -DCHECK_FLUSHES -c $< -o $@

$(BUILD)/guest/kernel-checked.elf: guest/boot/kernel.ld $(CHECKED_OBJECTS)
	ld $(KERNEL_LDFLAGS) -T guest/boot/kernel.ld -o $@ $(CHECKED_OBJECTS)

$(BUILD)/guest/kernel-checked.bin: $(BUILD)/guest/kernel-checked.elf
	objcopy -O binary $< $@

ALL += $(BUILD)/guest/kernel.bin $(BUILD)/guest/rom.bin
TESTS += $(BUILD)/guest/kernel-checked.bin

include guest/boot/iso.mk
