/*
 * served CASE: a client of backend `process` that does not keep to the rules, and clients of a server that
 * dies. Prints "ok CLAIM" or "not ok CLAIM", a line each.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "keeper.h"
#include "native/channel.h"
#include "portcullis/portcullis.h"
#include "portcullis/stubs.h"

#define SECRET        0x5ec2e7
#define SECONDS_MAX   5
#define THREADS       40 /* more than slots */
#define CALLS         200
#define PROCESSES_MAX 1000
#define WORDS_SIZE    70 /* in front of argv[0]: the broker's name and secret, which is wiped there */
#define TICKETS       100

static bool failed;
static int inside, stop;

static void claim(bool holds, const char *text)
{
	printf("%s %s\n", holds ? "ok" : "not ok", text);
	fflush(stdout);
	failed |= !holds;
}

static void attach(unsigned flags)
{
	if (portcullis_attach("keeper", flags)) {
		printf("not ok attach: %s\n", portcullis_error());
		exit(1);
	}
	keeper_put(SECRET);
}

static uint64_t base(void)
{
	extern struct portcullis_stubs start[] __asm__("__start_portcullis_stubs");

	return start->slots[0] & ~(uint64_t)(PORTCULLIS_DOMAIN_SIZE - 1);
}

static struct channel_slot *slot_at(unsigned number)
{
	return &((struct channel *)(base() + PORTCULLIS_GATE_DATA_OFFSET))->slots[number];
}

/* Sets the state, wakes whoever waits, and waits until it is no more. The new one. */
static uint32_t change(struct channel_slot *slot, uint32_t state)
{
	time_t end = time(NULL) + SECONDS_MAX;

	__atomic_store_n(&slot->state, state, __ATOMIC_SEQ_CST);
	syscall(SYS_futex, &slot->state, FUTEX_WAKE, 8, NULL, NULL, 0);
	while (__atomic_load_n(&slot->state, __ATOMIC_ACQUIRE) == state && time(NULL) <= end)
		sched_yield();
	return slot->state;
}

/* ---- cases ---- */

static void case_forged(void)
{
	static const uint32_t indices[] = {5, 1023, 0x7fffffff, 0x80000005, 0xffffffff};
	unsigned wrong = 0;

	attach(PORTCULLIS_PRIVATE);
	for (unsigned i = 0; i < sizeof(indices) / sizeof(indices[0]); i++)
		for (unsigned number = 0; number < BROKER_SLOTS; number++) {
			slot_at(number)->index = indices[i];
			slot_at(number)->registers.arguments[0] = ~0UL;
			wrong += change(slot_at(number), CHANNEL_REQUEST) != CHANNEL_DONE ||
			         slot_at(number)->result != (uint64_t)-ENOSYS;
		}
	claim(!wrong, "a call with an index out of range is none");
	for (unsigned number = 0; number < BROKER_SLOTS; number++)
		memset(slot_at(number), 0xff, sizeof(struct channel_slot));
	claim(keeper_get() == SECRET, "a client that writes all over its channel can go on");
}

static void *stay(void *unused)
{
	(void)unused;
	keeper_stay(&inside, &stop);
	return NULL;
}

/* The runtime waits for the server: it must not do for the application what that may not do by itself. */
static void case_deputy(void)
{
	const uint64_t gate = (attach(PORTCULLIS_PRIVATE), base());
	const struct {
		uint32_t call;
		uint64_t words[6];
		const char *text;
	} calls[] = {
	        {SYS_munmap, {gate, PORTCULLIS_PAGE_SIZE}, "unmap a gate"},
	        {SYS_munmap, {NATIVE_TEXT, PORTCULLIS_PAGE_SIZE}, "unmap the runtime"},
	        {SYS_munmap,
	         {PORTCULLIS_APPLICATION_END - PORTCULLIS_PAGE_SIZE, 1UL << 43},
	         "unmap all domains"},
	        {SYS_munmap,
	         {PORTCULLIS_DOMAINS_END, -1UL << 12},
	         "unmap what lies behind the end of memory"},
	        {SYS_mmap, {0, 4096, 7, MAP_PRIVATE | MAP_ANONYMOUS}, "map memory that can be executed"},
	        {SYS_mmap, {gate, 4096, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED}, "map over a gate"},
	        {SYS_mprotect, {gate, 4096, 7}, "make a gate writable"},
	};
	struct channel_slot *slot;
	pthread_t thread;
	unsigned number = 0;
	uint64_t result;
	char text[96];

	pthread_create(&thread, NULL, stay, NULL);
	while (!*(volatile int *)&inside)
		sched_yield();
	while (slot_at(number)->state != CHANNEL_REQUEST)
		number++;
	slot = slot_at(number);
	for (unsigned i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		slot->call = calls[i].call;
		memcpy(slot->registers.arguments, calls[i].words, sizeof(calls[i].words));
		slot->result = 0;
		change(slot, CHANNEL_CALL);
		result = slot->result;
		snprintf(text, sizeof(text), "the runtime does not %s for a program that writes its channel",
		         calls[i].text);
		claim(slot->state == CHANNEL_ANSWER && result == (uint64_t)-EPERM, text);
	}
	stop = 1;
	pthread_join(thread, NULL);
	claim(keeper_get() == SECRET, "the library works");
}

