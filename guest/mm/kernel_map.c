/* The kernel's part of the address space: direct map, device registers, kernel image. Nothing is both
 * writable and executable. */
#include "mm/kernel_map.h"

#include "mm/pagetable.h"
#include "mm/space.h"

#define LOCAL_APIC           0xfee00000UL
#define GIB                  (1UL << 30)
#define CPUID_EXTENDED       0x80000001
#define CPUID_EXTENDED_1GIB  (1U << 26) /* in EDX: pages of 1 GiB */
#define CPUID_EXTENDED_LEAFS 0x80000000

#define READ_ONLY (PTE_P | PTE_G | PTE_NX)
#define DATA      (PTE_P | PTE_G | PTE_NX | PTE_W)
#define TEXT      (PTE_P | PTE_G)
#define DEVICE    (PTE_P | PTE_G | PTE_NX | PTE_W | PTE_PCD | PTE_PWT)

extern char __text_start[], __text_end[], __rodata_start[], __rodata_end[], __data_start[], __kernel_end[];

paddr_t kernel_pml4;
paddr_t kernel_memory_end;

static paddr_t image_physical(const char *symbol)
{
	return (uint64_t)symbol - KERNEL_BASE;
}

static void map_image(const char *start, const char *end, uint64_t bits)
{
	pagetable_map_kernel(kernel_pml4, (uint64_t)start, image_physical(start), (uint64_t)(end - start),
	                     bits, 1);
}

static void map_direct(paddr_t start, paddr_t end, uint64_t bits, unsigned level_max)
{
	if (start < end)
		pagetable_map_kernel(kernel_pml4, DIRECT_MAP_BASE + start, start, end - start, bits,
		                     level_max);
}

static bool has_1gib_pages(void)
{
	return cpuid(CPUID_EXTENDED_LEAFS, 0).eax >= CPUID_EXTENDED &&
	       (cpuid(CPUID_EXTENDED, 0).edx & CPUID_EXTENDED_1GIB);
}

void space_init(uint64_t memory_end)
{
	paddr_t text = image_physical(__text_start), data = image_physical(__data_start);
	uint64_t end = ALIGN_UP(memory_end, PAGE_SIZE);

	kernel_memory_end = end;
	kernel_pml4 = frame_alloc_zeroed(NULL);
	if (!kernel_pml4)
		panic("no memory for the kernel's page tables");

	/*
	 * Below 4 GiB lie device windows whose memory type the MTRRs set: smaller pages keep one page from
	 * spanning two types (SDM vol. 3A, 12.11.9).
	 */
	map_direct(0, MIN(text, end), DATA, 2);
	map_direct(text, data, READ_ONLY, 1); /* the image cannot be written through its alias */
	map_direct(data, MIN(4 * GIB, end), DATA, 2);
	map_direct(4 * GIB, end, DATA, has_1gib_pages() ? 3 : 2);

	map_image(__text_start, __text_end, TEXT);
	map_image(__rodata_start, __rodata_end, READ_ONLY);
	map_image(__data_start, __kernel_end, DATA);
	pagetable_map_kernel(kernel_pml4, DEVICE_BASE, LOCAL_APIC, PAGE_SIZE, DEVICE, 1);
	write_cr3(kernel_pml4);
}
