#include "native/server.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <ucontext.h>
#include <unistd.h>

#include "native/channel.h"
#include "native/map.h"
#include "native/thread.h"
#include "native/wire.h"
#include "portcullis/wire.h"

#define THREAD_FLAGS   (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM)
#define ANSWER_SECONDS 1
#define REMOVE_MICROS  100 /* between looks at threads that are to end */

static struct native_domain *domain;
static int control;

static struct client {
	pid_t pid; /* 0: none */
	struct channel *channel;
	cpu_set_t place;
	uint32_t leaving; /* its threads end */
	uint32_t threads; /* that there are */
	bool stacks;      /* are mapped */
} clients[BROKER_PROCESSES_MAX];

static _Noreturn void give_up(void)
{
	_exit(1);
}

/* ---- argument copies --------------------------------------------------------------------------------------
 */

/* backends/library/copy.S, as this program has it. */
extern const char portcullis_copy_start[], portcullis_copy_string[], portcullis_copy_end[];

#define JUMP_SIZE     5
#define LONG_SIZE     14
#define COPIES_OFFSET (PORTCULLIS_GATE_SIZE - PORTCULLIS_PAGE_SIZE) /* of the jumps out of the image */

static bool is_own(const void *pointer, size_t size)
{
	uint64_t offset = (uint64_t)pointer - domain->base;

	return offset < PORTCULLIS_DOMAIN_SIZE && size <= PORTCULLIS_DOMAIN_SIZE - offset;
}

/* The process that the calling thread works for: its stack tells. 0: none. */
static pid_t client_of_thread(void)
{
	uint64_t offset = (uint64_t)__builtin_frame_address(0) - (domain->base + PORTCULLIS_STACKS_OFFSET);
	uint64_t index = offset / PORTCULLIS_STACK_STRIDE / BROKER_SLOTS;

	return index < BROKER_PROCESSES_MAX ? clients[index].pid : 0;
}

/* Between the domain and the client's memory, by the kernel: bytes copied, or -EFAULT. */
static long transfer(void *to, const void *from, size_t size)
{
	bool in = is_own(to, size);
	struct iovec own = {in ? to : (void *)from, size}, other = {in ? (void *)from : to, size};
	pid_t client = client_of_thread();

	if (!client || in == is_own(from, size))
		return -EFAULT;
	return native_call(in ? SYS_process_vm_readv : SYS_process_vm_writev, client, (long)&own, 1,
	                   (long)&other, 1, 0);
}

__attribute__((used)) static long copy(void *to, const void *from, size_t size)
{
	return !size || transfer(to, from, size) == (long)size ? 0 : -EFAULT;
}

/* As portcullis_copy_string(): page by page, for what follows the string may not be mapped. */
__attribute__((used)) static long copy_string(char *to, const char *from, size_t size)
{
	size_t done = 0;

	while (done < size) {
		size_t part = PORTCULLIS_PAGE_SIZE - ((uint64_t)(from + done) & (PORTCULLIS_PAGE_SIZE - 1));
		const char *end;

		if (part > size - done)
			part = size - done;
		if (copy(to + done, from + done, part))
			return -EFAULT;
		end = memchr(to + done, '\0', part);
		if (end)
			return end - to;
		done += part;
	}
	return (long)size;
}

/* At portcullis_copy_start: RCX words and EDX bytes. */
__attribute__((naked)) static void copy_words(void)
{
	__asm__("mov %edx, %edx\n\t"
	        "lea (%rdx,%rcx,8), %rdx\n\t"
	        "jmp copy");
}

__attribute__((naked)) static void copy_characters(void)
{
	__asm__("jmp copy_string");
}

/* jmp rel32 at `from` to a jmp *(%rip) at `over`, which leads to `to`. */
static void redirect(char *from, char *over, void (*to)(void))
{
	static const uint8_t indirect[] = {0xff, 0x25, 0, 0, 0, 0};
	int32_t distance = (int32_t)(over - (from + JUMP_SIZE));

	memcpy(over, indirect, sizeof(indirect));
	memcpy(over + sizeof(indirect), &to, sizeof(to));
	*from = (char)0xe9;
	memcpy(from + 1, &distance, sizeof(distance));
}

