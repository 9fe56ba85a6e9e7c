/*
 * Out of a call into an image: the registers as if the function that was entered from outside had returned.
 *
 * No gate saves the registers that a function preserves (RBX, RBP, R12 to R15): the library does, where its
 * call-frame information says. That is the information that debuggers and C++ exceptions use, so an entrance
 * pays nothing for it. (System V ABI, AMD64 supplement, 3.7; DWARF 5, 6.4; Linux Standard Base, "Exception
 * Frames", for .eh_frame and .eh_frame_hdr.) Pure logic, for the kernel and the native platform.
 */
#ifndef IMAGE_UNWIND_H
#define IMAGE_UNWIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct unwind_registers {
	uint64_t rbx, rbp, rsp, r12, r13, r14, r15, rip;
};

struct unwind_image {
	uint64_t table;       /* address of .eh_frame_hdr */
	uint64_t start, size; /* where the image lies */

	/* Copies memory of the library, which may have written anything there. False: it cannot be read. */
	bool (*read)(void *to, uint64_t from, size_t size);
};

/*
 * *registers, inside the image, become those behind the call that has entered it: RIP is the first one outside. False:
 * the library's stack does not lead there; *registers are of no use then.
 */
bool unwind_call(const struct unwind_image *image, struct unwind_registers *registers);

#endif
