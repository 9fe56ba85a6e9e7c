/* Regions of a library in a domain: the kernel maps them. */
#include "library/domain.h"
#include "portcullis/wire.h"
#include "wire/region.h"

int wire_regions(uint64_t name, unsigned end, struct wire_region **own, const struct wire_region **other)
{
	uintptr_t base = domain_base();

	*own = (struct wire_region *)(base + PORTCULLIS_WIRE_OFFSET);
	*other = (const struct wire_region *)(base + PORTCULLIS_WIRE_PEER_OFFSET);
	return (int)portcullis_system_call(PORTCULLIS_SYS_WIRE_MAP, (long)*own, WIRE_SIZE, (long)name, end, 0,
	                                   0);
}
