/* `portcullis vmm`: one guest, from its RAM image to its end. The engine starts it; see vmm.h. */
#include "guest/abi/boot.h"
#include "host/command.h"
#include "host/image.h"
#include "host/kvm/vmm.h"
#include "host/options.h"
#include "host/report.h"
#include "host/status.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MIB          (1UL << 20)
#define DRAIN_PERIOD 1000000 /* nanoseconds between looks at the ring */

static struct {
	uint64_t image, report, memory, cpu;
	bool huge_pages, help;
} request = {.image = UINT64_MAX, .report = UINT64_MAX, .cpu = UINT64_MAX};

static const struct option_row options[] = {
        {"image", 0, OPTION_NUMBER, "FD", "descriptor of the RAM image", &request.image, 0, INT32_MAX},
        {"report", 0, OPTION_NUMBER, "FD", "descriptor of a file for the report", &request.report, 0,
         INT32_MAX},
        {"memory", 0, OPTION_NUMBER, "MIB", "RAM of the guest", &request.memory, MEMORY_MIN, MEMORY_MAX},
        {"cpu", 0, OPTION_NUMBER, "N", "the host's CPU that runs the guest (default: any)", &request.cpu, 0,
         CPU_SETSIZE - 1},
        {"huge-pages", 0, OPTION_FLAG, NULL, "take the guest's memory from the pool of huge pages",
         &request.huge_pages, 0, 0},
        {"help", 'h', OPTION_FLAG, NULL, "print this text", &request.help, 0, 0},
        {0},
};

static struct vmm vmm = {.output = STDOUT_FILENO, .draining = PTHREAD_MUTEX_INITIALIZER};
static volatile sig_atomic_t stopping;

/* On standard error, with nothing but a write. */
static void say(const char *reason)
{
	char line[REASON_MAX + 16];
	int length = snprintf(line, sizeof(line), "portcullis: %s\n", reason);

	(void)!write(STDERR_FILENO, line, (size_t)length);
}

static void stop(int signal)
{
	(void)signal;
	stopping = 1;
	if (vmm.run)
		vmm.run->immediate_exit = 1;
}

static int load(char *reason, size_t size)
{
	struct boot_header *header = memory_at(&vmm, IMAGE_ADDRESS + BOOT_HEADER_OFFSET, sizeof(*header));
	struct stat stat;
	uint64_t done = 0, bytes;
	uint8_t *to;

	if (fstat((int)request.image, &stat) < 0) {
		snprintf(reason, size, "no RAM image: %s", strerror(errno));
		return -1;
	}
	bytes = (uint64_t)stat.st_size;
	to = memory_at(&vmm, IMAGE_ADDRESS, bytes);
	if (!to || bytes < BOOT_HEADER_OFFSET + sizeof(*header)) {
		snprintf(reason, size, "a RAM image of %lu bytes does not fit", bytes);
		return -1;
	}
	while (done < bytes) {
		ssize_t count = pread((int)request.image, to + done, bytes - done, (off_t)done);

		if (count <= 0) {
			snprintf(reason, size, "the RAM image cannot be read: %s",
			         count ? strerror(errno) : "it shrinks");
			return -1;
		}
		done += (uint64_t)count;
	}
	header->ring = RING_ADDRESS;
	vmm.ring = memory_at(&vmm, RING_ADDRESS, sizeof(*vmm.ring));
	statistics_open(&vmm);
	return cpu_init(&vmm, header->entry, reason, size);
}

static int map_report(char *reason, size_t size)
{
	vmm.report =
	        mmap(NULL, sizeof(*vmm.report), PROT_READ | PROT_WRITE, MAP_SHARED, (int)request.report, 0);
	if (vmm.report != MAP_FAILED)
		return 0;
	snprintf(reason, size, "no report: %s", strerror(errno));
	return -1;
}

