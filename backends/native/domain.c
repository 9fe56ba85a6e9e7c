#include "native/domain.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define ARCH_SET_GS 0x1001 /* asm/prctl.h */

const struct native_backend *native_backend;

static struct native_domain domains[NATIVE_DOMAINS_MAX];
static uint64_t next_client = 1;
static const char *reason = ""; /* of the last failed attach */
static uint64_t thread_page[1 + PORTCULLIS_THREAD_PAGE_SLOT / sizeof(uint64_t)];

static uint64_t image_base(const struct native_domain *domain)
{
	return domain->base + PORTCULLIS_IMAGE_OFFSET;
}

static struct portcullis_gate_data *gate_data(const struct native_domain *domain)
{
	return (struct portcullis_gate_data *)(domain->base + PORTCULLIS_GATE_DATA_OFFSET);
}

unsigned domain_number(const struct native_domain *domain)
{
	return (unsigned)(domain - domains);
}

uint64_t domain_function(const struct native_domain *domain, unsigned index)
{
	return image_base(domain) + image_entry(&domain->plan, index).function;
}

static uint64_t open_domain(const struct native_domain *domain)
{
	return native_backend->open ? native_backend->open(domain) : 0;
}

static void close_domain(const struct native_domain *domain, uint64_t opened)
{
	if (native_backend->close)
		native_backend->close(domain, opened);
}

long domain_thread_page(void)
{
	return native_call(SYS_arch_prctl, ARCH_SET_GS, (long)thread_page, 0, 0, 0, 0);
}

/* The domain that holds `address`, NULL: none. */
static struct native_domain *domain_at(uint64_t address)
{
	for (unsigned i = 0; i < NATIVE_DOMAINS_MAX; i++)
		if (domains[i].base && address - domains[i].base < PORTCULLIS_DOMAIN_SIZE)
			return &domains[i];
	return NULL;
}

bool domain_holds(uint64_t address)
{
	return domain_at(address);
}

uint64_t domain_fixup(uint64_t instruction, uint64_t address)
{
	const struct native_domain *domain = domain_at(instruction);

	if (!domain || address - domain->base < PORTCULLIS_DOMAIN_SIZE ||
	    instruction < image_base(domain) + domain->plan.copy_start ||
	    instruction >= image_base(domain) + domain->plan.copy_end)
		return 0;
	return image_base(domain) + domain->plan.copy_fixup;
}

/* ---- memory -----------------------------------------------------------------------------------------------
 */

static long map(uint64_t address, uint64_t size, int rights)
{
	long result = native_call(SYS_mmap, (long)address, (long)size, rights,
	                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);

	if (result < 0)
		return result;
	return (uint64_t)result == address ? 0 : -EEXIST; /* a kernel that takes the address for a hint */
}

/* Fills and relocates the image, then takes the rights away that its segments do not have. */
static long load(struct native_domain *domain)
{
	const struct image_plan *plan = &domain->plan;
	uint64_t base = image_base(domain);
	long error = map(base, plan->memory_size, PROT_READ | PROT_WRITE);

	if (error)
		return error;
	for (unsigned i = 0; i < plan->segment_count; i++)
		memcpy((char *)base + plan->segments[i].address, plan->bytes + plan->segments[i].file_offset,
		       plan->segments[i].file_size);
	for (uint64_t i = 0; i < plan->relocation_count; i++) {
		struct image_relocation relocation = image_relocation(plan, i);
		uint64_t value = base + relocation.value;

		memcpy((char *)base + relocation.target, &value, sizeof(value));
	}
	for (unsigned i = 0; i < plan->segment_count && !error; i++) {
		const struct image_segment *segment = &plan->segments[i];
		uint64_t start = (base + segment->address) & ~(uint64_t)(PORTCULLIS_PAGE_SIZE - 1);
		int rights = PROT_READ | (segment->rights & IMAGE_WRITE ? PROT_WRITE : 0) |
		             (segment->rights & IMAGE_EXECUTE ? PROT_EXEC : 0);

		error = native_call(SYS_mprotect, (long)start,
		                    (long)(base + segment->address + segment->memory_size - start), rights, 0,
		                    0, 0);
	}
	return error;
}

