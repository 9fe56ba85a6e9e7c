/*
 * Executable memory of a guarded program. It is a private copy that nobody writes to, and each byte sequence
 * in it that could write PKRU is guarded (watch.h) before it can run.
 */
#ifndef NATIVE_TEXT_H
#define NATIVE_TEXT_H

#include <stdint.h>

/* The program's own text, and the kernel's vDSO. NULL, or a sentence. */
struct program;
const char *text_start(const struct program *program);

/* [start, start + size) is to become executable, and out of the program's reach until then. 0, or -EACCES
 * after a line on standard error: it holds more such sequences than can be guarded. */
long text_add(uint64_t start, uint64_t size);

/* System calls of the program: mmap and mprotect that ask for PROT_EXEC, and mremap. The result or -errno. */
long text_map(uint64_t address, uint64_t size, int rights, int flags, int file, uint64_t offset);
long text_protect(uint64_t address, uint64_t size, int rights);
long text_move(uint64_t address, uint64_t old_size, uint64_t size, int flags, uint64_t target);

#endif
