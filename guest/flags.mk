# How the kernel is compiled and linked, also where a backend from outside is added (backends/portcullis.mk).

# GCC 12 takes functions whose only stores go through a segment (this_cpu) for free of side effects: no ipa-modref, ipa-pure-const.
KERNEL_CODE := -std=gnu11 -Os -g $(WARNINGS) -ffreestanding -fno-pic -mcmodel=kernel -mno-red-zone \
	-mgeneral-regs-only -fno-stack-protector -fno-asynchronous-unwind-tables -fno-omit-frame-pointer \
	-fno-strict-aliasing -fno-ipa-modref -fno-ipa-pure-const -ffunction-sections -fcf-protection=none -fno-common
KERNEL_LDFLAGS := -nostdlib -static -z max-page-size=4096 -z noexecstack --gc-sections
