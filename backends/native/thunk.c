#include "native/thunk.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#define THUNK_SIZE 32

uint64_t thunk_address(const struct native_domain *domain, unsigned index)
{
	return domain->base + PORTCULLIS_GATE_OFFSET + (uint64_t)index * THUNK_SIZE;
}

/* movabs $domain, %r11; mov $index, %eax; movabs $gate, %r10; jmp *%r10 */
static void write_thunk(uint8_t *code, const struct native_domain *domain, uint32_t index, void (*gate)(void))
{
	static const uint8_t words[THUNK_SIZE] = {0x49, 0xbb,        [10] = 0xb8, [15] = 0x49,
	                                          0xba, [25] = 0x41, 0xff,        0xe2};

	memcpy(code, words, sizeof(words));
	memcpy(code + 2, &domain, sizeof(domain));
	memcpy(code + 11, &index, sizeof(index));
	memcpy(code + 17, &gate, sizeof(gate));
}

long thunks_make(const struct native_domain *domain, void (*gate)(void), uint32_t vector)
{
	unsigned count = domain->plan.descriptor.entry_count;
	uint64_t size =
	        (count * THUNK_SIZE + PORTCULLIS_PAGE_SIZE - 1) & ~(uint64_t)(PORTCULLIS_PAGE_SIZE - 1);
	long start = (long)thunk_address(domain, 0);
	long result = native_call(SYS_mmap, start, (long)size, PROT_READ | PROT_WRITE,
	                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	if (result != start)
		return result < 0 ? result : -EEXIST;
	for (unsigned i = 0; i < count; i++)
		write_thunk((uint8_t *)thunk_address(domain, i), domain,
		            i | (image_entry(&domain->plan, i).flags & PORTCULLIS_ENTRY_VECTOR ? vector : 0),
		            gate);
	return native_call(SYS_mprotect, start, (long)size, PROT_READ | PROT_EXEC, 0, 0, 0);
}