/* The image's copies would reach the server's own memory: they become calls of the functions above. */
static void replace_copies(void)
{
	uint64_t image = domain->base + PORTCULLIS_IMAGE_OFFSET;
	char *start = (char *)image + domain->plan.copy_start;
	char *jumps = (char *)domain->base + COPIES_OFFSET;
	size_t size = (size_t)(portcullis_copy_end - portcullis_copy_start);
	uint64_t page = (uint64_t)start & ~(uint64_t)(PORTCULLIS_PAGE_SIZE - 1);
	size_t length = (uint64_t)start + size - page;

	if (domain->plan.copy_start == domain->plan.copy_end)
		return;
	if (domain->plan.copy_end - domain->plan.copy_start != size ||
	    memcmp(start, portcullis_copy_start, size))
		_exit(SERVER_NO_COPIES);
	if (mmap(jumps, PORTCULLIS_PAGE_SIZE, PROT_READ | PROT_WRITE,
	         MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) != jumps ||
	    mprotect((void *)page, length, PROT_READ | PROT_WRITE) < 0)
		give_up();
	redirect(start, jumps, copy_words);
	redirect(start + (portcullis_copy_string - portcullis_copy_start), jumps + LONG_SIZE,
	         copy_characters);
	if (mprotect((void *)page, length, PROT_READ | PROT_EXEC) < 0 ||
	    mprotect(jumps, PORTCULLIS_PAGE_SIZE, PROT_READ | PROT_EXEC) < 0)
		give_up();
}

/* ---- calls ------------------------------------------------------------------------------------------------
 */

/* function(arguments), on this stack. What RAX is; XMM0 becomes registers->vectors[0]. */
__attribute__((naked)) static uint64_t call_entry(uint64_t function, struct channel_registers *registers)
{
	__asm__("push %rbx\n\t"
	        "mov %rsi, %rbx\n\t"
	        "mov %rdi, %rax\n\t"
	        "movups 48(%rbx), %xmm0\n\t"
	        "movups 64(%rbx), %xmm1\n\t"
	        "movups 80(%rbx), %xmm2\n\t"
	        "movups 96(%rbx), %xmm3\n\t"
	        "movups 112(%rbx), %xmm4\n\t"
	        "movups 128(%rbx), %xmm5\n\t"
	        "movups 144(%rbx), %xmm6\n\t"
	        "movups 160(%rbx), %xmm7\n\t"
	        "mov (%rbx), %rdi\n\t"
	        "mov 8(%rbx), %rsi\n\t"
	        "mov 16(%rbx), %rdx\n\t"
	        "mov 24(%rbx), %rcx\n\t"
	        "mov 32(%rbx), %r8\n\t"
	        "mov 40(%rbx), %r9\n\t"
	        "call *%rax\n\t"
	        "movups %xmm0, 48(%rbx)\n\t"
	        "pop %rbx\n\t"
	        "ret");
	(void)function, (void)registers;
}

static void serve_call(struct channel_slot *slot)
{
	struct channel_registers registers = {0};
	uint32_t index = *(volatile uint32_t *)&slot->index;
	bool vector = index & CHANNEL_VECTOR;

	memcpy(registers.arguments, slot->registers.arguments, sizeof(registers.arguments));
	if (vector)
		memcpy(registers.vectors, slot->registers.vectors, sizeof(registers.vectors));
	index &= ~CHANNEL_VECTOR;
	if (index >= domain->plan.descriptor.entry_count) {
		slot->result = (uint64_t)-ENOSYS;
		return;
	}
	slot->result = call_entry(domain_function(domain, index), &registers);
	if (vector)
		memcpy(slot->registers.vectors[0], registers.vectors[0], sizeof(registers.vectors[0]));
}

/* A thread: its stack is the protected one of its slot, and all that it has. */
static void work(void *its_slot)
{
	struct channel_slot *slot = its_slot;
	uint64_t offset = (uint64_t)__builtin_frame_address(0) - (domain->base + PORTCULLIS_STACKS_OFFSET);
	struct client *client = &clients[offset / PORTCULLIS_STACK_STRIDE / BROKER_SLOTS];

	native_call(SYS_sched_setaffinity, 0, sizeof(client->place), (long)&client->place, 0, 0, 0);
	for (;;) {
		channel_wait(&slot->state, CHANNEL_REQUEST, false, &slot->server_sleeps, &client->leaving);
		if (__atomic_load_n(&client->leaving, __ATOMIC_ACQUIRE))
			break;
		serve_call(slot);
		channel_set(&slot->state, CHANNEL_DONE, &slot->client_sleeps);
	}
	__atomic_sub_fetch(&client->threads, 1, __ATOMIC_RELEASE);
}

/* ---- clients ----------------------------------------------------------------------------------------------
 */

/* The CPUs that the process may use. One that has just ended: this one's. */
static cpu_set_t place_of(pid_t pid)
{
	cpu_set_t place;

	if (sched_getaffinity(pid, sizeof(place), &place) < 0)
		sched_getaffinity(0, sizeof(place), &place);
	return place;
}

