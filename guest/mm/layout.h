/*
 * The virtual address space.
 *
 *   0                      nothing below USER_BASE
 *   USER_BASE              application: program, brk heap, mmap area, stacks          PML4 slots 0 to 62
 *   KERNEL_WINDOW          pages that the kernel maps for every program: gates, thread pages    slot 63
 *   DOMAIN_BASE            one slot for each protected library                      slots 64 to 159
 *   DOMAIN_END
 *   DIRECT_MAP_BASE        all physical memory, no execute                        slots 256 and up
 *   DEVICE_BASE            device registers (local APIC), uncached                         slot 510
 *   KERNEL_BASE            kernel image: the top 2 GiB                                      slot 511
 *
 * A pointer that the application passes is legal when its range ends at or below APPLICATION_END: one compare
 * keeps system calls away from domains, gates and the kernel. Domain slots are placed where a stock Linux kernel puts
 * neither a static program nor its stack or mmap area, so that the native platform uses the same addresses.
 */
#ifndef GUEST_MM_LAYOUT_H
#define GUEST_MM_LAYOUT_H

#define PAGE_SHIFT 12
#define PAGE_SIZE  (1UL << PAGE_SHIFT)
#define PAGE_MASK  (~(PAGE_SIZE - 1))

#define PML4_SLOT_SIZE   (1UL << 39)
#define PML4_SLOT(va)    (((va) >> 39) & 511)

#define USER_BASE         0x10000UL
#define LOWER_HALF_END    (1UL << 47)
#define APPLICATION_END   (63 * PML4_SLOT_SIZE)
#define USER_STACK_TOP    (APPLICATION_END - PAGE_SIZE) /* the initial thread's stack grows down from here */
#define MMAP_TOP          (APPLICATION_END - (128UL << 20)) /* mmap searches downwards from here: room for the stack above */
#define KERNEL_WINDOW     (63 * PML4_SLOT_SIZE)
#define DOMAIN_FIRST_SLOT 64
#define DOMAIN_SLOT_COUNT 96
#define DOMAIN_BASE       (DOMAIN_FIRST_SLOT * PML4_SLOT_SIZE)
#define DOMAIN_END        (DOMAIN_BASE + DOMAIN_SLOT_COUNT * PML4_SLOT_SIZE)

#ifndef DIRECT_MAP_BASE /* unit tests place physical memory elsewhere */
#define DIRECT_MAP_BASE 0xffff800000000000UL
#endif
#define DEVICE_BASE     0xffffff0000000000UL
#define KERNEL_BASE     0xffffffff80000000UL

#endif
