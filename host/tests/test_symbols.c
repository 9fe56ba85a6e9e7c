/* Names of addresses: this program's own, and files that are damaged. */
#include "host/symbols.h"

#include "host/buffer.h"
#include "host/tests/unit.h"

#include <elf.h>
#include <unistd.h>

#define BASE 0x401000 /* of the made-up functions */

/* A file of three sections: none, symbols, strings. */
static struct buffer make_file(void)
{
	static const char names[] = "\0first\0second\0label";
	Elf64_Sym symbols[] = {
	        {0},
	        {.st_name = 1,
	         .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC),
	         .st_shndx = 1,
	         .st_value = BASE,
	         .st_size = 0x20},
	        {.st_name = 7,
	         .st_info = ELF64_ST_INFO(STB_LOCAL, STT_FUNC),
	         .st_shndx = 1,
	         .st_value = BASE + 0x40,
	         .st_size = 0x10},
	};
	Elf64_Ehdr header = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
	                     .e_type = ET_EXEC,
	                     .e_machine = EM_X86_64,
	                     .e_version = EV_CURRENT,
	                     .e_ehsize = sizeof(header),
	                     .e_shentsize = sizeof(Elf64_Shdr),
	                     .e_shnum = 3,
	                     .e_shoff = sizeof(header)};
	Elf64_Shdr sections[3] = {
	        {0},
	        {.sh_type = SHT_SYMTAB,
	         .sh_link = 2,
	         .sh_entsize = sizeof(Elf64_Sym),
	         .sh_size = sizeof(symbols),
	         .sh_offset = sizeof(header) + sizeof(sections)},
	        {.sh_type = SHT_STRTAB,
	         .sh_size = sizeof(names),
	         .sh_offset = sizeof(header) + sizeof(sections) + sizeof(symbols)},
	};
	struct buffer file = {0};

	buffer_append(&file, &header, sizeof(header));
	buffer_append(&file, sections, sizeof(sections));
	buffer_append(&file, symbols, sizeof(symbols));
	buffer_append(&file, names, sizeof(names));
	return file;
}

static struct symbols *load(const struct buffer *file)
{
	char path[] = "/tmp/portcullis-test-XXXXXX";
	int fd = mkstemp(path);
	struct symbols *symbols;

	CHECK(fd >= 0 && write_all(fd, file->data, file->size) == 0 && close(fd) == 0);
	symbols = symbols_load(path);
	unlink(path);
	return symbols;
}

static void expect(const struct symbols *symbols, uint64_t address, bool is_return, const char *name)
{
	char text[64];

	symbols_describe(symbols, address, is_return, text, sizeof(text));
	CHECK_TEXT(text, name);
}

static void functions(void)
{
	struct buffer file = make_file();
	struct symbols *symbols = load(&file);

	CHECK(symbols);
	expect(symbols, BASE, false, "first+0x0");
	expect(symbols, BASE + 0x1f, false, "first+0x1f");
	expect(symbols, BASE + 0x20, false, "");
	expect(symbols, BASE + 0x20, true, "first+0x20");
	expect(symbols, BASE + 0x48, false, "second+0x8");
	expect(symbols, BASE - 1, false, "");
	expect(symbols, UINT64_MAX, false, "");
	expect(symbols, 0, true, "");
	symbols_free(symbols);
	buffer_free(&file);
}