static void add_client(unsigned index, pid_t pid, int channel)
{
	struct native_domain part = *domain;
	struct client *client = &clients[index];

	client->channel = mmap(NULL, CHANNEL_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, channel, 0);
	close(channel);
	part.first_slot = index * BROKER_SLOTS;
	part.slot_count = BROKER_SLOTS;
	if (client->channel == MAP_FAILED || (!client->stacks && map_stacks(&part)))
		give_up();
	client->stacks = true;
	client->pid = pid;
	client->leaving = 0;
	client->place = place_of(pid);
	client->threads = BROKER_SLOTS;
	for (unsigned i = 0; i < BROKER_SLOTS; i++)
		if (thread_start(THREAD_FLAGS, (void *)domain_stack_top(domain, part.first_slot + i), work,
		                 &client->channel->slots[i]) < 0)
			give_up();
}

/* Its calls end first. The client may write what it wants to its channel meanwhile. */
static void remove_client(unsigned index)
{
	struct client *client = &clients[index];

	__atomic_store_n(&client->leaving, 1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&client->threads, __ATOMIC_ACQUIRE)) {
		for (unsigned i = 0; i < BROKER_SLOTS; i++)
			channel_wake(&client->channel->slots[i].state);
		usleep(REMOVE_MICROS);
	}
	munmap(client->channel, CHANNEL_SIZE);
	client->pid = 0;
}

/* ---- the server's life ------------------------------------------------------------------------------------
 */

static void tell(enum server_kind kind, unsigned index, long result)
{
	struct server_message message = {.kind = kind, .index = index, .result = (int32_t)result};

	if (send(control, &message, sizeof(message), MSG_NOSIGNAL) != sizeof(message))
		give_up();
}

static void call_library(uint64_t function, uint64_t argument, long *result)
{
	*result = function ? (long)map_call(domain_stack_top(domain, 0),
	                                    domain->base + PORTCULLIS_IMAGE_OFFSET + function, argument)
	                   : 0;
}

static void obey(const struct server_message *message, int descriptor)
{
	long result;

	if (message->index >= BROKER_PROCESSES_MAX)
		give_up();
	if (message->kind == SERVER_ADD) {
		add_client(message->index, message->pid, descriptor);
	} else if (message->kind == SERVER_REMOVE) {
		remove_client(message->index);
		call_library(domain->plan.teardown, message->client, &result);
		tell(SERVER_REMOVED, message->index, 0);
	}
}

static void receive(void)
{
	struct server_message message;
	struct iovec part = {&message, sizeof(message)};
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} data;
	struct msghdr packet = {
	        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &data, .msg_controllen = sizeof(data)};
	int descriptor = -1;
	ssize_t size = recvmsg(control, &packet, MSG_CMSG_CLOEXEC);

	if (size < 0 && errno == EINTR)
		return;
	if (size != sizeof(message))
		_exit(0); /* the broker has no more use for it */
	if (packet.msg_controllen >= CMSG_LEN(sizeof(int)))
		memcpy(&descriptor, CMSG_DATA(&data.header), sizeof(descriptor));
	obey(&message, descriptor);
}

/* Of root's power it needs the memory of its clients alone. */
static void drop_rights(void)
{
	struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct rights[2] = {{0}};

	rights[0].effective = rights[0].permitted = 1U << CAP_SYS_PTRACE;
	syscall(SYS_capset, &header, rights);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	prctl(PR_SET_DUMPABLE, 0);
}

/* Its descriptors are memory and control, and nothing where a library would write to by chance. */
static void close_others(int *memory)
{
	int null = open("/dev/null", O_RDWR), high = fcntl(*memory, F_DUPFD, 100);

	control = fcntl(control, F_DUPFD, 100);
	for (int i = 0; i < 3; i++)
		dup2(null, i);
	dup2(high, 3);
	dup2(control, 4);
	*memory = 3;
	control = 4;
	syscall(SYS_close_range, 5, ~0U, 0);
}

/* ---- system calls of the library --------------------------------------------------------------------------
 */

/* The caller's process makes it. It has ANSWER_SECONDS, for it must not hold up others. */
static long call_in_client(uint32_t number, const greg_t *registers)
{
	const struct timespec patience = {.tv_sec = ANSWER_SECONDS};
	uint64_t place = ((uint64_t)__builtin_frame_address(0) - (domain->base + PORTCULLIS_STACKS_OFFSET)) /
	                 PORTCULLIS_STACK_STRIDE;
	struct client *client = &clients[place / BROKER_SLOTS];
	const greg_t words[] = {registers[REG_RDI], registers[REG_RSI], registers[REG_RDX],
	                        registers[REG_R10], registers[REG_R8],  registers[REG_R9]};
	struct channel_slot *slot;
	long late = 0;

	if (place / BROKER_SLOTS == 0 || place / BROKER_SLOTS >= BROKER_PROCESSES_MAX)
		return -EPERM; /* init or teardown */
	slot = &client->channel->slots[place % BROKER_SLOTS];
	slot->call = number;
	memcpy(slot->registers.arguments, words, sizeof(words));
	__atomic_store_n(&slot->server_sleeps, 1, __ATOMIC_SEQ_CST);
	channel_set(&slot->state, CHANNEL_CALL, &slot->client_sleeps);
	while (__atomic_load_n(&slot->state, __ATOMIC_ACQUIRE) == CHANNEL_CALL && late != -ETIMEDOUT &&
	       !__atomic_load_n(&client->leaving, __ATOMIC_SEQ_CST))
		late = native_call(SYS_futex, (long)&slot->state, CHANNEL_FUTEX_WAIT, CHANNEL_CALL,
		                   (long)&patience, 0, 0);
	__atomic_store_n(&slot->server_sleeps, 0, __ATOMIC_SEQ_CST);
	return __atomic_load_n(&slot->state, __ATOMIC_ACQUIRE) == CHANNEL_ANSWER ? (long)slot->result
	                                                                         : -EAGAIN;
}