static void case_pointers(void)
{
	int zero = 0, one = 1;

	attach(PORTCULLIS_PRIVATE);
	claim(keeper_stay(&zero, &one) == 0 && zero == 1,
	      "arguments are read and written where the caller has them");
	claim(keeper_stay((int *)8, &one) == -EFAULT, "where it has none, that is an error");
	claim(keeper_stay((int *)keeper_address(), &one) == -EFAULT, "so is an address of the domain");
	claim(keeper_stay((int *)NATIVE_TEXT, &one) == -EFAULT, "and one of the runtime");
	claim(keeper_get() == SECRET, "nothing has been written there");
}

static void *call_often(void *wrong)
{
	for (int i = 0; i < CALLS; i++)
		*(unsigned *)wrong += keeper_get() != SECRET;
	return NULL;
}

static void case_threads(void)
{
	pthread_t threads[THREADS];
	unsigned wrong[THREADS] = {0}, sum = 0;

	attach(PORTCULLIS_PRIVATE);
	for (unsigned i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, call_often, &wrong[i]);
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		sum += wrong[i];
	}
	claim(!sum, "more threads than slots call, and take turns");
}

static void case_crashed(void)
{
	int *words = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0), status = -1;
	const char *why;
	pid_t child;

	attach(PORTCULLIS_SHARED);
	child = fork();
	if (child == 0)
		_exit(keeper_stay(&words[0], &words[1]) != PORTCULLIS_FAILED ||
		      keeper_get() != PORTCULLIS_FAILED);
	while (!*(volatile int *)words)
		sched_yield();
	keeper_crash();
	claim(keeper_get() == PORTCULLIS_FAILED,
	      "the library crashes: its server is gone, and calls return an error");
	waitpid(child, &status, 0);
	claim(status == 0, "a client that waits inside gets it, too");
	why = portcullis_failure("keeper");
	claim(why && !strcmp(why, "its server was ended by signal 4 (Illegal instruction)"),
	      "and all are told why");
	portcullis_detach("keeper");
	attach(PORTCULLIS_SHARED);
	claim(keeper_get() == SECRET && !portcullis_failure("keeper"), "who attaches again has a new server");
}

static void case_out_of_sight(void)
{
	unsigned others = 0;

	attach(PORTCULLIS_SHARED);
	for (pid_t process = 2; process < PROCESSES_MAX; process++)
		others += process != getpid() && kill(process, 0) == 0;
	claim(!others, "no server is among the processes that a program can name");
	kill(-1, SIGKILL);
	claim(keeper_get() == SECRET, "the library survives the end of all others");
}

/* ---- what the broker does for a program that has found the run's secret ---- */

static bool is_digits(const char *text, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!strchr("0123456789abcdef", text[i]) || !text[i])
			return false;
	return !text[count];
}

/* In the runtime's variables: its file says where they are. */
static const char *find_secret(void)
{
	Elf64_Ehdr header;
	Elf64_Phdr part;
	int file = open(NATIVE_PATH, O_RDONLY);

	if (pread(file, &header, sizeof(header), 0) != sizeof(header))
		return NULL;
	for (unsigned i = 0; i < header.e_phnum; i++) {
		const char *start;

		if (pread(file, &part, sizeof(part), (off_t)(header.e_phoff + i * sizeof(part))) !=
		    sizeof(part))
			return NULL;
		start = (const char *)part.p_vaddr;
		for (size_t at = 0;
		     part.p_type == PT_LOAD && part.p_flags & PF_W && at + BROKER_SECRET_SIZE < part.p_memsz;
		     at++)
			if (is_digits(start + at, BROKER_SECRET_SIZE - 1) && (!at || !start[at - 1]))
				return start + at;
	}
	return NULL;
}

