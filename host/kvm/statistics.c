/* KVM's own counters of a CPU ("binary statistics", Documentation/virt/kvm/api.rst, 4.133). */
#include "host/kvm/vmm.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define NAME_MAX_SIZE 128

static const char *const names[STATISTIC_COUNT] = {
        [STATISTIC_EXITS] = "exits", [STATISTIC_INTERRUPTS] = "irq_exits"};

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
		for (unsigned which = 0; which < STATISTIC_COUNT; which++)
			if (!strcmp(description.entry.name, names[which]))
				vmm->statistic_offsets[which] = header.data_offset + description.entry.offset;
	}
}

uint64_t statistics_read(const struct vmm *vmm, enum statistic which)
{
	off_t offset = vmm->statistic_offsets[which];
	uint64_t value = 0;

	if (!offset || pread(vmm->statistics, &value, sizeof(value), offset) != sizeof(value))
		return 0;
	return value;
}
