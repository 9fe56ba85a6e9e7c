/* What an engine can do here, found by booting a guest that tries it (host/probe, the kernel's option
 * probe=1). */
#ifndef HOST_TRIAL_H
#define HOST_TRIAL_H

#include "host/buffer.h"
#include "host/watch.h"

/* Of something that a CPU may have. */
enum finding {
	FINDING_UNKNOWN,  /* nobody tried */
	FINDING_ABSENT,   /* CPUID does not offer it */
	FINDING_UNUSABLE, /* it is offered, but what needs it did not start; the remarks say why */
	FINDING_BROKEN,   /* it is offered, and does not do what it should */
	FINDING_WORKS,    /* seen */
	FINDING_EMULATED, /* seen, by a host that does it in the CPU's place: its time means nothing */
};

struct trial {
	const struct engine *engine;
	struct engine_config
	        config; /* by the caller: memory, uri, ...; with what the engine's probe() found */
	bool works;
	char reason[REASON_MAX]; /* it does not: one sentence; empty after a signal */
	int signal;              /* the launcher got it meanwhile, or 0 */
	double seconds;          /* from the start to the end of the guest */
	/* of an engine that works */
	char cpu[128];      /* the CPU that the guest saw */
	char remarks[1024]; /* what the machine lacks, or does not do as it should: lines */
	bool ring3;         /* a program ran in ring 3 */
	enum finding pku;   /* a read of a library's memory faulted because of its key */
	enum finding vmx;   /* the kernel's monitor ran a guest, and was left */
	enum finding vmfunc;
	uint64_t vmfunc_ticks, rdtsc_ticks; /* of one each, times 10; 0: vmfunc did not run */
	enum finding pcid;                  /* of CPUID alone */
	enum finding pmu;                   /* a counter counted instructions */
	uint64_t tsc_hz;                    /* of the guest's TSC */
	enum finding tsc_invariant;         /* of CPUID alone */
};

/* "works", "absent", ... */
const char *finding_name(enum finding finding);

/* Boots the guest; `options` are words for its kernel, or NULL. trial->engine and ->config are set. */
void trial_run(struct trial *trial, const char *options);

#endif
