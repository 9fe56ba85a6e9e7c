#include "mm/pagetable.h"

static inline unsigned index_at(uint64_t address, unsigned level)
{
	return address >> LEVEL_SHIFT(level) & (TABLE_ENTRIES - 1);
}

static inline uint64_t *table_at(uint64_t entry)
{
	return phys_to_virt(entry & PTE_ADDRESS);
}

/* The first entry of [entry, end) that is not 0, or `end`: an empty table costs no more than clearing it did.
 */
static inline uint64_t *next_populated(uint64_t *entry, uint64_t *end)
{
	uint64_t count = (uint64_t)(end - entry);
	bool found;

	if (entry == end)
		return end;
	__asm__ volatile("repe scasq" : "+D"(entry), "+c"(count), "=@ccne"(found) : "a"(0UL) : "memory");
	return found ? entry - 1 : end;
}

uint64_t *pagetable_entry(paddr_t pml4, uint64_t address)
{
	uint64_t *table = phys_to_virt(pml4);

	for (unsigned level = 4; level > 1; level--) {
		uint64_t entry = table[index_at(address, level)];

		if (!(entry & PTE_P) || (entry & PTE_PS))
			return NULL;
		table = table_at(entry);
	}
	return &table[index_at(address, 1)];
}

/* The table below `entry`, made when there is none. NULL: out of memory, or the entry maps a page. */
static uint64_t *table_below(uint64_t *entry, uint64_t bits, struct account *account)
{
	if (*entry & PTE_PS)
		return NULL;
	if (!*entry) {
		paddr_t frame = frame_alloc_zeroed(account);

		if (!frame)
			return NULL;
		*entry = frame | bits;
	}
	return table_at(*entry);
}

static uint64_t table_bits(uint64_t address)
{
	return address >> 63 ? PTE_P | PTE_W : PTE_P | PTE_W | PTE_U;
}

uint64_t *pagetable_create(paddr_t pml4, uint64_t address, struct account *account)
{
	uint64_t *table = phys_to_virt(pml4);

	for (unsigned level = 4; level > 1; level--) {
		table = table_below(&table[index_at(address, level)], table_bits(address), account);
		if (!table)
			return NULL;
	}
	return &table[index_at(address, 1)];
}

uint64_t *pagetable_next(paddr_t pml4, uint64_t *address, uint64_t end)
{
	while (*address < end) {
		uint64_t *table = phys_to_virt(pml4), *entry;
		unsigned level = 4;

		while (level > 1 && table[index_at(*address, level)])
			table = table_at(table[index_at(*address, level--)]);
		entry = next_populated(&table[index_at(*address, level)], table + TABLE_ENTRIES);
		*address = (*address & ~(LEVEL_SIZE(level) * TABLE_ENTRIES - 1)) +
		           (uint64_t)(entry - table) * LEVEL_SIZE(level);
		if (level == 1 && entry < table + TABLE_ENTRIES)
			return *address < end ? entry : NULL;
	}
	return NULL;
}

/* Does pagetable_free_hole() for the tables below `table`, whose first entry maps `base`. */
static void free_below(uint64_t *table, unsigned level, uint64_t base, uint64_t start, uint64_t end,
                       uint64_t floor, uint64_t ceiling)
{
	uint64_t *first = start <= base ? table : &table[index_at(start, level)];
	uint64_t *last = table + TABLE_ENTRIES; /* exclusive */

	if (end - base < LEVEL_SIZE(level) * TABLE_ENTRIES)
		last = table + ((end - base + LEVEL_SIZE(level) - 1) >> LEVEL_SHIFT(level));
	for (uint64_t *entry = first; (entry = next_populated(entry, last)) < last; entry++) {
		uint64_t from = base + (uint64_t)(entry - table) * LEVEL_SIZE(level),
		         to = from + LEVEL_SIZE(level);

		if (level == 1) {
			frame_put(*entry & PTE_ADDRESS);
		} else if (from >= floor && to <= ceiling) {
			free_below(table_at(*entry), level - 1, from, from, to, from, to);
			frame_put(*entry & PTE_ADDRESS);
			*entry = 0;
		} else if (level > 2) {
			free_below(table_at(*entry), level - 1, from, start, end, floor, ceiling);
		}
	}
}

void pagetable_free_hole(paddr_t pml4, uint64_t start, uint64_t end, uint64_t floor, uint64_t ceiling)
{
	if (start < end)
		free_below(phys_to_virt(pml4), 4, 0, start, end, floor, ceiling);
}

void pagetable_free(paddr_t pml4, uint64_t start, uint64_t end)
{
	pagetable_free_hole(pml4, start, end, start, end);
}

void pagetable_map_kernel(paddr_t pml4, uint64_t address, paddr_t frame, uint64_t size, uint64_t bits,
                          unsigned level_max)
{
	for (uint64_t done = 0, step; done < size; done += step) {
		uint64_t *table = phys_to_virt(pml4), *entry;
		unsigned level = level_max;

		while (level > 1 && (((address + done) | (frame + done)) & (LEVEL_SIZE(level) - 1) ||
		                     size - done < LEVEL_SIZE(level)))
			level--;
		for (unsigned above = 4; above > level; above--) {
			table = table_below(&table[index_at(address + done, above)], table_bits(address),
			                    NULL);
			if (!table)
				panic("no memory for the kernel's page tables");
		}
		entry = &table[index_at(address + done, level)];
		*entry = (frame + done) | bits | (level > 1 ? PTE_PS : 0);
		step = LEVEL_SIZE(level);
	}
}
