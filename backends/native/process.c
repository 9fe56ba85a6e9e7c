/*
 * Backend `process`: the library runs in a process of its own (server.c), as classic interprocess
 * communication has it. The gate puts a call in a place of shared memory, wakes the server's thread that
 * belongs to it, and waits for the answer. Nothing of the domain but gate and channel is mapped here.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "native/channel.h"
#include "native/signals.h"
#include "native/thunk.h"

static uint32_t taken[NATIVE_DOMAINS_MAX]; /* thread slots in use, a bit each, by domain */

static struct channel *channel_of(const struct native_domain *domain)
{
	return (struct channel *)(domain->base + PORTCULLIS_GATE_DATA_OFFSET);
}

/* A place that no other thread uses. Where there is none, some thread's call has to end first. */
static unsigned take_slot(uint32_t *mask)
{
	uint32_t seen = __atomic_load_n(mask, __ATOMIC_RELAXED);
	unsigned slot;

	do {
		while (seen == (1UL << BROKER_SLOTS) - 1) {
			native_call(SYS_sched_yield, 0, 0, 0, 0, 0, 0);
			seen = __atomic_load_n(mask, __ATOMIC_RELAXED);
		}
		slot = (unsigned)__builtin_ctz(~seen);
	} while (!__atomic_compare_exchange_n(mask, &seen, seen | 1U << slot, true, __ATOMIC_ACQUIRE,
	                                      __ATOMIC_RELAXED));
	return slot;
}

static bool is_application(uint64_t start, uint64_t size)
{
	return start < PORTCULLIS_APPLICATION_END ? size <= PORTCULLIS_APPLICATION_END - start
	                                          : start >= PORTCULLIS_DOMAINS_END && size <= -start;
}

/*
 * A system call that the library makes in its caller's process: what else it may ask for here is nothing that
 * the application could not do by itself, for the application can write the channel.
 */
static long call_for_server(const struct channel_slot *slot)
{
	uint32_t number = *(volatile const uint32_t *)&slot->call;
	uint64_t words[PORTCULLIS_ARGUMENTS_MAX];

	memcpy(words, slot->registers.arguments, sizeof(words));
	__asm__ volatile("" : : : "memory"); /* the words are read once */
	switch (number) {
	case SYS_mmap:
		if (words[3] != (MAP_PRIVATE | MAP_ANONYMOUS) ||
		    words[2] & ~(uint64_t)(PROT_READ | PROT_WRITE))
			return -EPERM;
		return native_call(SYS_mmap, 0, (long)words[1], (long)words[2], (long)words[3], -1, 0);
	case SYS_munmap:
		if (!is_application(words[0], words[1]))
			return -EPERM;
		return native_call(SYS_munmap, (long)words[0], (long)words[1], 0, 0, 0, 0);
	case SYS_getpid:
		return native_call(SYS_getpid, 0, 0, 0, 0, 0, 0);
	default:
		return -EPERM;
	}
}

/* Waits for the result, and does meanwhile what the server asks for. False: the domain has failed. */
static bool wait_for_result(struct channel *channel, struct channel_slot *slot)
{
	uint32_t state = CHANNEL_REQUEST;

	for (;;) {
		channel_wait(&slot->state, state, true, &slot->client_sleeps, &channel->failed);
		state = __atomic_load_n(&slot->state, __ATOMIC_ACQUIRE);
		if (state != CHANNEL_CALL)
			return state == CHANNEL_DONE;
		slot->result = (uint64_t)call_for_server(slot);
		state = CHANNEL_ANSWER;
		channel_set(&slot->state, state, &slot->server_sleeps);
	}
}

/* What the gate calls. *registers has the arguments, and then XMM0. What RAX is. */
__attribute__((used)) static uint64_t process_call(const struct native_domain *domain, uint32_t index,
                                                   struct channel_registers *registers)
{
	struct channel *channel = channel_of(domain);
	uint32_t *mask = &taken[domain_number(domain)];
	unsigned number = take_slot(mask);
	struct channel_slot *slot = &channel->slots[number];
	uint64_t result = (uint64_t)PORTCULLIS_FAILED, held = signals_hold();

