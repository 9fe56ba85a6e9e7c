#include "pku/watch.h"

#include "domain/switch.h"
#include "mm/heap.h"
#include "mm/pagetable.h"
#include "options.h"
#include "pku/scan.h"
#include "pku/step.h"
#include "proc/process.h"
#include "x86/cpu.h"

#define WATCH_COUNT 3

/* SDM vol. 3B, 17.2: local enable of DR0 to DR2 in DR7, and their hits in DR6; length and type 0 mean an
 * instruction. */
#define DR7_LOCAL(n) (1UL << 2 * (n))
#define DR7_OURS     (DR7_LOCAL(0) | DR7_LOCAL(1) | DR7_LOCAL(2))
#define DR6_OURS     7UL

/* The watchpoints of a space. */
struct watch {
	struct {
		uint64_t page;    /* that holds the sequence */
		uint64_t address; /* behind the sequence; 0: free */
	} points[WATCH_COUNT];
	unsigned next; /* point whose page loses its own next */
};

static const struct watch *loaded; /* in this CPU's registers; NULL: none */

/* ---- registers --------------------------------------------------------------------------------------------
 */

static void load(const struct watch *watch)
{
	uint64_t dr7 = read_dr7() & ~DR7_OURS;

	write_dr0(watch->points[0].address);
	write_dr1(watch->points[1].address);
	write_dr2(watch->points[2].address);
	for (unsigned i = 0; i < WATCH_COUNT; i++)
		if (watch->points[i].address)
			dr7 |= DR7_LOCAL(i);
	write_dr7(dr7);
	loaded = watch;
}

static void unload(void)
{
	if (!loaded)
		return;
	write_dr7(read_dr7() & ~DR7_OURS);
	loaded = NULL;
}

void watch_switch_out(struct thread *previous)
{
	(void)previous;
	unload();
}

void watch_switch_in(struct thread *next)
{
	const struct watch *watch = next->process->space->guard_state;

	if (watch)
		load(watch);
	else
		unload();
}

bool watch_is_hit(const struct space *space, const struct regs *regs, uint64_t dr6)
{
	const struct watch *watch = space->guard_state;

	if (!watch || !(dr6 & DR6_OURS))
		return false;
	for (unsigned i = 0; i < WATCH_COUNT; i++)
		if (watch->points[i].address == regs->rip)
			return true;
	return false;
}

/* ---- finding ----------------------------------------------------------------------------------------------
 */

/* Contents of the page at `address`, NULL: there is none. */
static const uint8_t *contents(paddr_t pml4, uint64_t address)
{
	const uint64_t *entry = pagetable_entry(pml4, address);

	return entry && *entry ? phys_to_virt(*entry & PTE_ADDRESS) : NULL;
}

/*
 * The WRPKRU whose first opcode byte is among the last `size` bytes of the page: the addresses behind them go
 * to `behind`. How many there are; WATCH_COUNT + 1 stands for more than WATCH_COUNT. One whose prefixes lie
 * in this page but whose opcode starts in the next belongs to that one.
 */
static unsigned find(paddr_t pml4, uint64_t page, size_t size, uint64_t behind[WATCH_COUNT])
{
	const uint8_t *bytes = contents(pml4, page), *after = contents(pml4, page + PAGE_SIZE);
	struct stray_text text = {
	        .bytes = bytes + PAGE_SIZE - size,
	        .size = size,
	        .after = after,
	        .after_size = after ? STRAY_OPCODE_SIZE - 1 : 0,
	};
	struct stray stray;
	size_t cursor = 0;
	unsigned count = 0;

	while (stray_next(&text, &cursor, &stray)) {
		if (stray.kind != STRAY_WRPKRU || text.bytes[stray.last] != STRAY_OPCODE_FIRST)
			continue;
		if (count == WATCH_COUNT)
			return WATCH_COUNT + 1;
		behind[count++] = page + PAGE_SIZE - size + stray.last + STRAY_OPCODE_SIZE;
	}
	return count;
}

