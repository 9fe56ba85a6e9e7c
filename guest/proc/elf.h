/* ELF64 files (System V ABI, chapters 4 and 5; AMD64 supplement). Field names in words. */
#ifndef GUEST_PROC_ELF_H
#define GUEST_PROC_ELF_H

#include "lib/lib.h"

struct elf_header {
	uint8_t identification[16]; /* 7F 'E' 'L' 'F', class, data, version, ... */
	uint16_t type, machine;
	uint32_t version;
	uint64_t entry;
	uint64_t program_headers; /* file offset */
	uint64_t section_headers; /* file offset */
	uint32_t flags;
	uint16_t header_size, program_header_size, program_header_count;
	uint16_t section_header_size, section_header_count, section_names;
};

struct elf_program_header {
	uint32_t type, flags;
	uint64_t offset, address, physical_address, file_size, memory_size, alignment;
};

struct elf_section_header {
	uint32_t name, type;
	uint64_t flags, address, offset, size;
	uint32_t link, information;
	uint64_t alignment, entry_size;
};

struct elf_symbol {
	uint32_t name;
	uint8_t information, other;
	uint16_t section;
	uint64_t value, size;
};

#define ELF_TYPE_EXECUTABLE     2
#define ELF_TYPE_SHARED         3
#define ELF_MACHINE_X86_64      62
#define ELF_SEGMENT_LOAD        1
#define ELF_SEGMENT_INTERPRETER 3
#define ELF_SEGMENT_EXECUTE     1
#define ELF_SEGMENT_WRITE       2
#define ELF_SEGMENT_READ        4
#define ELF_SECTION_SYMBOLS     2
#define ELF_SYMBOL_FUNCTION     2

static inline bool elf_header_is_valid(const struct elf_header *header)
{
	return !memcmp(header->identification, "\177ELF\2\1\1", 7) && header->machine == ELF_MACHINE_X86_64 &&
	       header->program_header_size == sizeof(struct elf_program_header);
}

struct inode;

/*
 * The function that holds `address` (as in the file, without bias): "name+0x12" into `to`. False when the
 * file has no symbol for it.
 */
bool elf_find_symbol(struct inode *inode, uint64_t address, char *to, size_t size);

#endif
