/* KVM's own counters of a CPU ("binary statistics", Documentation/virt/kvm/api.rst, 4.133). */
#include "host/kvm/vmm.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define NAME_MAX_SIZE 128

void statistics_open(struct vmm *vmm)
{
	struct kvm_stats_header header;
	struct {
		struct kvm_stats_desc entry;
		char name[NAME_MAX_SIZE + 1];
	} description = {0};
	size_t size;

	vmm->statistics = ioctl(vmm->cpu, KVM_GET_STATS_FD, 0);
	if (vmm->statistics < 0 || pread(vmm->statistics, &header, sizeof(header), 0) != sizeof(header) ||
	    header.name_size > NAME_MAX_SIZE)
		return;
	size = sizeof(description.entry) + header.name_size;
	for (unsigned i = 0; i < header.num_desc; i++) {
		if (pread(vmm->statistics, &description, size, header.desc_offset + i * (off_t)size) !=
		    (ssize_t)size)
			return;
		if (!strcmp(description.entry.name, "exits"))
			vmm->exits_offset = header.data_offset + description.entry.offset;
	}
}

uint64_t statistics_exits(const struct vmm *vmm)
{
	uint64_t exits = 0;

	if (!vmm->exits_offset ||
	    pread(vmm->statistics, &exits, sizeof(exits), vmm->exits_offset) != sizeof(exits))
		return 0;
	return exits;
}
