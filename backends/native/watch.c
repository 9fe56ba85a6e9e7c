#include "native/watch.h"

#include <errno.h>
#include <sched.h>

#include "native/broker.h"

#define ALONE_ATTEMPTS 100

#define FLAG_RESUME 0x10000 /* RFLAGS.RF (SDM vol. 3B, 17.3.1.1) */

static struct {
	uint64_t at, behind;
	enum stray_kind kind;
} watches[WATCHES_MAX];
static unsigned count;

/*
 * Threads that exist would not inherit a watchpoint. The kernel knows whether there are any: unshare(2). The
 * helper that asks the broker (ask.c) may be on its way out.
 */
static bool is_alone(void)
{
	for (unsigned i = 0; i < ALONE_ATTEMPTS; i++) {
		if (native_call(SYS_unshare, CLONE_VM, 0, 0, 0, 0, 0) == 0)
			return true;
		native_call(SYS_sched_yield, 0, 0, 0, 0, 0, 0);
	}
	return false;
}

long watch_add(enum stray_kind kind, uint64_t at, uint64_t behind)
{
	struct broker_request request = {.kind = BROKER_WATCH, .value = (int64_t)behind};
	struct broker_answer answer;

	for (unsigned i = 0; i < count; i++)
		if (watches[i].behind == behind)
			return 0; /* the same instruction with fewer prefixes */
	if (count == WATCHES_MAX)
		return -ENOSPC;
	if (!is_alone())
		return -EBUSY;
	broker_ask(&request, NULL, NULL, &answer);
	if (answer.result)
		return (long)answer.result;
	watches[count].kind = kind;
	watches[count].at = at;
	watches[count++].behind = behind;
	return 0;
}

void watch_hit(struct monitor_frame *frame, uint32_t rights)
{
	uint64_t instruction = (uint64_t)frame->registers[REG_RIP];

	for (unsigned i = 0; i < count; i++) {
		if (watches[i].behind != instruction)
			continue;
		if ((rights & NATIVE_PKRU) != NATIVE_PKRU)
			monitor_kill(watches[i].kind == STRAY_WRPKRU ? "portcullis: stray WRPKRU"
			                                             : "portcullis: stray XRSTOR",
			             watches[i].at);
		frame->registers[REG_EFL] |= FLAG_RESUME; /* or it would be met again */
	}
}
