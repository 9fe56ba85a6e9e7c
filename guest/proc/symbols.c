#include "fs/file.h"
#include "proc/elf.h"

#define SECTIONS_MAX 256

static bool read_section(struct inode *inode, const struct elf_header *header, unsigned index,
                         struct elf_section_header *section)
{
	uint64_t offset = header->section_headers + (uint64_t)index * sizeof(*section);

	return index < header->section_header_count &&
	       inode_read(inode, offset, section, sizeof(*section)) == sizeof(*section);
}

static bool find_symbol_table(struct inode *inode, const struct elf_header *header,
                              struct elf_section_header *symbols, struct elf_section_header *names)
{
	for (unsigned i = 0; i < MIN(header->section_header_count, SECTIONS_MAX); i++)
		if (read_section(inode, header, i, symbols) && symbols->type == ELF_SECTION_SYMBOLS)
			return read_section(inode, header, symbols->link, names);
	return false;
}

bool elf_find_symbol(struct inode *inode, uint64_t address, char *to, size_t size)
{
	struct elf_header header;
	struct elf_section_header symbols, names;
	struct elf_symbol symbol, best = {0};
	char name[64] = "";

	if (inode_read(inode, 0, &header, sizeof(header)) != sizeof(header) ||
	    !elf_header_is_valid(&header) ||
	    header.section_header_size != sizeof(struct elf_section_header) ||
	    !find_symbol_table(inode, &header, &symbols, &names))
		return false;
	for (uint64_t at = 0; at + sizeof(symbol) <= symbols.size; at += sizeof(symbol)) {
		if (inode_read(inode, symbols.offset + at, &symbol, sizeof(symbol)) != sizeof(symbol))
			return false;
		if ((symbol.information & 15) == ELF_SYMBOL_FUNCTION && symbol.value <= address &&
		    symbol.value > best.value)
			best = symbol;
	}
	if (!best.value || (best.size && address >= best.value + best.size))
		return false;
	inode_read(inode, names.offset + best.name, name, sizeof(name) - 1);
	snprintf(to, size, "%s+0x%lx", name, address - best.value);
	return true;
}
