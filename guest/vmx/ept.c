/*
 * Three trees are complete: the application's, the kernel's, and the template of domain views, in which no
 * domain has memory and only the kernel's text executes. A domain's view is the template but for the tables
 * on the way to frames of its own, of which it has copies. A change of the template reaches all views: those
 * that share a table by itself, the copies one by one.
 */
#include "vmx/ept.h"

#include "lib/errno.h"
#include "mm/kernel_map.h"
#include "mm/tlb_model.h"
#include "options.h"
#include "vmx/vmx.h"

#define EPT_READ       (1UL << 0)
#define EPT_WRITE      (1UL << 1)
#define EPT_EXECUTE    (1UL << 2)
#define EPT_RIGHTS     (EPT_READ | EPT_WRITE | EPT_EXECUTE)
#define EPT_WRITE_BACK (6UL << 3)  /* memory type of a leaf; 0: uncached */
#define EPT_PAGE       (1UL << 7)  /* the entry maps a page of more than 4 KiB */
#define EPT_OWNED      (1UL << 11) /* ignored by the CPU: the frame belongs to the domain of this view alone */
#define EPT_ADDRESS    0x000ffffffffff000UL

#define POINTER_WRITE_BACK 6UL
#define POINTER_WALK_4     (3UL << 3)

#define ENTRIES       512
#define NO_REGION     UINT64_MAX
#define SHIFT(level)  (PAGE_SHIFT + 9 * ((level)-1))
#define GIB           (1UL << 30)
#define DEVICES_START 0xc0000000UL /* as in x86/boot_info.c */
#define DEVICES_END   0x100000000UL

extern char __text_start[], __text_end[];

static struct view {
	paddr_t root;    /* 0: there is no such view */
	paddr_t number;  /* frame with the view's number */
	paddr_t region;  /* that was changed last: frames come in runs */
	uint64_t *table; /* of that region, the view's own; NULL: it shares the template's */
} views[VIEW_COUNT];

static paddr_t template;

/* Tables of the 2 MiB region that set_common() has changed last. */
static struct {
	paddr_t region;
	uint64_t *application, *template;
} tables = {.region = NO_REGION};

static paddr_t list;                                  /* the EPTP list */
static paddr_t number_page;                           /* guest-physical */
static unsigned view_end = VIEW_DOMAIN_FIRST;         /* above the highest view in use */
static uint64_t domain_rights = EPT_READ | EPT_WRITE; /* of memory in the template */

static uint64_t *table_at(uint64_t entry)
{
	return phys_to_virt(entry & EPT_ADDRESS);
}

static uint64_t *entry_at(uint64_t table, paddr_t address, unsigned level)
{
	return &table_at(table)[address >> SHIFT(level) & (ENTRIES - 1)];
}

/* Sets an entry that the CPU may have used. */
static void set_entry(unsigned view, uint64_t *entry, uint64_t value)
{
	tlb_model_ept_entry(view, *entry, value);
	*entry = value;
}

/* ---- complete trees
 * ---------------------------------------------------------------------------------------- */

static uint64_t memory_type(paddr_t address)
{
	return address >= DEVICES_START && address < DEVICES_END ? 0 : EPT_WRITE_BACK;
}

/* Replaces a large page by a table of smaller ones with the same rights. False: out of memory. */
static bool split(uint64_t *entry, unsigned level)
{
	paddr_t table = frame_alloc(NULL);
	uint64_t bits = *entry & ~EPT_ADDRESS, start = *entry & EPT_ADDRESS;

	if (!table)
		return false;
	if (level == 2)
		bits &= ~EPT_PAGE;
	for (unsigned i = 0; i < ENTRIES; i++)
		table_at(table)[i] = (start + ((uint64_t)i << SHIFT(level - 1))) | bits;
	*entry = table | EPT_RIGHTS;
	return true;
}

/* The entry of a 4 KiB page in a complete tree. NULL: out of memory. */
static uint64_t *page_entry(paddr_t root, paddr_t address)
{
	uint64_t table = root;

	for (unsigned level = 4; level > 1; level--) {
		uint64_t *entry = entry_at(table, address, level);

		if (*entry & EPT_PAGE && !split(entry, level))
			return NULL;
		table = *entry;
	}
	return entry_at(table, address, 1);
}