/* Gate data, heap and stacks. Every thread is the one client. */
static long map_rest(struct native_domain *domain)
{
	const struct portcullis_image *image = &domain->plan.descriptor;
	struct portcullis_gate_data *data = gate_data(domain);
	uint64_t top = domain->base + PORTCULLIS_STACKS_OFFSET;
	long error = map((uint64_t)data, PORTCULLIS_GATE_DATA_SIZE, PROT_READ | PROT_WRITE);

	if (!error)
		error = map(domain->base + PORTCULLIS_HEAP_OFFSET, image->heap_limit, PROT_READ | PROT_WRITE);
	if (error)
		return error;
	data->magic = PORTCULLIS_GATE_DATA_MAGIC;
	data->entry_count = image->entry_count;
	data->heap_limit = image->heap_limit;
	data->clients[0] = (struct portcullis_client){next_client++, 0,
	                                              (uint32_t)native_call(SYS_getpid, 0, 0, 0, 0, 0, 0),
	                                              (uint32_t)native_call(SYS_geteuid, 0, 0, 0, 0, 0, 0),
	                                              (uint32_t)native_call(SYS_getegid, 0, 0, 0, 0, 0, 0)};
	for (unsigned slot = 0; slot < NATIVE_SLOTS && !error; slot++) {
		top += PORTCULLIS_STACK_STRIDE;
		error = map(top - image->stack_size, image->stack_size, PROT_READ | PROT_WRITE);
		data->threads[slot] =
		        (struct portcullis_thread){.stack_top = top, .client = (uint64_t)&data->clients[0]};
	}
	return error;
}

static void unmap(struct native_domain *domain)
{
	native_call(SYS_munmap, (long)domain->base, PORTCULLIS_DOMAIN_SIZE, 0, 0, 0, 0);
	native_call(SYS_munmap, (long)domain->plan.bytes, (long)domain->plan.size, 0, 0, 0, 0);
	memset(domain, 0, sizeof(*domain));
}

/* ---- leaving ----------------------------------------------------------------------------------------------
 */

static bool is_called(unsigned number)
{
	for (unsigned i = 0; i < NATIVE_DOMAINS_MAX; i++)
		if (domains[i].base && domains[i].calls[number])
			return true;
	return false;
}

static void leave(struct native_domain *domain)
{
	uint64_t opened = open_domain(domain);

	if (domain->plan.teardown)
		((void (*)(const struct portcullis_client *))(image_base(domain) + domain->plan.teardown))(
		        &gate_data(domain)->clients[0]);
	close_domain(domain, opened);
	unmap(domain);
}

/* Libraries that were attached because others called them, and now none does. */
static void leave_uncalled(void)
{
	bool again = true;

	while (again) {
		again = false;
		for (unsigned i = 0; i < NATIVE_DOMAINS_MAX; i++) {
			if (!domains[i].base || domains[i].by_application || is_called(i))
				continue;
			leave(&domains[i]);
			again = true; /* which may have been the only one that called another */
		}
	}
}

long domain_detach(long number, bool from_library)
{
	if (from_library)
		return -EPERM;
	if (number < 0 || number >= NATIVE_DOMAINS_MAX || !domains[number].base ||
	    !domains[number].by_application)
		return -EINVAL;
	if (is_called((unsigned)number))
		return -EBUSY;
	leave(&domains[number]);
	leave_uncalled();
	return 0;
}

/* ---- attaching --------------------------------------------------------------------------------------------
 */