static long attach(const greg_t *registers)
{
	uint64_t *slots = (uint64_t *)registers[REG_R10], count = (uint64_t)registers[REG_R8];

	if (count > PORTCULLIS_ENTRIES_MAX)
		return -ESTALE;
	if (!is_own(slots, count * sizeof(*slots)))
		return -EFAULT;
	return domain_attach((const char *)registers[REG_RDI], (unsigned)registers[REG_RSI],
	                     (uint64_t)registers[REG_RDX], slots, (unsigned)count);
}

static void handle_call(int number, siginfo_t *info, void *its_context)
{
	greg_t *registers = ((ucontext_t *)its_context)->uc_mcontext.gregs;

	(void)number;
	switch (info->si_syscall) {
	case PORTCULLIS_SYS_ATTACH:
		registers[REG_RAX] = attach(registers);
		break;
	case PORTCULLIS_SYS_WIRE_MAP:
		registers[REG_RAX] = wire_map((uint64_t)registers[REG_RDI], (uint64_t)registers[REG_RSI],
		                              (uint64_t)registers[REG_RDX], (unsigned)registers[REG_R10]);
		break;
	default:
		registers[REG_RAX] = call_in_client((uint32_t)info->si_syscall, registers);
	}
}

#define LOAD(field)      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define LOAD_HIGH(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field) + 4)
#define RETURN(what)     BPF_STMT(BPF_RET | BPF_K, what)
#define IF(value)        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1)
#define TRAP(number)     IF(number), RETURN(SECCOMP_RET_TRAP)
#define REFUSE(number)   IF(number), RETURN(SECCOMP_RET_ERRNO | EPERM)

/* The library's attaches to others, and what concerns its caller's process, come back; what would concern
 * this one or others is refused. */
static void take_calls(void)
{
	struct sock_filter rules[] = {
	        LOAD_HIGH(instruction_pointer),
	        IF(NATIVE_TEXT >> 32),
	        RETURN(SECCOMP_RET_ALLOW),
	        LOAD(nr),
	        TRAP(PORTCULLIS_SYS_ATTACH),
	        TRAP(PORTCULLIS_SYS_WIRE_MAP),
	        TRAP(SYS_mmap),
	        TRAP(SYS_munmap),
	        TRAP(SYS_getpid),
	        REFUSE(SYS_kill),
	        REFUSE(SYS_tkill),
	        REFUSE(SYS_tgkill),
	        REFUSE(SYS_execve),
	        REFUSE(SYS_execveat),
	        RETURN(SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = {sizeof(rules) / sizeof(rules[0]), rules};
	struct sigaction action = {.sa_sigaction = handle_call, .sa_flags = SA_SIGINFO | SA_NODEFER};

	if (sigaction(SIGSYS, &action, NULL) < 0 ||
	    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW, &program) < 0)
		give_up();
}

/* ---- the start --------------------------------------------------------------------------------------------
 */

_Noreturn void server_run(const struct server_task *task)
{
	char name[BROKER_NAME_SIZE], secret[BROKER_SECRET_SIZE];
	int memory = task->memory;
	cpu_set_t place = place_of(task->first);
	sigset_t none;
	long result = 0;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sched_setaffinity(0, sizeof(place), &place);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	memcpy(name, task->name, sizeof(name));
	memcpy(secret, task->secret, sizeof(secret));
	broker_know(name, secret);
	control = task->control;
	close_others(&memory);
	drop_rights();
	domain = domain_adopt(task->plan, task->number, task->shared, memory);
	if (!domain)
		give_up();
	domain->device = task->device;
	domain->inode = task->inode;
	replace_copies();
	take_calls();
	if (!task->ready) {
		call_library(domain->plan.init, 0, &result);
		tell(SERVER_READY, 0, (int)result < 0 ? (int)result : 0);
	}
	for (;;)
		receive();
}