/* The ring is emptied while the guest runs, too, so that what it says is heard soon. */
static void *drain(void *argument)
{
	const struct timespec period = {0, DRAIN_PERIOD};
	char reason[REASON_MAX];

	pthread_barrier_wait(argument);
	while (ring_drain(&vmm, reason, sizeof(reason)) == 0)
		clock_nanosleep(CLOCK_MONOTONIC, 0, &period, NULL);
	say(reason);
	_exit(STATUS_DIED);
}

/* Returns when the thread runs: its first system calls are not in the sandbox's list. Signals go to this
 * thread. */
static int start_drain(char *reason, size_t size)
{
	static pthread_barrier_t running;
	sigset_t all, before;
	pthread_t thread;
	int error = pthread_barrier_init(&running, NULL, 2);

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	if (!error)
		error = pthread_create(&thread, NULL, drain, &running);
	if (!error)
		pthread_barrier_wait(&running);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (error)
		snprintf(reason, size, "no thread: %s", strerror(error));
	return error ? -1 : 0;
}

static int pin(char *reason, size_t size)
{
	cpu_set_t set;

	if (request.cpu == UINT64_MAX)
		return 0;
	CPU_ZERO(&set);
	CPU_SET(request.cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) == 0)
		return 0;
	snprintf(reason, size, "--cpu %lu: %s", request.cpu, strerror(errno));
	return -1;
}

static int confine(char *reason, size_t size)
{
	int error = sandbox_enter();

	if (error)
		snprintf(reason, size, "no seccomp filter: %s", strerror(-error));
	return error ? -1 : 0;
}

static enum verdict run_guest(char *reason, size_t size)
{
	enum verdict verdict = VERDICT_RUN;

	while (verdict == VERDICT_RUN && !stopping) {
		if (ioctl(vmm.cpu, KVM_RUN, 0) == 0) {
			verdict = exit_handle(&vmm, reason, size);
		} else if (errno == EINTR || errno == EAGAIN) {
			vmm.report->interrupted++;
		} else {
			snprintf(reason, size, "KVM does not run the guest: %s", strerror(errno));
			verdict = VERDICT_DEAD;
		}
	}
	return verdict;
}

/* The process ends at once: the thread that drains the ring is in it. */
static _Noreturn void finish(enum verdict verdict, const char *reason)
{
	char unheard[REASON_MAX];

	ring_drain(&vmm, unheard, sizeof(unheard));
	vmm.report->exits = statistics_read(&vmm, STATISTIC_EXITS);
	vmm.report->interrupts = statistics_read(&vmm, STATISTIC_INTERRUPTS);
	if (verdict == VERDICT_END)
		_exit(STATUS_OK);
	cpu_diagnose(&vmm, &vmm.report->diagnosis);
	if (verdict == VERDICT_RUN)
		vmm.report->diagnosis.ending = ENDING_STOPPED;
	else
		say(reason);
	_exit(STATUS_DIED);
}

static int run(int argc, char **argv)
{
	char reason[REASON_MAX] = "";

	options_parse(options, "vmm", argc, argv);
	if (request.help) {
		printf("Usage: portcullis vmm --image FD --report FD --memory MIB [OPTION ...]\n\n"
		       "Runs one guest on KVM; `portcullis run --engine kvm` starts it.\n\n");
		options_help(options);
		return STATUS_OK;
	}
	if (request.image == UINT64_MAX || request.report == UINT64_MAX || !request.memory) {
		report_error("--image, --report and --memory are needed");
		return STATUS_USAGE;
	}
	signal(SIGUSR1, stop);
	if (map_report(reason, sizeof(reason)) < 0 ||
	    machine_create(&vmm, request.memory * MIB, request.huge_pages, reason, sizeof(reason)) < 0 ||
	    load(reason, sizeof(reason)) < 0 || start_drain(reason, sizeof(reason)) < 0 ||
	    pin(reason, sizeof(reason)) < 0 || confine(reason, sizeof(reason)) < 0) {
		report_error("%s", reason);
		return STATUS_NO_ENGINE;
	}
	finish(run_guest(reason, sizeof(reason)), reason);
}

COMMAND(vmm) = {.name = "vmm", .summary = "one guest on KVM (what engine kvm starts)", .run = run};
