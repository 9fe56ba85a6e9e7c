/* What the loader told us, whichever it was (abi/boot.h). */
#ifndef GUEST_X86_BOOT_INFO_H
#define GUEST_X86_BOOT_INFO_H

#include "abi/boot.h"

#define MEMORY_RANGES_MAX 32

/* In this kernel's own image; zeroes where a multiboot2 loader started it. */
extern struct boot_header boot_header;

struct memory_range {
	uint64_t start, end; /* physical bytes, usable RAM */
};

struct boot_info {
	struct memory_range memory[MEMORY_RANGES_MAX];
	unsigned memory_count;
	struct boot_module archive, plan;
	const char *command; /* in the direct map */
};

/* From the entry's EAX and EBX. NULL, or what is wrong. Uses the boot page tables' direct map. */
const char *boot_info_read(uint32_t magic, uint32_t information, struct boot_info *info);

#endif