/* Sends the request, with a descriptor if it is not negative. The result, and what comes with it. */
static long ask(const char *name, struct broker_request *request, int with, int descriptors[2])
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct broker_answer answer = {.result = -ENOTCONN};
	struct iovec part = {request, sizeof(*request)};
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(2 * sizeof(int))];
	} control = {.header = {.cmsg_len = CMSG_LEN(sizeof(int)),
	                        .cmsg_level = SOL_SOCKET,
	                        .cmsg_type = SCM_RIGHTS}};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
	int to = socket(AF_UNIX, SOCK_SEQPACKET, 0);

	memcpy(address.sun_path + 1, name, strlen(name));
	if (connect(to, (struct sockaddr *)&address,
	            (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name))))
		return -ENOTCONN;
	if (with >= 0) {
		memcpy(CMSG_DATA(&control.header), &with, sizeof(with));
		message.msg_control = &control;
		message.msg_controllen = CMSG_SPACE(sizeof(int));
	}
	if (sendmsg(to, &message, 0) < 0)
		return -errno;
	part = (struct iovec){&answer, sizeof(answer)};
	message.msg_control = &control;
	message.msg_controllen = sizeof(control);
	recvmsg(to, &message, 0);
	if (message.msg_controllen >= CMSG_LEN(2 * sizeof(int)))
		memcpy(descriptors, CMSG_DATA(&control.header), 2 * sizeof(int));
	close(to);
	return (long)answer.result;
}

static void case_secret(const char *argument)
{
	const char *name = memmem(argument - WORDS_SIZE, WORDS_SIZE, "portcullis-", 11),
	           *secret = find_secret();
	struct broker_request request = {.kind = BROKER_ATTACH, .from = BROKER_NO_DOMAIN};
	extern struct portcullis_stubs start[] __asm__("__start_portcullis_stubs");
	int descriptors[2] = {-1, -1}, image = open(PORTCULLIS_IMAGE_DIRECTORY "/keeper.image", O_RDONLY);
	struct stat status = {0};
	unsigned claimed = 0;

	claim(name && secret, "a program finds the secret in its runtime's memory");
	if (failed)
		return;
	memcpy(request.secret, secret, BROKER_SECRET_SIZE);
	request.interface = start->interface;
	request.count = start->count;
	claim(ask(name, &request, image, descriptors) == 0 && descriptors[1] >= 0,
	      "and can attach by itself");
	fstat(descriptors[0], &status);
	claim(status.st_size == CHANNEL_SIZE, "it gets the channel, not the domain");
	claim(pwrite(descriptors[1], "", 1, 0) < 0, "and an image that it cannot change");
	request.kind = BROKER_WIRE;
	request.size = PORTCULLIS_PAGE_SIZE;
	claim(ask(name, &request, -1, descriptors) == -EPERM, "no end of a library's wire");
	request.kind = BROKER_CLAIM;
	for (request.value = 0; request.value < TICKETS; request.value++)
		claimed += ask(name, &request, -1, descriptors) != -ESRCH;
	claim(!claimed, "no other process's place");
	request.kind = BROKER_FAIL;
	request.number = NATIVE_DOMAINS_MAX - 1;
	ask(name, &request, -1, descriptors);
	claim(portcullis_attach("keeper", PORTCULLIS_SHARED) != 0 || keeper_get() == 0,
	      "and fails no library");
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*function)(void);
	} cases[] = {{"crashed", case_crashed}, {"forged", case_forged},
	             {"deputy", case_deputy},   {"pointers", case_pointers},
	             {"threads", case_threads}, {"out-of-sight", case_out_of_sight}};

	for (size_t i = 0; argc == 2 && i < sizeof(cases) / sizeof(cases[0]); i++)
		if (!strcmp(argv[1], cases[i].name))
			cases[i].function();
	if (argc == 2 && !strcmp(argv[1], "secret"))
		case_secret(argv[0]);
	return failed;
}