static paddr_t build_tree(uint64_t rights, bool large)
{
	paddr_t root = frame_alloc_zeroed(NULL), middle = frame_alloc_zeroed(NULL);
	uint64_t end = MAX(DEVICES_END, ALIGN_UP(kernel_memory_end, GIB));

	if (!root || !middle)
		return 0;
	*entry_at(root, 0, 4) = middle | EPT_RIGHTS;
	for (paddr_t address = 0; address < end; address += GIB) {
		uint64_t *entry = entry_at(middle, address, 3);

		*entry = address | rights | memory_type(address) | EPT_PAGE;
		if (!large && !split(entry, 3))
			return 0;
	}
	return root;
}

/* Lets the tree execute the kernel's text. */
static bool add_kernel_text(paddr_t root)
{
	for (char *page = __text_start; page < __text_end; page += PAGE_SIZE) {
		paddr_t address = (uint64_t)page - KERNEL_BASE;
		uint64_t *entry = page_entry(root, address);

		if (!entry)
			return false;
		*entry = address | EPT_READ | EPT_EXECUTE | EPT_WRITE_BACK;
	}
	return true;
}

/* ---- views
 * ------------------------------------------------------------------------------------------------- */

static void *list_entry_of(unsigned view)
{
	return (uint64_t *)phys_to_virt(list) + view;
}

static void publish(unsigned view)
{
	*(uint64_t *)list_entry_of(view) = views[view].root | POINTER_WRITE_BACK | POINTER_WALK_4;
}

/* Gives the view a frame that holds its number, behind `entry`. */
static bool add_number(unsigned view, uint64_t *entry)
{
	paddr_t frame = frame_alloc_zeroed(NULL);

	if (!entry || !frame)
		return false;
	*(uint32_t *)phys_to_virt(frame) = view;
	views[view].number = frame;
	*entry = frame | EPT_READ | EPT_WRITE_BACK;
	return true;
}

long ept_init(bool large)
{
	bool good;

	if (option_holds("weaken", "view-execution"))
		domain_rights |= EPT_EXECUTE;
	list = frame_alloc_zeroed(NULL);
	number_page = frame_alloc_zeroed(NULL);
	views[VIEW_APPLICATION].root = build_tree(EPT_RIGHTS, large);
	views[VIEW_KERNEL].root = build_tree(EPT_READ | EPT_WRITE, large);
	template = build_tree(domain_rights, large);
	good = list && number_page && views[VIEW_APPLICATION].root && views[VIEW_KERNEL].root && template &&
	       add_kernel_text(views[VIEW_KERNEL].root) && add_kernel_text(template) &&
	       page_entry(template, number_page);
	for (unsigned view = VIEW_APPLICATION; good && view <= VIEW_KERNEL; view++) {
		good = add_number(view, page_entry(views[view].root, number_page));
		publish(view);
	}
	return good ? 0 : -ENOMEM;
}

paddr_t ept_list(void)
{
	return list;
}

uint64_t ept_application(void)
{
	return *(uint64_t *)list_entry_of(VIEW_APPLICATION);
}

paddr_t view_page(void)
{
	return number_page;
}

unsigned ept_view_of(uint64_t pointer)
{
	unsigned view = 0;

	while (view < VIEW_COUNT && *(uint64_t *)list_entry_of(view) != pointer)
		view++;
	return view;
}

static paddr_t region_of(paddr_t address)
{
	return address >> SHIFT(2) << SHIFT(2);
}

static unsigned page_index(paddr_t address)
{
	return address >> PAGE_SHIFT & (ENTRIES - 1);
}

/* The entry of a page that the template maps by 4 KiB, in tables of the view's own. NULL: out of memory. */
static uint64_t *own_entry(struct view *view, paddr_t address)
{
	uint64_t own = view->root, shared = template;

	if (view->region == region_of(address) && view->table)
		return &view->table[page_index(address)];
	view->region = NO_REGION;
	for (unsigned level = 4; level > 1; level--) {
		uint64_t *entry = entry_at(own, address, level);

		shared = *entry_at(shared, address, level);
		if (*entry & EPT_PAGE || (*entry & EPT_ADDRESS) == (shared & EPT_ADDRESS)) {
			paddr_t copy = frame_alloc(NULL);

			if (!copy)
				return NULL;
			memcpy(phys_to_virt(copy), table_at(shared), PAGE_SIZE);
			*entry = copy | EPT_RIGHTS;
		}
		own = *entry;
	}
	view->region = region_of(address);
	view->table = table_at(own);
	return entry_at(own, address, 1);
}

