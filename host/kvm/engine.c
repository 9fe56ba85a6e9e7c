/* Engine `kvm`: the launcher's end of the VMM. */
#include "host/image.h"
#include "host/kvm/probe.h"
#include "host/kvm/vmm.h"
#include "host/process.h"

#include <errno.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define SETTLE_LIMIT 100000000 /* nanoseconds: an old kernel never waits */

static bool probe(struct engine_config *config, char *reason, size_t size)
{
	(void)config;
	return kvm_probe(reason, size);
}

static void release(struct guest *guest)
{
	munmap(guest->state, sizeof(struct vmm_report));
}

/* A memory file that both processes map. */
static int make_report(struct guest *guest, char *reason, size_t size)
{
	int report = memfd_create("portcullis-report", MFD_CLOEXEC);

	if (report >= 0 && ftruncate(report, sizeof(struct vmm_report)) == 0) {
		guest->state =
		        mmap(NULL, sizeof(struct vmm_report), PROT_READ | PROT_WRITE, MAP_SHARED, report, 0);
		if (guest->state != MAP_FAILED)
			return report;
	}
	snprintf(reason, size, "no memory file for the report: %s", strerror(errno));
	if (report >= 0)
		close(report);
	return -1;
}

static int start(const struct engine_config *config, struct guest *guest, char *reason, size_t size)
{
	char image[24], report[24], memory[24], cpu[24];
	const char *argv[12] = {"/proc/self/exe", "vmm",  "--image",  image,
	                        "--report",       report, "--memory", memory};
	struct process process = {.argv = argv, .keep_count = 2};
	int descriptor = make_report(guest, reason, size), result;
	unsigned count = 8;

	if (descriptor < 0)
		return -1;
	if (config->counting) {
		process.before = config->counting->open;
		process.context = config->counting->context;
	}
	process.keep[0] = config->image;
	process.keep[1] = descriptor;
	snprintf(image, sizeof(image), "%d", config->image);
	snprintf(report, sizeof(report), "%d", descriptor);
	snprintf(memory, sizeof(memory), "%u", config->memory);
	snprintf(cpu, sizeof(cpu), "--cpu=%d", config->cpu);
	if (config->cpu >= 0)
		argv[count++] = cpu;
	if (config->huge_pages)
		argv[count++] = "--huge-pages";
	result = process_start(&process, &guest->pid, &guest->output, &guest->errors, reason, size);
	close(descriptor);
	if (result < 0)
		release(guest);
	return result;
}

/* The line may have come before the guest has begun to wait. */
static void settle(struct guest *guest)
{
	const struct timespec limit = {.tv_nsec = SETTLE_LIMIT};
	struct vmm_report *report = guest->state;
	uint32_t heard = __atomic_load_n(&report->heard, __ATOMIC_RELAXED);

	if (__atomic_load_n(&report->waited, __ATOMIC_ACQUIRE) == heard)
		syscall(SYS_futex, &report->waited, FUTEX_WAIT, heard, &limit, NULL, 0);
}

/* See exits.c. */
static void resume(struct guest *guest)
{
	struct vmm_report *report = guest->state;

	__atomic_fetch_add(&report->heard, 1, __ATOMIC_RELEASE);
	syscall(SYS_futex, &report->heard, FUTEX_WAKE, 1, NULL, NULL, 0);
}

static void interrupt(struct guest *guest)
{
	kill(guest->pid, SIGUSR1);
}

static void diagnose(struct guest *guest, const char *errors, struct diagnosis *diagnosis)
{
	const struct vmm_report *report = guest->state;
	const char *sentence = strstr(errors, "portcullis: ");

	*diagnosis = report->diagnosis;
	diagnosis->registers[sizeof(diagnosis->registers) - 1] = '\0';
	if (diagnosis->depth > TRACE_MAX)
		diagnosis->depth = 0;
	snprintf(diagnosis->statistics, sizeof(diagnosis->statistics),
	         "KVM: %lu VM exits, %lu returns to the VMM, %lu of them for a full ring, %lu for a signal; "
	         "%lu VM exits were interrupts of the host",
	         report->exits, report->returns + report->interrupted, report->ring_writes,
	         report->interrupted, report->interrupts);
	sentence = sentence ? sentence + strlen("portcullis: ") : errors;
	snprintf(diagnosis->reason, sizeof(diagnosis->reason), "%.*s", (int)strcspn(sentence, "\n"),
	         sentence);
}

ENGINE(kvm) = {
        .name = "kvm",
        .summary = "our own VMM on KVM: the CPU itself, all it has but nested VMFUNC, measures time",
        .rank = 0,
        .memory_max = MEMORY_MAX,
        .places = true,
        .counts = ENGINE_COUNTS_GUEST,
        .tick_unit = "tsc",
        .tick_kind = "measured",
        .probe = probe,
        .start = start,
        .settle = settle,
        .resume = resume,
        .interrupt = interrupt,
        .diagnose = diagnose,
        .release = release,
};