/* Functions of a kernel, one of a program, and what is no place at all. */
static struct buffer make_kernel(void)
{
	static const char names[] = "\0start\0inner\0low\0constant\0state";
	const uint64_t base = 0xffffffff80100000;
	Elf64_Sym symbols[] = {
	        {0},
	        {.st_name = 1,
	         .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC),
	         .st_shndx = 1,
	         .st_value = base + 0x10},
	        {.st_name = 7,
	         .st_info = ELF64_ST_INFO(STB_LOCAL, STT_NOTYPE),
	         .st_shndx = 1,
	         .st_value = base},
	        {.st_name = 13,
	         .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC),
	         .st_shndx = 1,
	         .st_value = BASE},
	        {.st_name = 17,
	         .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_NOTYPE),
	         .st_shndx = SHN_ABS,
	         .st_value = base},
	        {.st_name = 26,
	         .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_OBJECT),
	         .st_shndx = 2,
	         .st_value = base + 0x1000},
	};
	Elf64_Ehdr header = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
	                     .e_ehsize = sizeof(header),
	                     .e_shentsize = sizeof(Elf64_Shdr),
	                     .e_shnum = 5,
	                     .e_shoff = sizeof(header)};
	Elf64_Shdr sections[5] = {
	        {0},
	        {.sh_type = SHT_PROGBITS,
	         .sh_flags = SHF_ALLOC | SHF_EXECINSTR,
	         .sh_addr = base,
	         .sh_size = 0x80},
	        {.sh_type = SHT_NOBITS,
	         .sh_flags = SHF_ALLOC | SHF_WRITE,
	         .sh_addr = base + 0x1000,
	         .sh_size = 8},
	        {.sh_type = SHT_SYMTAB,
	         .sh_link = 4,
	         .sh_entsize = sizeof(Elf64_Sym),
	         .sh_size = sizeof(symbols),
	         .sh_offset = sizeof(header) + sizeof(sections)},
	        {.sh_type = SHT_STRTAB,
	         .sh_size = sizeof(names),
	         .sh_offset = sizeof(header) + sizeof(sections) + sizeof(symbols)},
	};
	struct buffer file = {0};

	buffer_append(&file, &header, sizeof(header));
	buffer_append(&file, sections, sizeof(sections));
	buffer_append(&file, symbols, sizeof(symbols));
	buffer_append(&file, names, sizeof(names));
	return file;
}

static void map(void)
{
	struct buffer file = make_kernel(), text = {0};
	struct symbols *symbols = load(&file);

	CHECK(symbols_write_map(symbols, &text));
	CHECK_TEXT(text.data, "ffffffff80100000 T _text\n"
	                      "ffffffff80100000 t inner\n"
	                      "ffffffff80100010 T start\n"
	                      "ffffffff80101000 B state\n"
	                      "ffffffff80100080 T _etext\n");
	symbols_free(symbols);
	buffer_free(&text);
	buffer_free(&file);
}

static void no_map(void)
{
	struct buffer file = make_file(), text = {0};
	struct symbols *symbols = load(&file);

	CHECK(!symbols_write_map(NULL, &text));
	CHECK(!symbols_write_map(symbols, &text) && !text.size);
	symbols_free(symbols);
	buffer_free(&file);
}

static void no_file(void)
{
	CHECK(!symbols_load("/nonexistent/kernel.elf"));
	expect(NULL, BASE, false, "");
}

static void every_truncation(void)
{
	struct buffer file = make_file(), cut = {0};

	for (size_t size = 0; size < file.size; size++) {
		buffer_keep_tail(&cut, 0);
		buffer_append(&cut, file.data, size);
		symbols_free(load(&cut));
	}
	buffer_free(&cut);
	buffer_free(&file);
}

static void damaged_files(void)
{
	struct buffer file = make_file();
	struct buffer map = {0};
	char text[64];

	for (unsigned round = 0; round < 3000; round++) {
		size_t at = (size_t)random() % file.size;
		char before = file.data[at];
		struct symbols *symbols;

		file.data[at] = (char)random();
		symbols = load(&file);
		symbols_describe(symbols, BASE + 4, false, text, sizeof(text));
		buffer_keep_tail(&map, 0);
		symbols_write_map(symbols, &map);
		symbols_free(symbols);
		file.data[at] = before;
	}
	buffer_free(&map);
	buffer_free(&file);
}

static void own_program(void)
{
	struct symbols *symbols = symbols_load("/proc/self/exe");

	CHECK(symbols);
	symbols_free(symbols);
}

UNIT_MAIN({"an address has its function's name", functions}, {"a missing file has no names", no_file},
          {"a map has the kernel's symbols by address, and its range", map},
          {"a program has no map of a kernel", no_map}, {"a truncated file does no harm", every_truncation},
          {"a damaged file does no harm", damaged_files}, {"a compiler's file is understood", own_program})
