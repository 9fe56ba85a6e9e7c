/*
 * What a loader hands to the guest kernel.
 *
 * The RAM image is the flat kernel, its bss as zeroes, then the modules (page aligned), loaded at
 * IMAGE_ADDRESS. `struct boot_header` lies at BOOT_HEADER_OFFSET in the flat kernel; the kernel's build fills
 * the upper half, the loader (host/image.c) the lower half. A multiboot2 loader (GRUB) fills nothing: the
 * kernel then takes memory map, modules ("archive", "plan") and command line from the multiboot2 information.
 *
 * Entry: 32-bit protected mode, flat segments, paging off, interrupts off, at the image's first byte;
 * EAX = BOOT_ENTRY_MAGIC from our own ROM, or the multiboot2 magic with EBX = information. A VMM may enter at `entry`
 * instead, in 64-bit mode with the first 2 MiB mapped to themselves, EFER = BOOT_EFER, CR0 = BOOT_CR0, CR4 = BOOT_CR4 and
 * EAX = BOOT_ENTRY_MAGIC; its page and descriptor tables are not used for long.
 */
#ifndef GUEST_ABI_BOOT_H
#define GUEST_ABI_BOOT_H

#define IMAGE_ADDRESS      0x100000   /* physical load address of the RAM image */
#define BOOT_HEADER_OFFSET 0x100      /* of struct boot_header in the image */
#define BOOT_MAGIC         0x4c435450 /* "PTCL", little endian: first word of the header */
#define BOOT_VERSION       2
#define BOOT_ENTRY_MAGIC   0x4c435450 /* in EAX at entry from ROM or VMM */
#define BOOT_HEADER_MEMORY 32         /* offset of `memory` in it, for the ROM */
#define BOOT_COMMAND_MAX   512        /* bytes of command line, NUL included */

/* Control registers at the 64-bit entry (SDM vol. 3A, 2.5 and 2.2.1). */
#define BOOT_CR0  0x80010033 /* PG, WP, NE, ET, MP, PE */
#define BOOT_CR4  0x20       /* PAE */
#define BOOT_EFER 0xd01      /* NXE, LMA, LME, SCE */

#ifndef __ASSEMBLER__
#include <stdint.h>

struct boot_module {
	uint64_t address; /* physical; 0 when absent */
	uint64_t size;    /* bytes */
};

struct boot_header {
	/* by the kernel's build */
	uint32_t magic;
	uint32_t version;
	uint64_t file_end;  /* physical end of the flat kernel file's bytes */
	uint64_t image_end; /* physical end of the bss: modules go at or after it, page aligned */
	uint64_t entry;     /* physical: where a VMM may enter in 64-bit mode */
	/* by the loader */
	uint64_t memory;                /* bytes of RAM from address 0; 0: ask the CMOS */
	struct boot_module archive;     /* cpio "newc": the initial file system */
	struct boot_module plan;        /* text, see guest/plan/plan.h */
	uint64_t ring;                  /* physical address of a struct ring (ring.h), below 1 MiB; 0: none */
	char command[BOOT_COMMAND_MAX]; /* "key=value ...": see guest/README.md */
};
#endif
#endif
