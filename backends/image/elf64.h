/* The part of the ELF64 format that images use: System V ABI, "Object Files"; x86-64 psABI, "Relocation". */
#ifndef IMAGE_ELF64_H
#define IMAGE_ELF64_H

#include <stdint.h>

#define ELF_MAGIC          0x464c457f /* 0x7f "ELF", little endian */
#define ELF_CLASS_64       2
#define ELF_DATA_LITTLE    1
#define ELF_VERSION        1
#define ELF_TYPE_DYN       3
#define ELF_MACHINE_X86_64 62

#define SEGMENT_LOAD    1
#define SEGMENT_DYNAMIC 2
#define SEGMENT_INTERP  3
#define SEGMENT_TLS     7
#define SEGMENT_UNWIND  0x6474e550 /* PT_GNU_EH_FRAME */
#define SEGMENT_STACK   0x6474e551 /* PT_GNU_STACK */

#define SEGMENT_X 1
#define SEGMENT_W 2
#define SEGMENT_R 4

#define DYNAMIC_NULL          0
#define DYNAMIC_NEEDED        1
#define DYNAMIC_PLTRELSZ      2
#define DYNAMIC_RELA          7
#define DYNAMIC_RELASZ        8
#define DYNAMIC_RELAENT       9
#define DYNAMIC_INIT          12
#define DYNAMIC_FINI          13
#define DYNAMIC_REL           17
#define DYNAMIC_TEXTREL       22
#define DYNAMIC_JMPREL        23
#define DYNAMIC_INIT_ARRAY    25
#define DYNAMIC_FINI_ARRAY    26
#define DYNAMIC_PREINIT_ARRAY 32
#define DYNAMIC_RELR          36

#define RELOCATION_RELATIVE 8 /* R_X86_64_RELATIVE: *(image + offset) = image + addend */

struct elf_header {
	uint32_t magic;
	uint8_t class, data, ident_version, abi, abi_version, padding[7];
	uint16_t type, machine;
	uint32_t version;
	uint64_t entry, segment_offset, section_offset;
	uint32_t flags;
	uint16_t header_size, segment_size, segment_count, section_size, section_count, section_names;
};

struct elf_segment {
	uint32_t type, flags;
	uint64_t offset, address, physical, file_size, memory_size, alignment;
};

struct elf_dynamic {
	uint64_t tag, value;
};

struct elf_rela {
	uint64_t offset;
	uint64_t info; /* symbol << 32 | type */
	uint64_t addend;
};

_Static_assert(sizeof(struct elf_header) == 64 && sizeof(struct elf_segment) == 56, "ELF64");
_Static_assert(sizeof(struct elf_dynamic) == 16 && sizeof(struct elf_rela) == 24, "ELF64");

#endif
