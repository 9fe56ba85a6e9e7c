#include "host/symbols.h"

#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct symbols {
	struct buffer file;
	const Elf64_Shdr *sections;
	unsigned section_count;
	const Elf64_Sym *table;
	size_t count;
	const char *names;
	size_t names_size;
};

#define ALIGNED(offset)                                                                                      \
	((offset) % sizeof(uint64_t) == 0) /* as the format asks for; the file's buffer is, too */

/* The section's bytes, or NULL when they are not all in the file. */
static const void *section_data(const struct buffer *file, const Elf64_Shdr *section)
{
	if (section->sh_offset > file->size || section->sh_size > file->size - section->sh_offset)
		return NULL;
	return file->data + section->sh_offset;
}

static bool is_elf64(const struct buffer *file)
{
	const Elf64_Ehdr *header = (const void *)file->data;

	return file->size >= sizeof(*header) && !memcmp(header->e_ident, ELFMAG, SELFMAG) &&
	       header->e_ident[EI_CLASS] == ELFCLASS64 && header->e_shentsize == sizeof(Elf64_Shdr) &&
	       ALIGNED(header->e_shoff) && header->e_shoff <= file->size &&
	       header->e_shnum <= (file->size - header->e_shoff) / sizeof(Elf64_Shdr);
}

static bool find_table(struct symbols *symbols)
{
	const Elf64_Ehdr *header = (const void *)symbols->file.data;
	const Elf64_Shdr *sections;

	if (!is_elf64(&symbols->file))
		return false;
	sections = (const void *)(symbols->file.data + header->e_shoff);
	symbols->sections = sections;
	symbols->section_count = header->e_shnum;
	for (unsigned i = 0; i < header->e_shnum; i++) {
		const Elf64_Shdr *section = &sections[i];

		if (section->sh_type != SHT_SYMTAB || !ALIGNED(section->sh_offset) ||
		    section->sh_link >= header->e_shnum)
			continue;
		symbols->table = section_data(&symbols->file, section);
		symbols->count = section->sh_size / sizeof(Elf64_Sym);
		symbols->names = section_data(&symbols->file, &sections[section->sh_link]);
		symbols->names_size = sections[section->sh_link].sh_size;
		return symbols->table && symbols->names && symbols->names_size &&
		       symbols->names[symbols->names_size - 1] == '\0';
	}
	return false;
}

struct symbols *symbols_load(const char *path)
{
	struct symbols *symbols = calloc(1, sizeof(*symbols));

	if (!symbols)
		return NULL;
	if (buffer_read_file(&symbols->file, path) == 0 && find_table(symbols))
		return symbols;
	symbols_free(symbols);
	return NULL;
}

void symbols_free(struct symbols *symbols)
{
	if (!symbols)
		return;
	buffer_free(&symbols->file);
	free(symbols);
}

/* Assembly has no types or sizes: its labels count as functions up to the next symbol. */
static bool may_be_code(const Elf64_Sym *symbol)
{
	unsigned type = ELF64_ST_TYPE(symbol->st_info);

	return (type == STT_FUNC || type == STT_NOTYPE) && symbol->st_shndx != SHN_UNDEF &&
	       symbol->st_shndx < SHN_LORESERVE;
}

void symbols_describe(const struct symbols *symbols, uint64_t address, bool is_return, char *text,
                      size_t size)
{
	const Elf64_Sym *best = NULL;
	uint64_t inside = address - is_return;

	text[0] = '\0';
	if (!symbols)
		return;
	for (size_t i = 0; i < symbols->count; i++) {
		const Elf64_Sym *symbol = &symbols->table[i];

		if (symbol->st_value <= inside && may_be_code(symbol) &&
		    symbol->st_name < symbols->names_size && symbols->names[symbol->st_name] &&
		    (!best || symbol->st_value > best->st_value))
			best = symbol;
	}
	if (best && (!best->st_size || inside - best->st_value < best->st_size))
		snprintf(text, size, "%s+0x%lx", symbols->names + best->st_name,
		         (unsigned long)(address - best->st_value));
}

/* ---- the map -------------------------------------------------------------------------------- */

#define KERNEL_HALF (1UL << 63)

static const char *name_of(const struct symbols *symbols, const Elf64_Sym *symbol)
{
	return symbol->st_name < symbols->names_size ? symbols->names + symbol->st_name : "";
}

/* The letter that nm(1) gives it, 0: it is no place in the kernel's memory. */
static char letter_of(const struct symbols *symbols, const Elf64_Sym *symbol)
{
	unsigned type = ELF64_ST_TYPE(symbol->st_info);
	const Elf64_Shdr *section;
	char letter;

	if (symbol->st_shndx == SHN_UNDEF || symbol->st_shndx >= symbols->section_count || type > STT_FUNC ||
	    symbol->st_value < KERNEL_HALF || !*name_of(symbols, symbol))
		return 0;
	section = &symbols->sections[symbol->st_shndx];
	if (!(section->sh_flags & SHF_ALLOC))
		return 0;
	letter = section->sh_flags & SHF_EXECINSTR  ? 'T'
	         : !(section->sh_flags & SHF_WRITE) ? 'R'
	         : section->sh_type == SHT_NOBITS   ? 'B'
	                                            : 'D';
	return ELF64_ST_BIND(symbol->st_info) == STB_LOCAL ? (char)(letter | 0x20) : letter;
}

static int by_address(const void *a, const void *b, void *context)
{
	const Elf64_Sym *x = *(const Elf64_Sym *const *)a, *y = *(const Elf64_Sym *const *)b;

	if (x->st_value != y->st_value)
		return x->st_value < y->st_value ? -1 : 1;
	return strcmp(name_of(context, x), name_of(context, y));
}

/* The bytes of code in the kernel's half. False: there are none. */
static bool find_code(const struct symbols *symbols, uint64_t *start, uint64_t *end)
{
	*start = UINT64_MAX;
	*end = 0;
	for (unsigned i = 0; i < symbols->section_count; i++) {
		const Elf64_Shdr *section = &symbols->sections[i];

		if (!(section->sh_flags & SHF_EXECINSTR) || section->sh_addr < KERNEL_HALF)
			continue;
		if (section->sh_addr < *start)
			*start = section->sh_addr;
		if (section->sh_addr + section->sh_size > *end)
			*end = section->sh_addr + section->sh_size;
	}
	return *end != 0;
}

bool symbols_write_map(const struct symbols *symbols, struct buffer *map)
{
	const Elf64_Sym **sorted;
	uint64_t start, end;
	size_t count = 0;

	if (!symbols || !find_code(symbols, &start, &end))
		return false;
	sorted = calloc(symbols->count + 1, sizeof(*sorted));
	if (!sorted)
		return false;
	for (size_t i = 0; i < symbols->count; i++)
		if (letter_of(symbols, &symbols->table[i]))
			sorted[count++] = &symbols->table[i];
	qsort_r(sorted, count, sizeof(*sorted), by_address, (void *)symbols);
	buffer_printf(map, "%016lx T _text\n", start);
	for (size_t i = 0; i < count; i++)
		buffer_printf(map, "%016lx %c %s\n", sorted[i]->st_value, letter_of(symbols, sorted[i]),
		              name_of(symbols, sorted[i]));
	buffer_printf(map, "%016lx T _etext\n", end);
	free(sorted);
	return count > 0;
}
