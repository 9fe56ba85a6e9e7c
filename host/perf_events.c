/* The events that --counters knows, and how this machine counts them (perf_event_open(2)). */
#include "host/perf.h"

#include <cpuid.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int find_plain(const struct perf_event *event, struct perf_event_attr *attr, char *reason, size_t size)
{
	(void)reason, (void)size;
	attr->type = event->type;
	attr->config = event->config;
	return 0;
}

/* ---- page walks -----------------------------------------------------------------------------
 *
 * Linux has no general name for them. Intel: DTLB_LOAD_MISSES.WALK_COMPLETED, umask 0EH of event 08H, of
 * event 12H from Golden Cove on (SDM vol. 3B, chapter 20, and Intel's event files). AMD: LsL1DTlbMiss, those
 * that miss the second level too, umask F0H of event 45H (PPR of families 17H, 19H and 1AH).
 */

#define RAW(event, umask) ((uint64_t)(umask) << 8 | (event))

struct cpu {
	char vendor[13];
	unsigned family, model;
};

static struct cpu identify(void)
{
	struct cpu cpu = {0};
	unsigned eax, words[3];

	__cpuid(0, eax, words[0], words[2], words[1]);
	memcpy(cpu.vendor, words, sizeof(words));
	__cpuid(1, eax, words[0], words[1], words[2]);
	cpu.family = eax >> 8 & 0xf;
	cpu.model = (eax >> 4 & 0xf) | (eax >> 12 & 0xf0);
	if (cpu.family == 0xf)
		cpu.family += eax >> 20 & 0xff;
	return cpu;
}

static uint64_t walk_event(const struct cpu *cpu)
{
	static const unsigned char golden_cove[] = {0x8f, 0x97, 0x9a, 0xb7, 0xba, 0xbf, 0xcf};
	static const unsigned char before[] = {0x3d, 0x47, 0x4f, 0x56, 0x4e, 0x5e, 0x55, 0x8e, 0x9e,
	                                       0xa5, 0xa6, 0x7d, 0x7e, 0x6a, 0x6c, 0x8c, 0x8d, 0xa7};

	if (!strcmp(cpu->vendor, "AuthenticAMD") &&
	    (cpu->family == 0x17 || cpu->family == 0x19 || cpu->family == 0x1a))
		return RAW(0x45, 0xf0);
	if (strcmp(cpu->vendor, "GenuineIntel") || cpu->family != 6)
		return 0;
	if (memchr(golden_cove, (int)cpu->model, sizeof(golden_cove)))
		return RAW(0x12, 0x0e);
	return memchr(before, (int)cpu->model, sizeof(before)) ? RAW(0x08, 0x0e) : 0;
}

static int find_walks(const struct perf_event *event, struct perf_event_attr *attr, char *reason, size_t size)
{
	struct cpu cpu = identify();

	(void)event;
	attr->type = PERF_TYPE_RAW;
	attr->config = walk_event(&cpu);
	if (attr->config)
		return 0;
	snprintf(reason, size, "how a CPU of %s, family %u, model %u, counts them is not known here",
	         cpu.vendor, cpu.family, cpu.model);
	return ENODATA;
}

/* ---- tracepoints ---------------------------------------------------------------------------- */

static int find_exits(const struct perf_event *event, struct perf_event_attr *attr, char *reason, size_t size)
{
	static const char *const paths[] = {"/sys/kernel/tracing/events/kvm/kvm_exit/id",
	                                    "/sys/kernel/debug/tracing/events/kvm/kvm_exit/id"};
	struct buffer text = {0};
	int error = 0;

	(void)event;
	for (unsigned i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		error = buffer_read_file(&text, paths[i]);
		if (error || !text.size)
			continue;
		attr->type = PERF_TYPE_TRACEPOINT;
		attr->config = strtoull(text.data, NULL, 10);
		buffer_free(&text);
		return 0;
	}
	snprintf(reason, size, "%s: %s (is tracefs mounted, and readable?)", paths[0],
	         strerror(error ? -error : ENODATA));
	return -error;
}

/* ---- the table ------------------------------------------------------------------------------ */

#define HARDWARE(event) .find = find_plain, .type = PERF_TYPE_HARDWARE, .config = PERF_COUNT_HW_##event
#define SOFTWARE(event) .find = find_plain, .type = PERF_TYPE_SOFTWARE, .config = PERF_COUNT_SW_##event
#define MISSES(cache)   .find = find_plain, .type = PERF_TYPE_HW_CACHE, .config = MISS(cache)
#define MISS(cache)                                                                                          \
	(PERF_COUNT_HW_CACHE_##cache | PERF_COUNT_HW_CACHE_OP_READ << 8 |                                    \
	 PERF_COUNT_HW_CACHE_RESULT_MISS << 16)

const struct perf_event perf_events[] = {
        {"cycles", "of the core, whatever its frequency", "cycles", HARDWARE(CPU_CYCLES)},
        {"instructions", "retired", "instructions", HARDWARE(INSTRUCTIONS)},
        {"branch-misses", "branches whose prediction was wrong", "events", HARDWARE(BRANCH_MISSES)},
        {"itlb-misses", "fetches that no TLB translates", "events", MISSES(ITLB)},
        {"dtlb-misses", "loads that no TLB translates", "events", MISSES(DTLB)},
        {"page-walks", "page tables read for a load", "events", .find = find_walks},
        {"llc-misses", "loads that the last cache does not have", "events", MISSES(LL)},
        {"kvm-exits", "of the guest, by the tracepoint kvm:kvm_exit", "events", .find = find_exits},
        {"task-clock", "time on a CPU", "ns", SOFTWARE(TASK_CLOCK)},
        {"page-faults", "that the host's kernel has served", "events", SOFTWARE(PAGE_FAULTS)},
        {"context-switches", "of the host's kernel", "events", SOFTWARE(CONTEXT_SWITCHES)},
        {"migrations", "to another CPU of the host", "events", SOFTWARE(CPU_MIGRATIONS)},
        {0},
};
