/*
 * A run: one execution of one line of the plan, and all processes that descend from its program. They share
 * its limits.
 *
 * When the run's first process has ended, what is left of the run is killed; the next line starts when the
 * last process is gone. The outcome is sent as a LINK_DONE line, a JSON object:
 *
 *     id, repetition   of the plan line
 *     reason           "exited", "signal", "memory" (its limit, or all memory, was used up), "ticks" (its
 * limit), "deadlock" (every thread waits and nothing can wake one), "start" (the program could not be
 * started) status           exit status (reason "exited"), errno (reason "start") signal, address,
 * instruction, symbol   of the fatal signal (reason "signal"; address and instruction as hexadecimal text)
 *     user_ticks, system_ticks   CPU time of all processes of the run
 *     ticks            from start to end
 *     peak_memory      bytes
 *
 * and as records (LINK_RECORD) user_time, system_time, and what plan/counters.h counts.
 */
#ifndef GUEST_PLAN_RUN_H
#define GUEST_PLAN_RUN_H

#include "lib/lib.h"
#include "mm/frame.h"
#include "plan/plan.h"
#include "proc/wait.h"

struct process;
struct regs;

enum run_reason { RUN_EXITED, RUN_SIGNAL, RUN_MEMORY, RUN_TICKS, RUN_DEADLOCK, RUN_START };

struct run {
	const struct plan_line *line;
	uint64_t repetition;
	struct account *account; /* pays for its memory; files that it leaves keep it */
	uint64_t start;          /* TSC */
	uint64_t deadline;       /* TSC, NO_DEADLINE: no limit */
	unsigned processes;      /* alive or zombie */
	int main_pid;
	bool main_gone;
	bool killed; /* the reason below is final */
	enum run_reason reason;
	int status; /* wait4 status of the main process, or errno of a failed start */
	struct {
		int number; /* 0: none */
		uint64_t address, instruction;
		char symbol[96]; /* of `instruction`: "name+0x12", empty if unknown */
	} fatal;
	uint64_t user_ticks, system_ticks;
	struct wait_queue changed; /* a process is gone */
};

/* The kernel thread that executes the plan and then ends the machine. */
_Noreturn void plan_thread(void);

/* A process of the run is gone for good: its time is added. */
void run_process_gone(struct process *process);
/* The first process of a run dies of a signal that a fault of its own raised (regs of the fault). */
void run_fatal_fault(struct process *process, int number, uint64_t address, uint64_t instruction);

uint64_t run_deadline(void);        /* TSC of the current run's or the plan's limit, NO_DEADLINE when none */
void run_check_limit(uint64_t now); /* kills the run, or stops the machine, when the limit has passed */
void run_out_of_memory(struct run *run);
void run_deadlock(void); /* every thread is blocked and no timer is armed */

#endif
