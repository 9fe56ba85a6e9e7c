#include "native/signals.h"

#include <errno.h>
#include <signal.h>

#include "native/backend.h"
#include "native/domain.h"
#include "native/deliver.h"
#include "native/monitor.h"

static struct signal_action actions[SIGNALS_MAX + 1];

struct signal_action *signals_wanted(int number)
{
	return &actions[number];
}

long signals_set(int number, const struct signal_action *action)
{
	return native_call(SYS_rt_sigaction, number, (long)action, 0, SIGNALS_MASK_SIZE, 0, 0);
}

void signals_send(int number)
{
	native_call(SYS_tgkill, native_call(SYS_getpid, 0, 0, 0, 0, 0, 0),
	            native_call(SYS_gettid, 0, 0, 0, 0, 0, 0), number, 0, 0, 0);
}

/* The kernel refuses SIGKILL and SIGSTOP only to be handled. */
static bool is_programs(int number)
{
	if (native_backend->guarded && (number == SIGKILL || number == SIGSTOP || number == SIGNAL_MARK))
		return false;
	return number >= 1 && number <= SIGNALS_MAX && number != SIGSYS;
}

/* What is never blocked, whatever a program asks for. */
static uint64_t unblocked(void)
{
	return native_backend->guarded ? SIGNALS_FAULTS | signal_bit(SIGNAL_MARK) : signal_bit(SIGSYS);
}

/* The kernel does as the program wants it, but for the mask. */
static long pass_to_kernel(int number, struct signal_action *new, bool wanted, long previous)
{
	struct signal_action old;
	long error = native_call(SYS_rt_sigaction, number, wanted ? (long)new : 0, (long)&old,
	                         SIGNALS_MASK_SIZE, 0, 0);

	return error || !previous ? error : user_write((void *)previous, &old, sizeof(old));
}

long signals_action(int number, long wanted, long previous, size_t size)
{
	struct signal_action old, new = {0};
	long error = 0;

	if (!is_programs(number) || size != SIGNALS_MASK_SIZE)
		return -EINVAL;
	if ((wanted && !user_range((uint64_t)wanted, sizeof(new))) ||
	    (previous && !user_range((uint64_t)previous, sizeof(old))))
		return -EFAULT;
	if (wanted)
		error = user_read(&new, (const void *)wanted, sizeof(new));
	if (error)
		return error;
	new.mask &= ~unblocked();
	if (!native_backend->guarded && number != SIGSEGV && number != SIGBUS)
		return pass_to_kernel(number, &new, wanted, previous);
	old = actions[number];
	if (wanted)
		actions[number] = new;
	if (wanted && native_backend->guarded)
		error = monitor_receive(number);
	return error || !previous ? error : user_write((void *)previous, &old, sizeof(old));
}

uint64_t signals_hold(void)
{
	uint64_t all = native_weakened(NATIVE_WEAKEN_DEFER) ? 0 : ~SIGNALS_FAULTS, mask = 0;

	native_call(SYS_rt_sigprocmask, SIG_BLOCK, (long)&all, (long)&mask, SIGNALS_MASK_SIZE, 0, 0);
	return mask;
}

void signals_release(uint64_t mask)
{
	native_call(SYS_rt_sigprocmask, SIG_SETMASK, (long)&mask, 0, SIGNALS_MASK_SIZE, 0, 0);
}

long signals_mask(int how, long wanted, long previous, size_t size, uint64_t *mask)
{
	uint64_t old = *mask, set;

	if (size != SIGNALS_MASK_SIZE)
		return -EINVAL;
	if (wanted) {
		if (!user_range((uint64_t)wanted, sizeof(set)) ||
		    user_read(&set, (const void *)wanted, sizeof(set)))
			return -EFAULT;
		if (how != SIG_BLOCK && how != SIG_UNBLOCK && how != SIG_SETMASK)
			return -EINVAL;
		*mask = (how == SIG_BLOCK ? old | set : how == SIG_UNBLOCK ? old & ~set : set) & ~unblocked();
	}
	if (previous &&
	    (!user_range((uint64_t)previous, sizeof(old)) || user_write((void *)previous, &old, sizeof(old))))
		return -EFAULT;
	return 0;
}
