#include "host/trial.h"

#include "guest/abi/link.h"
#include "host/archive.h"
#include "host/image.h"
#include "host/install.h"
#include "host/json.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SECONDS 30

/* An instruction that takes so many times as long as RDTSC costs VM exits: a VMFUNC of the CPU's own takes 5
 * times as long, an emulated one hundreds of times. */
#define EMULATED_FROM 30

#define FAULT_BY_KEY 0x20 /* of a page fault's error code: SDM vol. 3A, 4.7 */

/* A feature that has not been offered cannot be tried. */
static const char plan[] = "ring -- /bin/tryout ring\n"
                           "guard backend=pku -- /bin/tryout guard\n"
                           "vmfunc backend=vmfunc -- /bin/tryout vmfunc\n";

const char *finding_name(enum finding finding)
{
	static const char *const names[] = {"unknown", "absent", "unusable", "broken", "works", "emulated"};

	return names[finding];
}

static uint64_t number(const char *object, const char *key)
{
	uint64_t value;

	json_number(object, key, &value);
	return value;
}

/* ---- what the guest says --------------------------------------------------------------------- */

/* CPUID's word, until a trial finds more. An engine whose guest does not say is none that was tried. */
static enum finding offered(const char *boot, const char *key, enum finding finding)
{
	uint64_t has;

	if (!json_number(boot, key, &has))
		return FINDING_UNKNOWN;
	return has ? finding : FINDING_ABSENT;
}

static void take_boot(struct trial *trial, const char *boot)
{
	json_string(boot, "cpu", trial->cpu, sizeof(trial->cpu));
	json_string(boot, "remarks", trial->remarks, sizeof(trial->remarks));
	trial->pku = offered(boot, "pku", FINDING_UNUSABLE);
	trial->vmx = offered(boot, "vmx", FINDING_UNUSABLE);
	trial->vmfunc = trial->vmx;
	trial->pcid = offered(boot, "pcid", FINDING_WORKS);
	trial->tsc_hz = number(boot, "tsc_hz");
}

static void take_probe(struct trial *trial, const char *probe)
{
	uint64_t executed = number(probe, "pmu_executed"), counted = number(probe, "pmu_counted");

	trial->tsc_invariant = number(probe, "tsc_invariant") ? FINDING_WORKS : FINDING_ABSENT;
	if (!number(probe, "pmu_version"))
		trial->pmu = FINDING_ABSENT;
	else if (counted >= executed && counted < 2 * executed)
		trial->pmu = FINDING_WORKS;
	else
		trial->pmu = FINDING_BROKEN;
}

static void take_record(struct trial *trial, const char *record)
{
	char what[16];

	json_string(record, "tryout", what, sizeof(what));
	if (!strcmp(what, "ring")) {
		trial->ring3 = number(record, "ring") == 3;
	} else if (!strcmp(what, "guard")) {
		trial->pku = number(record, "faults") && number(record, "error") & FAULT_BY_KEY
		                     ? FINDING_WORKS
		                     : FINDING_BROKEN;
	} else if (!strcmp(what, "vmfunc")) {
		trial->vmx = FINDING_WORKS;
		trial->vmfunc_ticks = number(record, "vmfunc_ticks");
		trial->rdtsc_ticks = number(record, "rdtsc_ticks");
		trial->vmfunc = trial->vmfunc_ticks < EMULATED_FROM * trial->rdtsc_ticks ? FINDING_WORKS
		                                                                         : FINDING_EMULATED;
	}
}

static bool take_line(void *context, char type, const char *payload, size_t size)
{
	(void)size;
	if (type == LINK_BOOT)
		take_boot(context, payload);
	else if (type == LINK_PROBE)
		take_probe(context, payload);
	else if (type == LINK_RECORD)
		take_record(context, payload);
	return true;
}

static void ignore_console(void *context, const char *text, size_t size)
{
	(void)context, (void)text, (void)size;
}

static void ignore_time(void *context, unsigned seconds)
{
	(void)context, (void)seconds;
}

/* ---- the guest ------------------------------------------------------------------------------- */

static int make_image(const struct trial *trial, const char *options, char *reason, size_t size)
{
	struct image_parts parts = {.kernel = install_path("guest/kernel.bin"),
	                            .memory = trial->config.memory};
	struct buffer command = {0};
	int image = -1;

	buffer_printf(&command, "probe=1 tsc_hz=%lu", trial->engine->tsc_hz);
	if (options)
		buffer_printf(&command, " %s", options);
	parts.command = command.data;
	buffer_append(&parts.plan, plan, strlen(plan));
	if (archive_load(install_path("guest/probe"), &parts.archive, reason, size) == 0)
		image = image_build(&parts, reason, size);
	buffer_free(&command);
	buffer_free(&parts.plan);
	buffer_free(&parts.archive);
	return image;
}

static void judge(struct trial *trial, const struct outcome *outcome)
{
	switch (outcome->cause) {
	case CAUSE_ENDED:
		trial->works = trial->ring3;
		snprintf(trial->reason, sizeof(trial->reason), "no program ran in ring 3");
		break;
	case CAUSE_SIGNAL:
		trial->signal = outcome->signal;
		break;
	case CAUSE_TIMEOUT:
		snprintf(trial->reason, sizeof(trial->reason),
		         "a guest with next to nothing to do did not end within %d s", SECONDS);
		break;
	case CAUSE_TRIPLE_FAULT:
		snprintf(trial->reason, sizeof(trial->reason), "the guest dies of a triple fault");
		break;
	default:
		snprintf(trial->reason, sizeof(trial->reason), "%s", outcome->text);
		break;
	}
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

void trial_run(struct trial *trial, const char *options)
{
	struct watch_events events = {
	        .console = ignore_console, .line = take_line, .idle = ignore_time, .context = trial};
	struct outcome outcome;
	double start;

	trial->config.rom = install_path("guest/rom.bin");
	if (!trial->engine->probe(&trial->config, trial->reason, sizeof(trial->reason)) ||
	    image_check_rom(trial->config.rom, trial->reason, sizeof(trial->reason)) < 0)
		return;
	trial->config.image = make_image(trial, options, trial->reason, sizeof(trial->reason));
	if (trial->config.image < 0)
		return;
	start = now();
	if (watch_guest(trial->engine, &trial->config, SECONDS, &events, &outcome, trial->reason,
	                sizeof(trial->reason)) == 0)
		judge(trial, &outcome);
	trial->seconds = now() - start;
	close(trial->config.image);
}
