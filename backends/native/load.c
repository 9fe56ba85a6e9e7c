#include "native/load.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "native/backend.h"
#include "native/domain.h"

#define PLACE_SIZE 0x40000000
#define PLACES     128
_Static_assert(PLACES <= (NATIVE_TEXT - NATIVE_IMAGES) / PLACE_SIZE, "the runtime follows");

/*
 * Where no memory call of the program reaches, and under the runtime's key if it has one: nobody changes what
 * has been checked. The address or -errno.
 */
static long map_bytes(uint64_t size)
{
	bool owned = native_backend && native_backend->own;
	long at = -ENOMEM, error;

	if (size > PLACE_SIZE)
		return -ENOEXEC; /* no image is so large */
	for (uint64_t place = 0; place < PLACES; place++) {
		at = native_call(SYS_mmap, (long)(NATIVE_IMAGES + place * PLACE_SIZE), (long)size,
		                 owned ? PROT_NONE : PROT_READ | PROT_WRITE,
		                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
		if (at != -EEXIST)
			break;
	}
	error = at >= 0 && owned ? native_backend->own((uint64_t)at, size) : 0;
	return error ? error : at;
}

long load_read(int file, const uint8_t **bytes, size_t *size)
{
	struct stat status;
	size_t at = 0;
	long memory, error = native_call(SYS_fstat, file, (long)&status, 0, 0, 0, 0);

	if (!error && !S_ISREG(status.st_mode))
		error = -ENOEXEC;
	if (error)
		return error;
	memory = map_bytes((uint64_t)status.st_size + 1);
	if (memory < 0)
		return memory;
	while (!error && at < (size_t)status.st_size) {
		long done = native_call(SYS_pread64, file, memory + (long)at, status.st_size - (long)at,
		                        (long)at, 0, 0);

		if (done <= 0)
			error = done ? done : -EIO;
		else
			at += (size_t)done;
	}
	*bytes = (const uint8_t *)memory;
	*size = at;
	if (error)
		load_forget(*bytes, (size_t)status.st_size);
	return error;
}

void load_forget(const uint8_t *bytes, size_t size)
{
	native_call(SYS_munmap, (long)bytes, (long)size + 1, 0, 0, 0, 0);
}

void load_segments(const struct image_plan *plan, char *at, uint64_t base)
{
	for (unsigned i = 0; i < plan->segment_count; i++)
		memcpy(at + plan->segments[i].address, plan->bytes + plan->segments[i].file_offset,
		       plan->segments[i].file_size);
	for (uint64_t i = 0; i < plan->relocation_count; i++) {
		struct image_relocation relocation = image_relocation(plan, i);
		uint64_t value = base + relocation.value;

		memcpy(at + relocation.target, &value, sizeof(value));
	}
}

struct load_range load_range(const struct image_segment *segment)
{
	const uint64_t within = PORTCULLIS_PAGE_SIZE - 1;
	uint64_t start = segment->address & ~within;

	return (struct load_range){
	        start,
	        ((segment->address + segment->memory_size + within) & ~within) - start,
	        PROT_READ | (segment->rights & IMAGE_WRITE ? PROT_WRITE : 0) |
	                (segment->rights & IMAGE_EXECUTE ? PROT_EXEC : 0),
	};
}
