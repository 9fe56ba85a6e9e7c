# make iso [ROOT=DIR] [PLAN=FILE] [ISO=FILE]: an image that starts the guest by GRUB on real machines (BIOS and UEFI), on
# QEMU and on Bochs. ROOT is the folder that becomes the guest's file system, PLAN what it executes. The guest writes to
# port 0xe9 where that is a console, else to the first serial line (115200 8N1).

ROOT ?= $(BUILD)/root
PLAN ?= guest/boot/demo.plan
ISO  ?= $(BUILD)/portcullis.iso

ISO_TREE := $(ISO).tree
GRUB_MODULES := multiboot2 normal configfile iso9660 part_gpt part_msdos

.PHONY: iso
iso: $(BUILD)/guest/kernel.elf $(TESTS)
	@test -d "$(ROOT)" || { echo "iso: $(ROOT): not a folder" >&2; exit 1; }
	@test -f "$(PLAN)" || { echo "iso: $(PLAN): not a file" >&2; exit 1; }
	@rm -rf "$(ISO_TREE)" && mkdir -p "$(ISO_TREE)/boot/grub"
	@cp guest/boot/grub.cfg "$(ISO_TREE)/boot/grub"
	@cp "$(PLAN)" "$(ISO_TREE)/boot/plan"
	@objcopy --strip-debug $(BUILD)/guest/kernel.elf "$(ISO_TREE)/boot/kernel.elf"
	@set -o pipefail; archive=$$(realpath "$(ISO_TREE)")/boot/archive.cpio; cd "$(ROOT)" && \
		find . | LC_ALL=C sort | busybox cpio -o -H newc 2>/dev/null >"$$archive"
	@grub-mkrescue -o "$(ISO)" --install-modules="$(GRUB_MODULES)" --locales= --fonts= --themes= "$(ISO_TREE)" \
		-- -volid PORTCULLIS >$(BUILD)/iso.log 2>&1 || { tail -n 3 $(BUILD)/iso.log >&2; exit 1; }
	@rm -rf "$(ISO_TREE)"
	@echo "$(ISO): $$(stat -c %s "$(ISO)") bytes"
