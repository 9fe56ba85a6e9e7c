/* What a guest can ask of its VMM: nearly nothing. */
#include "guest/abi/link.h"
#include "host/buffer.h"
#include "host/kvm/vmm.h"

#include <linux/futex.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define HELD_LOOK 100000000 /* nanoseconds between looks of a guest that is held */

int ring_drain(struct vmm *vmm, char *reason, size_t size)
{
	uint32_t head, count, first;
	int error = 0;

	pthread_mutex_lock(&vmm->draining);
	head = __atomic_load_n(&vmm->ring->head, __ATOMIC_ACQUIRE);
	count = head - vmm->taken;
	if (count > RING_SIZE) {
		pthread_mutex_unlock(&vmm->draining);
		snprintf(reason, size, "the guest claims to have written %u bytes into a ring of %u", count,
		         RING_SIZE);
		return -1;
	}
	first = RING_SIZE - vmm->taken % RING_SIZE;
	if (first > count)
		first = count;
	if (first)
		error = write_all(vmm->output, vmm->ring->data + vmm->taken % RING_SIZE, first);
	if (!error && count > first)
		error = write_all(vmm->output, vmm->ring->data, count - first);
	vmm->taken = head;
	__atomic_store_n(&vmm->ring->tail, head, __ATOMIC_RELEASE);
	pthread_mutex_unlock(&vmm->draining);
	if (error)
		snprintf(reason, size, "the guest's bytes cannot be passed on: %s", strerror(-error));
	return error ? -1 : 0;
}

/* The guest waits until the launcher has read what it wrote, or the VMM is to stop: a signal does not end the
 * call. */
static void wait_heard(struct vmm *vmm)
{
	const struct timespec look = {.tv_nsec = HELD_LOOK};
	struct vmm_report *report = vmm->report;
	uint32_t before = __atomic_fetch_add(&report->waited, 1, __ATOMIC_RELEASE);

	syscall(SYS_futex, &report->waited, FUTEX_WAKE, 1, NULL, NULL, 0);
	while (__atomic_load_n(&report->heard, __ATOMIC_ACQUIRE) == before &&
	       !__atomic_load_n(&vmm->run->immediate_exit, __ATOMIC_RELAXED))
		syscall(SYS_futex, &report->heard, FUTEX_WAIT, before, &look, NULL, 0);
}

/* What the guest writes to a port, one byte at a time. */
static uint8_t byte_written(const struct vmm *vmm)
{
	const struct kvm_run *run = vmm->run;

	return run->io.data_offset < vmm->run_size ? ((const uint8_t *)run)[run->io.data_offset] : 0;
}

/* Ports that do not exist read as ones; writes go nowhere. */
static enum verdict handle_port(struct vmm *vmm, char *reason, size_t size)
{
	struct kvm_run *run = vmm->run;
	uint64_t bytes = (uint64_t)run->io.count * run->io.size;

	if (run->io.direction == KVM_EXIT_IO_IN) {
		if (run->io.data_offset <= vmm->run_size && bytes <= vmm->run_size - run->io.data_offset)
			memset((uint8_t *)run + run->io.data_offset, 0xff, bytes);
		return VERDICT_RUN;
	}
	switch (run->io.port) {
	case PORT_RING:
		if (ring_drain(vmm, reason, size) < 0)
			return VERDICT_DEAD;
		if (byte_written(vmm) == RING_HOLD)
			wait_heard(vmm);
		else
			vmm->report->ring_writes++;
		return VERDICT_RUN;
	case PORT_DEBUG_EXIT:
		return ring_drain(vmm, reason, size) < 0 ? VERDICT_DEAD : VERDICT_END;
	default:
		return VERDICT_RUN;
	}
}

enum verdict exit_handle(struct vmm *vmm, char *reason, size_t size)
{
	const struct kvm_run *run = vmm->run;
	uint32_t why = run->exit_reason;

	vmm->report->returns++;
	switch (why) {
	case KVM_EXIT_IO:
		return handle_port(vmm, reason, size);
	case KVM_EXIT_SHUTDOWN:
		vmm->report->diagnosis.ending = ENDING_TRIPLE_FAULT;
		snprintf(reason, size, "triple fault");
		return VERDICT_DEAD;
	case KVM_EXIT_MMIO:
		snprintf(reason, size, "the guest %s physical address %#llx, where it has no memory",
		         run->mmio.is_write ? "wrote to" : "read from", run->mmio.phys_addr);
		return VERDICT_DEAD;
	case KVM_EXIT_FAIL_ENTRY:
		snprintf(reason, size, "the CPU refuses the guest's state (hardware reason %#llx)",
		         run->fail_entry.hardware_entry_failure_reason);
		return VERDICT_DEAD;
	case KVM_EXIT_INTERNAL_ERROR:
		snprintf(reason, size, "KVM cannot go on with the guest (internal error %u)",
		         run->internal.suberror);
		return VERDICT_DEAD;
	default:
		snprintf(reason, size, "KVM ended the guest with exit reason %u, which it has no cause for",
		         why);
		return VERDICT_DEAD;
	}
}