/* A private copy of the file, which nobody else can change. */
static long read_image(const char *path, struct native_domain *domain)
{
	long file = native_call(SYS_openat, AT_FDCWD, (long)path, O_RDONLY | O_CLOEXEC, 0, 0, 0);
	long error, bytes = 0;
	struct stat status;
	size_t at = 0;

	if (file < 0)
		return file;
	error = native_call(SYS_fstat, file, (long)&status, 0, 0, 0, 0);
	if (!error && !S_ISREG(status.st_mode))
		error = -ENOEXEC;
	if (!error) {
		bytes = native_call(SYS_mmap, 0, status.st_size + 1, PROT_READ | PROT_WRITE,
		                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		error = bytes < 0 ? bytes : 0;
	}
	while (!error && at < (size_t)status.st_size) {
		long done = native_call(SYS_read, file, bytes + (long)at, status.st_size - (long)at, 0, 0, 0);

		if (done <= 0)
			error = done ? done : -EIO;
		else
			at += (size_t)done;
	}
	native_call(SYS_close, file, 0, 0, 0, 0, 0);
	if (error) {
		if (bytes > 0)
			native_call(SYS_munmap, bytes, status.st_size + 1, 0, 0, 0, 0);
		return error;
	}
	domain->plan.bytes = (const uint8_t *)bytes;
	domain->plan.size = at;
	domain->device = status.st_dev;
	domain->inode = status.st_ino;
	return 0;
}

static long check(const struct native_domain *domain, uint64_t interface, unsigned count)
{
	const struct portcullis_image *image = &domain->plan.descriptor;

	return image->interface == interface && image->entry_count == count ? 0 : -ESTALE;
}

static long initialise(struct native_domain *domain)
{
	uint64_t opened = open_domain(domain);
	int result = 0;

	if (domain->plan.init)
		result = ((int (*)(void))(image_base(domain) + domain->plan.init))();
	close_domain(domain, opened);
	return result < 0 ? result : 0;
}

/* A new domain at `domain`, from the image that read_image() has read there. */
static long create(struct native_domain *domain, uint64_t interface, unsigned count)
{
	const char *wrong = image_parse(domain->plan.bytes, domain->plan.size, &domain->plan);
	long error;

	if (wrong) {
		reason = wrong;
		return -ENOEXEC;
	}
	error = check(domain, interface, count);
	if (error)
		return error;
	domain->base = PORTCULLIS_DOMAINS_START + (uint64_t)(domain - domains) * PORTCULLIS_DOMAIN_SIZE;
	error = load(domain);
	if (!error)
		error = map_rest(domain);
	if (!error && native_backend->protect)
		error = native_backend->protect(domain);
	if (!error)
		error = initialise(domain);
	return error;
}

static struct native_domain *find_free(void)
{
	for (unsigned i = 0; i < NATIVE_DOMAINS_MAX; i++)
		if (!domains[i].base)
			return &domains[i];
	return NULL;
}

static struct native_domain *find_attached(const struct native_domain *same)
{
	for (unsigned i = 0; i < NATIVE_DOMAINS_MAX; i++)
		if (domains[i].base && domains[i].device == same->device && domains[i].inode == same->inode)
			return &domains[i];
	return NULL;
}

static void discard(struct native_domain *fresh)
{
	native_call(SYS_munmap, (long)fresh->plan.bytes, (long)fresh->plan.size, 0, 0, 0, 0);
}

/* The domain of the image at `path`: the one that is attached, or a new one. 0: *found is it. */
static long find_or_create(const char *path, uint64_t interface, unsigned count, bool from_library,
                           struct native_domain **found)
{
	struct native_domain fresh = {0}, *domain = find_free();
	long error = read_image(path, &fresh);

	if (error)
		return error;
	*found = find_attached(&fresh);
	if (*found) {
		discard(&fresh);
		return !from_library && (*found)->by_application ? -EEXIST : check(*found, interface, count);
	}
	if (!domain) {
		discard(&fresh);
		return -ENOSPC;
	}
	*domain = fresh;
	*found = domain;
	error = create(domain, interface, count);
	if (error)
		unmap(domain);
	return error;
}

long domain_attach(const char *path, unsigned flags, uint64_t interface, uint64_t *slots, unsigned count)
{
	struct native_domain *from = domain_at((uint64_t)slots), *domain;
	long error;

	reason = "";
	if (flags & ~PORTCULLIS_SHARED)
		return -EINVAL;
	if (flags & PORTCULLIS_SHARED) {
		reason = "processes cannot share a library on Linux";
		return -EPERM;
	}
	error = find_or_create(path, interface, count, from, &domain);
	if (error)
		return error;
	for (unsigned i = 0; i < count && !error; i++) {
		uint64_t entry =
		        native_backend->entry ? native_backend->entry(domain, i) : domain_function(domain, i);

		error = user_write(&slots[i], &entry, sizeof(entry));
	}
	if (error) {
		if (!domain->by_application && !is_called((unsigned)(domain - domains)))
			leave(domain);
		return error;
	}
	if (from)
		from->calls[domain - domains] = true;
	else
		domain->by_application = true;
	return domain - domains;
}

long domain_info(unsigned what, char *to, size_t size, long number)
{
	const char *text = "";
	size_t length;
	long error;

	if (what == PORTCULLIS_INFO_BACKEND)
		text = native_backend->name;
	else if (what == PORTCULLIS_INFO_REASON)
		text = reason;
	else if (what != PORTCULLIS_INFO_FAILURE || number < 0 || number >= NATIVE_DOMAINS_MAX ||
	         !domains[number].base)
		return -EINVAL;
	if (!size)
		return -EINVAL;
	length = strnlen(text, size - 1);
	error = user_write(to, text, length);
	if (!error)
		error = user_write(to + length, "", 1);
	return error ? error : (long)length;
}
