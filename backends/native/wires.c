#include "native/wires.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "portcullis/wire.h"

struct end {
	unsigned process; /* index, 0: nobody has it */
	unsigned number;  /* of its domain there */
	int memory;       /* memfd of its region */
	uint32_t *state;  /* the region's first word, PORTCULLIS_WIRE_* */
};

static struct wire {
	uint64_t name;
	uint64_t size;          /* of each region; 0: there is no such wire */
	uint64_t device, inode; /* of the image */
	struct end ends[2];
	bool used_up; /* an end is gone */
} wires[PORTCULLIS_WIRES];

static bool make_region(struct end *end, uint64_t size)
{
	end->memory = memfd_create("wire", MFD_CLOEXEC);
	if (end->memory < 0 || ftruncate(end->memory, (off_t)size) < 0)
		return false;
	end->state = mmap(NULL, PORTCULLIS_PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, end->memory, 0);
	return end->state != MAP_FAILED;
}

static void destroy(struct wire *wire)
{
	for (unsigned i = 0; i < 2; i++) {
		if (wire->ends[i].memory >= 0)
			close(wire->ends[i].memory);
		if (wire->ends[i].state && wire->ends[i].state != MAP_FAILED)
			munmap(wire->ends[i].state, PORTCULLIS_PAGE_SIZE);
	}
	*wire = (struct wire){0};
}

static struct wire *find(uint64_t name)
{
	for (unsigned i = 0; i < PORTCULLIS_WIRES; i++)
		if (wires[i].size && wires[i].name == name)
			return &wires[i];
	return NULL;
}

static bool has_wire(unsigned process, unsigned number)
{
	for (unsigned i = 0; i < PORTCULLIS_WIRES; i++)
		for (unsigned end = 0; end < 2; end++)
			if (wires[i].ends[end].process == process && wires[i].ends[end].number == number)
				return true;
	return false;
}

static long create(const struct broker_request *request, struct wire **created)
{
	struct wire *wire = wires;

	while (wire < wires + PORTCULLIS_WIRES && wire->size)
		wire++;
	if (wire == wires + PORTCULLIS_WIRES)
		return -ENOSPC;
	*wire = (struct wire){.name = (uint64_t)request->value,
	                      .size = request->size,
	                      .device = request->device,
	                      .inode = request->inode,
	                      .ends = {{.memory = -1}, {.memory = -1}}};
	*created = wire;
	if (make_region(&wire->ends[0], wire->size) && make_region(&wire->ends[1], wire->size))
		return 0;
	destroy(wire);
	return -ENOMEM;
}

long wires_map(const struct broker_request *request, unsigned index, int descriptors[2])
{
	struct wire *wire = find((uint64_t)request->value);
	unsigned end = request->count;
	long error = 0;

	if (end > 1 || !request->size || request->size > PORTCULLIS_WIRE_MAX)
		return -EINVAL;
	if (has_wire(index, request->number) || (wire && (wire->used_up || wire->ends[end].process)))
		return -EBUSY;
	if (wire && (wire->device != request->device || wire->inode != request->inode))
		return -EPERM;
	if (wire && wire->size != request->size)
		return -EINVAL;
	if (!wire)
		error = create(request, &wire);
	if (error)
		return error;
	wire->ends[end].process = index;
	wire->ends[end].number = request->number;
	if (wire->ends[!end].process)
		for (unsigned i = 0; i < 2; i++)
			__atomic_store_n(wire->ends[i].state, PORTCULLIS_WIRE_UP, __ATOMIC_RELEASE);
	descriptors[0] = wire->ends[end].memory;
	descriptors[1] = wire->ends[!end].memory;
	return 0;
}

static void leave(struct wire *wire, unsigned end)
{
	wire->ends[end].process = 0;
	wire->used_up = true;
	if (wire->ends[!end].process)
		__atomic_store_n(wire->ends[!end].state, PORTCULLIS_WIRE_GONE, __ATOMIC_RELEASE);
	else
		destroy(wire);
}

void wires_leave(unsigned number, unsigned index)
{
	for (unsigned i = 0; i < PORTCULLIS_WIRES; i++)
		for (unsigned end = 0; end < 2; end++)
			if (wires[i].size && wires[i].ends[end].process == index &&
			    wires[i].ends[end].number == number)
				leave(&wires[i], end);
}

void wires_end(unsigned index)
{
	for (unsigned number = 0; number < NATIVE_DOMAINS_MAX; number++)
		wires_leave(number, index);
}
