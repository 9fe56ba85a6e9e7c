/*
 * A virtual machine monitor for one guest on the KVM API (Documentation/virt/kvm/api.rst of Linux).
 *
 * The launcher's engine `kvm` (engine.c) starts itself again as `portcullis vmm`, with the RAM image and a
 * report as inherited memory files. That process creates the machine, gives up all it does not need
 * (sandbox.c) and runs the guest; the guest's byte stream comes through a ring in its memory
 * (guest/abi/ring.h) and goes to standard output. Nothing that the guest can write is trusted: addresses go
 * through memory_at(), numbers are checked where they are used.
 */
#ifndef HOST_KVM_VMM_H
#define HOST_KVM_VMM_H

#include "guest/abi/ring.h"
#include "host/engine.h"

#include <linux/kvm.h>
#include <pthread.h>

/* What the VMM tells the launcher, in memory that both map. */
struct vmm_report {
	struct diagnosis diagnosis;
	uint64_t returns;     /* of KVM_RUN, to this process */
	uint64_t ring_writes; /* of them: because the ring was full */
	uint64_t interrupted; /* of them: because of a signal */
	uint64_t exits;       /* VM exits, those that KVM deals with included; 0: KVM does not tell */
	uint64_t interrupts;  /* of them: interrupts of the host */
	/* Both are futexes. The guest waits while the second is smaller. */
	uint32_t waited; /* how often it has begun to wait for the launcher */
	uint32_t heard;  /* how often the launcher has let it go on */
};

/* Counters of KVM. */
enum statistic {
	STATISTIC_EXITS,
	STATISTIC_INTERRUPTS, /* of the host: exits that have nothing to do with the guest */
	STATISTIC_COUNT
};

struct vmm {
	int kvm, machine, cpu; /* descriptors */
	struct kvm_run *run;   /* shared with KVM */
	size_t run_size;       /* bytes of it */
	uint8_t *memory;       /* guest-physical address 0 */
	uint64_t memory_size;  /* bytes */
	struct ring *ring;     /* in `memory` */
	uint32_t taken;        /* bytes taken from the ring: its tail, out of the guest's reach */
	int output;            /* descriptor for the byte stream */
	pthread_mutex_t draining;
	int statistics;                           /* descriptor of KVM's counters of the CPU, or -1 */
	off_t statistic_offsets[STATISTIC_COUNT]; /* in it; 0: there is none */
	struct vmm_report *report;
};

/* ---- machine.c */

/* Opens KVM and checks that it has what the VMM needs. The descriptor, or -1 with a sentence in `reason`. */
int kvm_open(char *reason, size_t size);

/*
 * Creates a machine with one CPU, `memory_size` bytes of zeroed RAM from address 0 and the in-kernel local
 * APIC. 0, or -1 with a sentence. machine_destroy() takes back what there is of it in either case.
 */
int machine_create(struct vmm *vmm, uint64_t memory_size, bool huge_pages, char *reason, size_t size);
void machine_destroy(struct vmm *vmm);

/* The host's address of `size` bytes of guest memory; NULL unless all of them are RAM. */
void *memory_at(const struct vmm *vmm, uint64_t address, uint64_t size);

/* ---- cpu.c */

/* CPUID policy, and the 64-bit entry of guest/abi/boot.h with RIP = `entry`. 0, or -1 with a sentence. */
int cpu_init(struct vmm *vmm, uint64_t entry, char *reason, size_t size);

/* Where the guest is: registers, backtrace, time-stamp counter. */
void cpu_diagnose(const struct vmm *vmm, struct diagnosis *diagnosis);

/* ---- exits.c */

enum verdict {
	VERDICT_RUN,  /* the guest goes on */
	VERDICT_END,  /* it has ended itself */
	VERDICT_DEAD, /* it cannot go on: `reason`, and report->diagnosis.ending */
};

/* Deals with what vmm->run says after a return of KVM_RUN. */
enum verdict exit_handle(struct vmm *vmm, char *reason, size_t size);

/* Sends what is in the ring to the output. 0, or -1 with a sentence. Called from any thread. */
int ring_drain(struct vmm *vmm, char *reason, size_t size);

/* ---- statistics.c */

/* Finds KVM's counters of the CPU, where this kernel has them. */
void statistics_open(struct vmm *vmm);

/* What one of them counts so far; 0: KVM does not tell. */
uint64_t statistics_read(const struct vmm *vmm, enum statistic which);

/* ---- sandbox.c */

/* All threads of the process keep the system calls that a running guest needs; any other kills it. 0 or
 * -errno. */
int sandbox_enter(void);

#endif
