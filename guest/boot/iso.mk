# make iso [ROOT=DIR] [PLAN=FILE]: build/portcullis.iso, which boots real machines (BIOS and UEFI), QEMU and Bochs with GRUB.
# ROOT is the folder that becomes the guest's file system, PLAN what it executes. Output goes to the first serial line.

ROOT ?= $(BUILD)/root
PLAN ?= guest/boot/demo.plan

ISO_TREE := $(BUILD)/iso
GRUB_MODULES := multiboot2 normal configfile iso9660 part_gpt part_msdos

.PHONY: iso
iso: $(BUILD)/guest/kernel.elf $(TESTS)
	@test -d $(ROOT) || { echo "iso: $(ROOT): not a folder" >&2; exit 1; }
	@test -f $(PLAN) || { echo "iso: $(PLAN): not a file" >&2; exit 1; }
	@rm -rf $(ISO_TREE) && mkdir -p $(ISO_TREE)/boot/grub
	@cp guest/boot/grub.cfg $(ISO_TREE)/boot/grub
	@cp $(PLAN) $(ISO_TREE)/boot/plan
	@objcopy --strip-debug $(BUILD)/guest/kernel.elf $(ISO_TREE)/boot/kernel.elf
	@set -o pipefail; out=$$(realpath $(ISO_TREE))/boot/archive.cpio; cd $(ROOT) && \
		find . | LC_ALL=C sort | busybox cpio -o -H newc 2>/dev/null >$$out
	@grub-mkrescue -o $(BUILD)/portcullis.iso --install-modules="$(GRUB_MODULES)" --locales= --fonts= --themes= \
		$(ISO_TREE) -- -volid PORTCULLIS >$(BUILD)/iso.log 2>&1 || { tail -n 3 $(BUILD)/iso.log >&2; exit 1; }
	@echo "$(BUILD)/portcullis.iso: $$(stat -c %s $(BUILD)/portcullis.iso) bytes"
