/*
 * For each CR3 whose translations the TLB may hold there is a copy of its last-level tables, as they were at
 * the last flush or return to user mode, whichever came later for each entry. What the tables have lost since
 * then, the TLB may still have. The upper half never loses anything.
 */
#include "mm/tlb_model.h"

#include "mm/heap.h"
#include "mm/layout.h"
#include "mm/pagetable.h"
#include "options.h"
#include "vmx/vmx.h"

#define MODELS    8 /* a CR3 that is one too many takes the place of another: what that one had is forgotten */
#define PCID_MASK 0xfffUL
#define CR3_KEEP  (1UL << 63) /* MOV to CR3 flushes nothing */

struct table {
	struct table *next;
	uint64_t base;     /* first address that it maps */
	paddr_t frame;     /* of the table itself; 0: there was none */
	uint64_t *entries; /* the copy */
};

static struct model {
	uint64_t cr3; /* PML4 and PCID; 0: none */
	struct table *tables;
} models[MODELS];

static void ensure(const void *memory)
{
	if (!memory)
		panic("no memory for the model of the TLB");
}

/* ---- copies
 * ------------------------------------------------------------------------------------------------ */

static paddr_t pml4_of(const struct model *model)
{
	return model->cr3 & PTE_ADDRESS;
}

static struct table *find_table(struct model *model, uint64_t base)
{
	struct table *table = model->tables;

	while (table && table->base != base)
		table = table->next;
	return table;
}

static struct table *add_table(struct model *model, uint64_t base)
{
	struct table *table = kzalloc(sizeof(*table));
	paddr_t frame = frame_alloc_zeroed(NULL);

	ensure(table);
	ensure(frame ? table : NULL);
	*table = (struct table){.next = model->tables, .base = base, .entries = phys_to_virt(frame)};
	model->tables = table;
	return table;
}

static void forget(struct model *model)
{
	while (model->tables) {
		struct table *table = model->tables;

		model->tables = table->next;
		frame_put(virt_to_phys(table->entries));
		kfree(table);
	}
	model->cr3 = 0;
}

/* Takes over what the page tables hold now: all of it, or that of tables which the model does not have yet.
 */
static void fill(struct model *model, bool all)
{
	uint64_t address = 0, *entry;

	for (; (entry = pagetable_next(pml4_of(model), &address, LOWER_HALF_END)); address += LEVEL_SIZE(2)) {
		const uint64_t *entries = (const uint64_t *)((uint64_t)entry & PAGE_MASK);
		struct table *table;

		address &= ~(LEVEL_SIZE(2) - 1);
		table = find_table(model, address);
		if (table && !all)
			continue;
		if (!table)
			table = add_table(model, address);
		table->frame = virt_to_phys(entries);
		memcpy(table->entries, entries, PAGE_SIZE);
	}
}

static struct model *find_model(uint64_t cr3)
{
	for (unsigned i = 0; i < MODELS; i++)
		if (models[i].cr3 && !((models[i].cr3 ^ cr3) & ~CR3_KEEP))
			return &models[i];
	return NULL;
}

static struct model *add_model(uint64_t cr3)
{
	static unsigned last;
	struct model *model = &models[last++ % MODELS];

	forget(model);
	model->cr3 = cr3 & ~CR3_KEEP;
	return model;
}

/* ---- flushes
 * ----------------------------------------------------------------------------------------------- */

void tlb_model_cr3(uint64_t cr3)
{
	struct model *model = find_model(cr3);

	if (!(cr3 & CR3_KEEP)) {
		for (unsigned i = 0; i < MODELS; i++)
			if (models[i].cr3 && !((models[i].cr3 ^ cr3) & PCID_MASK))
				forget(&models[i]);
		model = NULL;
	}
	fill(model ? model : add_model(cr3), false);
}

void tlb_model_all(void)
{
	for (unsigned i = 0; i < MODELS; i++)
		forget(&models[i]);
	fill(add_model(read_cr3()), true);
}

static const uint64_t *current_entries(const struct model *model, const struct table *table)
{
	return pagetable_entry(pml4_of(model), table->base);
}

/* INVLPG also drops all cached entries of tables above the last level. */
static void flush_page(struct model *model, uint64_t address)
{
	for (struct table *table = model->tables; table; table = table->next) {
		const uint64_t *now = current_entries(model, table);
		uint64_t index = (address - table->base) >> PAGE_SHIFT;

		table->frame = now ? virt_to_phys(now) : 0;
		if (index < TABLE_ENTRIES)
			table->entries[index] = now ? now[index] : 0;
	}
}

void tlb_model_page(uint64_t address)
{
	uint64_t cr3 = read_cr3();

	for (unsigned i = 0; i < MODELS; i++)
		if (models[i].cr3 && !((models[i].cr3 ^ cr3) & PCID_MASK))
			flush_page(&models[i], address);
}

bool tlb_model_leaves_out(const char *name)
{
	return option_holds("weaken", name);
}

/* ---- the check
 * --------------------------------------------------------------------------------------------- */

static bool has_lost(uint64_t old, uint64_t now)
{
	const uint64_t same = PTE_ADDRESS | 0xfUL << PTE_KEY_SHIFT, given = PTE_P | PTE_W | PTE_U;

	if (!(old & PTE_P))
		return false;
	return (old ^ now) & same || old & ~now & given || now & ~old & PTE_NX;
}

static bool is_equal(const uint64_t *a, const uint64_t *b)
{
	uint64_t count = TABLE_ENTRIES;
	bool equal;

	__asm__ volatile("repe cmpsq" : "+S"(a), "+D"(b), "+c"(count), "=@cce"(equal) : : "memory");
	return equal;
}

static void check_table(const struct model *model, const struct table *table)
{
	const uint64_t *now = current_entries(model, table);

	if (table->frame && table->frame != (now ? virt_to_phys(now) : 0))
		panic("TLB: in view %u the page table of %lx was replaced, and nothing was flushed",
		      view_current(), table->base);
	if (now && is_equal(table->entries, now))
		return;
	for (uint64_t i = 0; i < TABLE_ENTRIES; i++)
		if (has_lost(table->entries[i], now ? now[i] : 0))
			panic("TLB: in view %u the page %lx lost rights (entry %lx, now %lx), and was not "
			      "flushed",
			      view_current(), table->base + i * PAGE_SIZE, table->entries[i],
			      now ? now[i] : 0);
}

void tlb_model_check(void)
{
	uint64_t cr3 = read_cr3();
	struct model *model = find_model(cr3);

	for (struct table *table = model ? model->tables : NULL; table; table = table->next)
		check_table(model, table);
	fill(model ? model : add_model(cr3), true);
}

/* ---- EPT
 * --------------------------------------------------------------------------------------------------- */

#define EPT_RIGHTS 7UL

static struct {
	bool due;
	unsigned view;
	paddr_t address;
} ept_flush;

void tlb_model_ept_entry(unsigned view, uint64_t old, uint64_t new)
{
	if (!(old & EPT_RIGHTS) || (!(old & ~new &EPT_RIGHTS) && !((old ^ new) & PTE_ADDRESS)))
		return;
	ept_flush.due = true;
	ept_flush.view = view;
	ept_flush.address = old & PTE_ADDRESS;
}

void tlb_model_ept_flush(void)
{
	ept_flush.due = false;
}

void tlb_model_ept_check(void)
{
	if (ept_flush.due)
		panic("EPT: view %u lost rights to the frame %lx, and there was no INVEPT", ept_flush.view,
		      ept_flush.address);
}
