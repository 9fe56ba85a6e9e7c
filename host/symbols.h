/* Names for addresses of the kernel, from the symbol table of kernel.elf (ELF64, System V gABI chapter 4). */
#ifndef HOST_SYMBOLS_H
#define HOST_SYMBOLS_H

#include "host/buffer.h"

#include <stdbool.h>
#include <stdint.h>

struct symbols; /* NULL: none are known */

/* NULL when the file is missing or no such ELF file: backtraces then show addresses only. */
struct symbols *symbols_load(const char *path);
void symbols_free(struct symbols *symbols);

/*
 * Writes "name+0x12", or "" when no function holds the address. `is_return`: a return address, which may lie
 * just behind the function that made the call.
 */
void symbols_describe(const struct symbols *symbols, uint64_t address, bool is_return, char *text,
                      size_t size);

/*
 * Appends the kernel's symbols in the format of /proc/kallsyms, by address: "ADDRESS TYPE NAME", TYPE as
 * nm(1) has it. perf takes the kernel's range from `_text` and `_etext`, which are added where code begins
 * and ends. False: there is no symbol of a kernel.
 */
bool symbols_write_map(const struct symbols *symbols, struct buffer *map);

#endif
