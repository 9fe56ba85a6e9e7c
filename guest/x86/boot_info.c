#include "x86/boot_info.h"

#include "lib/lib.h"
#include "mm/frame.h"
#include "x86/cpu.h"

/* Multiboot2 specification 2.0, 3.6. */
#define MULTIBOOT2_MAGIC      0x36d76289
#define MULTIBOOT2_COMMAND    1
#define MULTIBOOT2_MODULE     3
#define MULTIBOOT2_MEMORY_MAP 6
#define MULTIBOOT2_AVAILABLE  1

/* The CMOS, as BIOSes and emulators fill it: memory above 16 MiB in units of 64 KiB, above 4 GiB likewise. */
#define CMOS_INDEX     0x70
#define CMOS_DATA      0x71
#define CMOS_ABOVE_1M  0x30 /* KiB */
#define CMOS_ABOVE_16M 0x34

#define LOW_MEMORY_END 0xa0000UL
#define DEVICE_HOLE    0xc0000000UL /* with our own loaders RAM ends below, or goes on at 4 GiB */

struct multiboot2_tag {
	uint32_t type, size;
};

struct multiboot2_module {
	struct multiboot2_tag tag;
	uint32_t start, end;
	char name[];
};

struct multiboot2_memory_map {
	struct multiboot2_tag tag;
	uint32_t entry_size, entry_version;
	struct {
		uint64_t base, length;
		uint32_t type, reserved;
	} entries[];
};

_Static_assert(offsetof(struct boot_header, memory) == BOOT_HEADER_MEMORY, "offset used by rom.S");

static uint8_t cmos(uint8_t index)
{
	outb(CMOS_INDEX, index);
	return inb(CMOS_DATA);
}

static uint64_t cmos_memory(void)
{
	uint64_t above_16m = (uint64_t)(cmos(CMOS_ABOVE_16M) | cmos(CMOS_ABOVE_16M + 1) << 8) << 16;
	uint64_t above_1m = (uint64_t)(cmos(CMOS_ABOVE_1M) | cmos(CMOS_ABOVE_1M + 1) << 8) << 10;

	return above_16m ? (16UL << 20) + above_16m : (1UL << 20) + above_1m;
}

static void add_memory(struct boot_info *info, uint64_t start, uint64_t end)
{
	if (info->memory_count < MEMORY_RANGES_MAX && start < end)
		info->memory[info->memory_count++] = (struct memory_range){start, end};
}

static const char *read_own(struct boot_info *info)
{
	uint64_t memory = boot_header.memory ? boot_header.memory : cmos_memory();

	add_memory(info, PAGE_SIZE, MIN(memory, boot_header.ring ? boot_header.ring : LOW_MEMORY_END));
	add_memory(info, IMAGE_ADDRESS, MIN(memory, DEVICE_HOLE));
	info->archive = boot_header.archive;
	info->plan = boot_header.plan;
	if (!info->plan.address)
		info->plan.address = IMAGE_ADDRESS; /* the launcher's empty plan is a plan all the same */
	info->command = boot_header.command;
	return NULL;
}

static void read_module(struct boot_info *info, const struct multiboot2_module *module)
{
	struct boot_module range = {module->start, module->end - module->start};

	if (!strcmp(module->name, "archive"))
		info->archive = range;
	else if (!strcmp(module->name, "plan"))
		info->plan = range;
}

static const char *read_multiboot2(uint32_t information, struct boot_info *info)
{
	const char *at = phys_to_virt(information);
	const char *end = at + *(const uint32_t *)at;

	info->command = "";
	for (at += 8; at + sizeof(struct multiboot2_tag) <= end;) {
		const struct multiboot2_tag *tag = (const void *)at;
		const struct multiboot2_memory_map *map = (const void *)at;

		if (tag->size < sizeof(*tag))
			return "the multiboot2 information is corrupt";
		if (tag->type == MULTIBOOT2_COMMAND)
			info->command = at + sizeof(*tag);
		else if (tag->type == MULTIBOOT2_MODULE)
			read_module(info, (const void *)at);
		else if (tag->type == MULTIBOOT2_MEMORY_MAP)
			for (const char *entry = (const char *)map->entries; entry < at + tag->size;
			     entry += map->entry_size) {
				const __typeof__(map->entries[0]) *range = (const void *)entry;

				if (range->type == MULTIBOOT2_AVAILABLE)
					add_memory(info, ALIGN_UP(MAX(range->base, PAGE_SIZE), PAGE_SIZE),
					           ALIGN_DOWN(range->base + range->length, PAGE_SIZE));
			}
		at += ALIGN_UP(tag->size, 8);
	}
	return info->memory_count ? NULL : "the multiboot2 loader gave no memory map";
}

const char *boot_info_read(uint32_t magic, uint32_t information, struct boot_info *info)
{
	if (magic == BOOT_ENTRY_MAGIC)
		return read_own(info);
	if (magic == MULTIBOOT2_MAGIC)
		return read_multiboot2(information, info);
	return "started by an unknown loader";
}
