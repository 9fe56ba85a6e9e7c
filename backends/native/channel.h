/*
 * Backend `process`: the memory that a client and the server of a domain share, a place for each thread slot
 * of the client. The application can write it at any time: the server reads everything once, and believes
 * nothing but the words themselves.
 */
#ifndef NATIVE_CHANNEL_H
#define NATIVE_CHANNEL_H

#include <sys/syscall.h>

#include "native/broker.h"

#define CHANNEL_VECTOR  0x80000000 /* in an entry's index: vector registers are arguments and result, too */
#define CHANNEL_VECTORS 8

/* Registers of a call (System V ABI, AMD64, 3.2.3); the offsets are used in assembly. */
struct channel_registers {
	uint64_t arguments[PORTCULLIS_ARGUMENTS_MAX];
	uint64_t vectors[CHANNEL_VECTORS][2];
};
_Static_assert(offsetof(struct channel_registers, vectors) == 48, "the gates use it");

/*
 * The client asks by CHANNEL_REQUEST, and gets CHANNEL_DONE with `result`. Meanwhile the server may ask for a
 * system call in the client's process by CHANNEL_CALL, with its arguments in `registers`, and gets
 * CHANNEL_ANSWER.
 */
enum { CHANNEL_IDLE, CHANNEL_REQUEST, CHANNEL_DONE, CHANNEL_CALL, CHANNEL_ANSWER, CHANNEL_FAILED };

struct channel_slot {
	uint32_t state;                        /* CHANNEL_*: the futex of both sides */
	uint32_t client_sleeps, server_sleeps; /* who changes `state` has to wake the other one */
	uint32_t index;
	uint32_t call; /* number of the system call */
	uint64_t result;
	struct channel_registers registers;
} __attribute__((aligned(64)));

struct channel {
	uint32_t failed; /* the domain has: the broker writes it, and wakes all */
	char why[NATIVE_WHY_SIZE];
	struct channel_slot slots[BROKER_SLOTS];
};
#define CHANNEL_SIZE 0x2000
_Static_assert(sizeof(struct channel) <= CHANNEL_SIZE, "it is mapped in whole pages");

#define CHANNEL_FUTEX_WAIT 0 /* FUTEX_WAIT and FUTEX_WAKE of linux/futex.h, not private: memory is shared */
#define CHANNEL_FUTEX_WAKE 1

static inline void channel_sleep(uint32_t *state, uint32_t as_long_as)
{
	native_call(SYS_futex, (long)state, CHANNEL_FUTEX_WAIT, as_long_as, 0, 0, 0);
}

static inline void channel_wake(uint32_t *state)
{
	native_call(SYS_futex, (long)state, CHANNEL_FUTEX_WAKE, 1, 0, 0, 0);
}

/*
 * Waits while `state` is (is: true) or is not (false) `value`, and `*give_up` is 0. It does not look
 * before it sleeps: where both sides could run at once that would pay while no one else has work, and cost
 * ten times as much as sleeping when someone has.
 */
static inline void channel_wait(uint32_t *state, uint32_t value, bool is, uint32_t *sleeps,
                                const uint32_t *give_up)
{
	uint32_t seen;

	while (((seen = __atomic_load_n(state, __ATOMIC_ACQUIRE)) == value) == is &&
	       !__atomic_load_n(give_up, __ATOMIC_SEQ_CST)) {
		__atomic_store_n(sleeps, 1, __ATOMIC_SEQ_CST);
		if (!__atomic_load_n(give_up, __ATOMIC_SEQ_CST))
			channel_sleep(state, seen);
		__atomic_store_n(sleeps, 0, __ATOMIC_SEQ_CST);
	}
}

/* The other side is to see `value`. */
static inline void channel_set(uint32_t *state, uint32_t value, const uint32_t *sleeps)
{
	__atomic_store_n(state, value, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(sleeps, __ATOMIC_SEQ_CST))
		channel_wake(state);
}

#endif