/* ---- pages ------------------------------------------------------------------------------------------------
 */

static bool is_executable(const uint64_t *entry)
{
	return entry && *entry & PTE_P && !(*entry & PTE_NX);
}

static void close(struct space *space, uint64_t page)
{
	uint64_t *entry = pagetable_entry(space->pml4, page);

	if (!is_executable(entry))
		return;
	*entry |= PTE_NX;
	space_flush_page(space, page);
}

static unsigned count_free(const struct watch *watch)
{
	unsigned count = 0;

	for (unsigned i = 0; i < WATCH_COUNT; i++)
		count += !watch->points[i].address;
	return count;
}

static void release_points(struct watch *watch, uint64_t page)
{
	for (unsigned i = 0; i < WATCH_COUNT; i++)
		if (watch->points[i].page == page)
			watch->points[i].address = watch->points[i].page = 0;
}

/* Gives the page's sequences their watchpoints. False: out of memory. */
static bool arm(struct space *space, uint64_t page, const uint64_t *behind, unsigned count)
{
	struct watch *watch = space->guard_state;

	if (!watch)
		watch = space->guard_state = kzalloc(sizeof(*watch));
	if (!watch)
		return false;
	release_points(watch, page);
	while (count_free(watch) < count) {
		uint64_t loser = watch->points[watch->next].page;

		watch->next = (watch->next + 1) % WATCH_COUNT;
		if (!loser)
			continue;
		close(space, loser);
		release_points(watch, loser);
	}
	for (unsigned i = 0; count; i++) {
		if (watch->points[i].address)
			continue;
		watch->points[i].page = page;
		watch->points[i].address = behind[--count];
	}
	load(watch);
	return true;
}

static bool is_armed(const struct space *space, uint64_t page, uint64_t behind)
{
	const struct watch *watch = space->guard_state;

	for (unsigned i = 0; watch && i < WATCH_COUNT; i++)
		if (watch->points[i].page == page && watch->points[i].address == behind)
			return true;
	return false;
}

/* The page behind this one has become executable, so that a sequence may run across the border. */
static void look_again(struct space *space, uint64_t page)
{
	uint64_t behind[WATCH_COUNT];

	if (is_executable(pagetable_entry(space->pml4, page)) &&
	    find(space->pml4, page, STRAY_OPCODE_SIZE - 1, behind) && !is_armed(space, page, behind[0]))
		close(space, page);
}

static void fetch(struct space *space, uint64_t page, uint64_t *entry)
{
	uint64_t behind[WATCH_COUNT], rip = current_thread()->regs->rip;
	unsigned count = find(space->pml4, page, PAGE_SIZE, behind);
	/* An instruction that reaches from one such page into another might need more watchpoints than there
	 * are. */
	bool across = (rip & PAGE_MASK) != page;

	kassert(!(*entry & PTE_W));
	if (count > WATCH_COUNT || (count && across) || (count && !arm(space, page, behind, count))) {
		*entry |= PTE_GUARDED;
		step_wanted(rip);
		return;
	}
	*entry &= ~(PTE_NX | PTE_GUARDED);
	look_again(space, page - PAGE_SIZE);
}

static void release(struct space *space)
{
	if (loaded == space->guard_state)
		unload();
	kfree(space->guard_state);
	space->guard_state = NULL;
}

const struct fetch_guard *watch_guard(void)
{
	static const struct fetch_guard guard = {fetch, release};

	return option_holds("weaken", "watch") ? NULL : &guard;
}

void watch_domain(struct domain *domain)
{
	uint64_t address = domain->base + PORTCULLIS_IMAGE_OFFSET, end = address + domain->image_size;
	uint64_t behind[WATCH_COUNT], *entry;

	if (!watch_guard())
		return;
	for (; (entry = pagetable_next(domain->pml4, &address, end)); address += PAGE_SIZE)
		if (is_executable(entry) && find(domain->pml4, address, PAGE_SIZE, behind))
			*entry |= PTE_NX | PTE_GUARDED;
}
