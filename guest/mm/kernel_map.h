/* The kernel's own page tables, whose upper half every address space copies. */
#ifndef GUEST_MM_KERNEL_MAP_H
#define GUEST_MM_KERNEL_MAP_H

#include "mm/frame.h"

extern paddr_t kernel_pml4; /* set by space_init(), constant from then on */
extern paddr_t kernel_memory_end; /* of physical memory, likewise */

#endif
