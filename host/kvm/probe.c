/* Does KVM run guests here? Some hosts offer /dev/kvm and emulate every instruction: found by timing a loop.
 */
#include "guest/abi/boot.h"
#include "guest/abi/link.h"
#include "host/kvm/probe.h"
#include "host/kvm/vmm.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>

#define LOOPS        20000
#define SLOWER_MAX   20      /* times, as long as it is more than ... */
#define SLOWER_LEAST 2000000 /* ... nanoseconds, for a disturbance */

static uint64_t nanoseconds(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static uint64_t time_host(void)
{
	uint64_t start = nanoseconds();
	unsigned count = LOOPS;

	__asm__ volatile("1: dec %0\n\tjnz 1b" : "+r"(count));
	return nanoseconds() - start;
}

static bool run_once(struct vmm *vmm, char *reason, size_t size)
{
	while (ioctl(vmm->cpu, KVM_RUN, 0) < 0)
		if (errno != EINTR) {
			snprintf(reason, size, "KVM does not run a guest: %s", strerror(errno));
			return false;
		}
	if (vmm->run->exit_reason == KVM_EXIT_IO && vmm->run->io.port == PORT_DEBUG_EXIT)
		return true;
	snprintf(reason, size, "KVM does not run a guest of a few instructions (exit reason %u)",
	         vmm->run->exit_reason);
	return false;
}

/* The same loop, ended by a write to PORT_DEBUG_EXIT. The second time it is measured: the first one touches
 * its memory. */
static bool run_trial(struct vmm *vmm, uint64_t *time, char *reason, size_t size)
{
	static const uint8_t code[] = {0xb9,       LOOPS & 0xff,
	                               LOOPS >> 8, 0,
	                               0,                           /* 1: mov $LOOPS, %ecx */
	                               0xff,       0xc9,            /* 2: dec %ecx */
	                               0x75,       0xfc,            /* jnz 2b */
	                               0xe6,       PORT_DEBUG_EXIT, /* out %al, $PORT_DEBUG_EXIT */
	                               0xeb,       0xf3};           /* jmp 1b */
	uint64_t start;

	memcpy(memory_at(vmm, IMAGE_ADDRESS, sizeof(code)), code, sizeof(code));
	if (cpu_init(vmm, IMAGE_ADDRESS, reason, size) < 0 || !run_once(vmm, reason, size))
		return false;
	start = nanoseconds();
	if (!run_once(vmm, reason, size))
		return false;
	*time = nanoseconds() - start;
	return true;
}

bool kvm_probe(char *reason, size_t size)
{
	struct vmm vmm = {.cpu = -1};
	uint64_t guest = 0, host = time_host();
	bool works = machine_create(&vmm, 2 * IMAGE_ADDRESS, false, reason, size) == 0 &&
	             run_trial(&vmm, &guest, reason, size);

	machine_destroy(&vmm);
	if (works && guest > SLOWER_LEAST && guest > SLOWER_MAX * host) {
		snprintf(reason, size,
		         "KVM only emulates here: a loop took %lu us in a guest and %lu us outside, so the "
		         "host's CPU "
		         "offers it no virtualization",
		         guest / 1000, host / 1000);
		return false;
	}
	return works;
}