/* The view's own table of the page's region, NULL: it shares that of the template. */
static uint64_t *find_table(const struct view *view, paddr_t address)
{
	uint64_t own = view->root, shared = template;

	for (unsigned level = 4; level > 1; level--) {
		uint64_t *entry = entry_at(own, address, level);

		shared = *entry_at(shared, address, level);
		if (*entry & EPT_PAGE)
			*entry = shared; /* the template's page was split */
		own = *entry;
		if ((own & EPT_ADDRESS) == (shared & EPT_ADDRESS))
			return NULL;
	}
	return table_at(own);
}

/* Brings a view up to date with the template, whose entry of that page has changed. */
static void follow_template(struct view *view, paddr_t address, uint64_t value)
{
	if (view->region != region_of(address)) {
		view->region = region_of(address);
		view->table = find_table(view, address);
	}
	if (view->table)
		set_entry((unsigned)(view - views), &view->table[page_index(address)], value);
}

/* Finds the tables of a page's region in the trees that have everything. False: out of memory. */
static bool find_tables(paddr_t address)
{
	if (tables.region == region_of(address))
		return true;
	tables.region = NO_REGION;
	tables.application = page_entry(views[VIEW_APPLICATION].root, region_of(address));
	tables.template = page_entry(template, region_of(address));
	if (!tables.application || !tables.template)
		return false;
	tables.region = region_of(address);
	return true;
}

/* Sets what the application and domains have of a page; find_tables() has found the tables. */
static void set_common(paddr_t address, uint64_t application, uint64_t domains)
{
	set_entry(VIEW_APPLICATION, &tables.application[page_index(address)], application);
	tables.template[page_index(address)] = domains;
	for (struct view *view = views + VIEW_DOMAIN_FIRST; view < views + view_end; view++)
		if (view->root)
			follow_template(view, address, domains);
}

/* ---- what the kernel asks for
 * ------------------------------------------------------------------------------ */

static bool is_view(unsigned view)
{
	return view >= VIEW_DOMAIN_FIRST && view < VIEW_COUNT && views[view].root;
}

long ept_create(void)
{
	unsigned view = VIEW_DOMAIN_FIRST;

	while (view < VIEW_COUNT && views[view].root)
		view++;
	if (view == VIEW_COUNT)
		return -ENOSPC;
	views[view].root = frame_alloc(NULL);
	if (!views[view].root)
		return -ENOMEM;
	view_end = MAX(view_end, view + 1);
	memcpy(phys_to_virt(views[view].root), phys_to_virt(template), PAGE_SIZE);
	views[view].region = NO_REGION;
	if (!add_number(view, own_entry(&views[view], number_page))) {
		ept_destroy(view);
		return -ENOMEM;
	}
	publish(view);
	return view;
}

/* Gives back what the tables below `own` hold that is not the template's, and the tables. */
static void release(uint64_t own, uint64_t shared, unsigned level)
{
	for (unsigned i = 0; i < ENTRIES; i++) {
		uint64_t entry = table_at(own)[i], other = table_at(shared)[i];
		paddr_t address = entry & EPT_ADDRESS;

		if (level > 1) {
			if (entry && !(entry & EPT_PAGE) && address != (other & EPT_ADDRESS))
				release(entry, other, level - 1);
		} else if (entry & EPT_OWNED) {
			find_tables(address); /* they are there: the frame was taken from them */
			set_common(address, address | EPT_RIGHTS | EPT_WRITE_BACK,
			           address | domain_rights | EPT_WRITE_BACK);
		}
	}
	frame_put(own & EPT_ADDRESS);
}

void ept_destroy(unsigned view)
{
	struct view gone = views[view];

	kassert(is_view(view));
	tlb_model_ept_entry(view, gone.root | EPT_RIGHTS, 0); /* its root may become that of another view */
	*(uint64_t *)list_entry_of(view) = 0;
	views[view] = (struct view){0};
	release(gone.root, template, 4);
	if (gone.number)
		frame_put(gone.number);
}

long ept_give(unsigned view, paddr_t frame, unsigned flags)
{
	uint64_t *own = find_tables(frame) ? own_entry(&views[view], frame) : NULL;
	uint64_t rights = EPT_READ | (flags & VIEW_EXECUTE ? EPT_EXECUTE : EPT_WRITE);

	kassert(is_view(view) && frame_is_managed(frame));
	if (!own)
		return -ENOMEM;
	if (!(flags & VIEW_SHARED)) {
		set_common(frame, 0, 0);
		rights |= EPT_OWNED;
	}
	set_entry(view, own, frame | rights | EPT_WRITE_BACK);
	return 0;
}