	memcpy(slot->registers.arguments, registers->arguments, sizeof(registers->arguments));
	if (index & CHANNEL_VECTOR)
		memcpy(slot->registers.vectors, registers->vectors, sizeof(registers->vectors));
	slot->index = index;
	channel_set(&slot->state, CHANNEL_REQUEST, &slot->server_sleeps);
	if (wait_for_result(channel, slot)) {
		result = slot->result;
		memcpy(registers->vectors[0], slot->registers.vectors[0], sizeof(registers->vectors[0]));
	}
	__atomic_and_fetch(mask, ~(1U << number), __ATOMIC_RELEASE);
	signals_release(held);
	return result;
}

/* EAX: the entry's index, R11: the domain; the arguments where the ABI has them. */
__attribute__((naked, used)) static void process_gate(void)
{
	__asm__("push %rbp\n\t"
	        "mov %rsp, %rbp\n\t"
	        "and $-16, %rsp\n\t"
	        "sub $128, %rsp\n\t"
	        "movups %xmm0, (%rsp)\n\t"
	        "movups %xmm1, 16(%rsp)\n\t"
	        "movups %xmm2, 32(%rsp)\n\t"
	        "movups %xmm3, 48(%rsp)\n\t"
	        "movups %xmm4, 64(%rsp)\n\t"
	        "movups %xmm5, 80(%rsp)\n\t"
	        "movups %xmm6, 96(%rsp)\n\t"
	        "movups %xmm7, 112(%rsp)\n\t"
	        "push %r9\n\t"
	        "push %r8\n\t"
	        "push %rcx\n\t"
	        "push %rdx\n\t"
	        "push %rsi\n\t"
	        "push %rdi\n\t"
	        "mov %r11, %rdi\n\t"
	        "mov %eax, %esi\n\t"
	        "mov %rsp, %rdx\n\t"
	        "call process_call\n\t"
	        "movups 48(%rsp), %xmm0\n\t"
	        "leave\n\t"
	        "ret");
}

static long protect(struct native_domain *domain)
{
	return thunks_make(domain, process_gate, CHANNEL_VECTOR);
}

static long connect_channel(const struct native_domain *domain, int channel)
{
	long at = (long)channel_of(domain);
	long result = native_call(SYS_mmap, at, CHANNEL_SIZE, PROT_READ | PROT_WRITE,
	                          MAP_SHARED | MAP_FIXED_NOREPLACE, channel, 0);

	taken[domain_number(domain)] = 0;
	return result == at ? 0 : result < 0 ? result : -EEXIST;
}

static void disconnect(const struct native_domain *domain)
{
	native_call(SYS_munmap, (long)channel_of(domain), CHANNEL_SIZE, 0, 0, 0, 0);
}

static bool is_entered(const struct native_domain *domain)
{
	return __atomic_load_n(&taken[domain_number(domain)], __ATOMIC_ACQUIRE);
}

static void read_failure(const struct native_domain *domain, char why[NATIVE_WHY_SIZE])
{
	const struct channel *channel = channel_of(domain);

	if (__atomic_load_n(&channel->failed, __ATOMIC_ACQUIRE))
		memcpy(why, channel->why, NATIVE_WHY_SIZE - 1);
}

/* A server reads and writes its clients' memory: is it allowed to? */
static const char *probe(void)
{
	char byte = 1;
	struct iovec own = {&byte, 1}, other = {&byte, 1};
	pid_t child = fork();
	ssize_t size;

	if (child == 0)
		for (;;)
			pause();
	if (child < 0)
		return "no process for its servers";
	size = process_vm_readv(child, &own, 1, &other, 1, 0);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	return size == 1 ? NULL
	                 : "this kernel lets no process read another's memory (kernel.yama.ptrace_scope)";
}

static const char *missing(void)
{
	static const char *answer;
	static bool known;

	if (!known)
		answer = probe();
	known = true;
	return answer;
}

static const struct native_remote remote = {.connect = connect_channel,
                                            .disconnect = disconnect,
                                            .is_entered = is_entered,
                                            .read_failure = read_failure};

static const struct native_backend process = {
        .name = "process", .missing = missing, .protect = protect, .entry = thunk_address, .remote = &remote};

NATIVE_BACKEND(process);
