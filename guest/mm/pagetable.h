/*
 * Page tables: four levels of 512 entries (SDM vol. 3A, 4.5). Tables of user addresses are charged to an
 * account.
 *
 *     63 62  59 58  52 51            12 11    9 8  7  6  5   4   3   2   1   0
 *     NX | key | free | frame address | software G PAT D  A  PCD PWT  U   W   P
 *
 * An entry is populated when it is not 0. A populated leaf owns one reference of its frame. A page without
 * rights (PROT_NONE) keeps its frame in an entry with PTE_HELD in place of P, which the CPU takes for not
 * present.
 *
 * PTE_GUARDED stands with PTE_NX, in a page that may be executed, but by single steps alone: see struct
 * fetch_guard.
 *
 * Nothing here flushes a translation: see space_flush_page().
 */
#ifndef GUEST_MM_PAGETABLE_H
#define GUEST_MM_PAGETABLE_H

#include "mm/frame.h"
#include "x86/cpu.h"

#define TABLE_ENTRIES 512
#define PTE_HELD      (1UL << 9)
#define PTE_GUARDED   (1UL << 10)
#define PTE_WIRE      (1UL << 11) /* shared with another domain: net/wire.h */

/* Bytes that one entry of a table of that level spans: 1 is the level whose entries map 4 KiB pages, 4 the
 * PML4. */
#define LEVEL_SHIFT(level) (PAGE_SHIFT + 9 * ((level)-1))
#define LEVEL_SIZE(level)  (1UL << LEVEL_SHIFT(level))

/* The entry for the 4 KiB page at `address`; NULL when a table on the way is missing (or a larger page is
 * mapped there). */
uint64_t *pagetable_entry(paddr_t pml4, uint64_t address);

/*
 * The same, making the missing tables; their entries allow what any page below may need (user access if
 * `address` is in the lower half). NULL: out of memory, or a larger page is in the way.
 */
uint64_t *pagetable_create(paddr_t pml4, uint64_t address, struct account *account);

/*
 * The first populated leaf entry in [*address, end), or NULL. *address becomes its page. To visit all:
 *
 *     for (; (entry = pagetable_next(pml4, &address, end)); address += PAGE_SIZE)
 */
uint64_t *pagetable_next(paddr_t pml4, uint64_t *address, uint64_t end);

/*
 * Frees each table of the lower half that serves an address in [start, end) and none outside [floor,
 * ceiling), with the references of the leaves in it. The PML4 itself stays.
 */
void pagetable_free_hole(paddr_t pml4, uint64_t start, uint64_t end, uint64_t floor, uint64_t ceiling);

/* The same for tables that serve no address outside [start, end). */
void pagetable_free(paddr_t pml4, uint64_t start, uint64_t end);

/* Maps [address, address + size) to physical `frame` up, for the kernel, at boot: largest page `level_max` (1
 * to 3). */
void pagetable_map_kernel(paddr_t pml4, uint64_t address, paddr_t frame, uint64_t size, uint64_t bits,
                          unsigned level_max);

#endif
