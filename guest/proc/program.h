/*
 * A program on its way into an address space: from a path to the binary, from the binary to memory and a
 * first stack.
 */
#ifndef GUEST_PROC_PROGRAM_H
#define GUEST_PROC_PROGRAM_H

#include "lib/lib.h"
#include "proc/elf.h"

struct exec_strings;
struct inode;
struct space;

#define PROGRAM_HEADERS_MAX 64

struct program {
	struct inode *inode; /* the caller's reference */
	struct elf_header header;
	struct elf_program_header segments[PROGRAM_HEADERS_MAX];
	uint64_t bias;    /* added to the file's addresses */
	uint64_t headers; /* user address of the program headers, 0 if not mapped */
	uint64_t end;     /* of the highest segment */
};

/*
 * The binary behind `path`: "#!" scripts are followed, and their interpreters put in front of the arguments.
 * 0 with a reference in *inode, or -errno: of the path, -EACCES, -ETXTBSY, -ENOEXEC, -ELOOP (scripts of
 * scripts), -E2BIG.
 */
long program_find(const char *path, struct exec_strings *strings, struct inode **inode);

/* Reads and checks the headers of program->inode; the rest is zeroes. 0, -ENOEXEC, or -ENOENT for a program
 * that wants a dynamic linker. */
long program_read(struct program *program);

/* Maps its segments and a stack into the space, which is the current one, and sets its brk. 0 or -errno. */
long program_map(const struct program *program, struct space *space);

/* Writes arguments, environment and auxiliary vector to the new stack; *sp points to argc. 0 or -EFAULT. */
long program_build_stack(const struct program *program, const struct exec_strings *strings, const char *path,
                         uint64_t *sp);

#endif
