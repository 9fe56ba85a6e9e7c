/* Engine `native`: no guest at all. The plan's programs run as ordinary processes (backends/native). */
#include "host/engine.h"
#include "host/image.h"
#include "host/install.h"
#include "host/process.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool probe(struct engine_config *config, char *reason, size_t size)
{
	const char *path = install_path("portcullis-native");

	(void)config;
	if (access(path, X_OK) == 0)
		return true;
	snprintf(reason, size, "%s is not there", path);
	return false;
}

static int start(const struct engine_config *config, struct guest *guest, char *reason, size_t size)
{
	char image[24];
	const char *argv[] = {install_path("portcullis-native"), "run", image, NULL};
	struct process process = {.argv = argv, .keep = {config->image}, .keep_count = 1};

	snprintf(image, sizeof(image), "%d", config->image);
	return process_start(&process, &guest->pid, &guest->output, &guest->errors, reason, size);
}

/* The process tree of a run ends with its first process, which ends with the runner. */
static void interrupt(struct guest *guest)
{
	kill(guest->pid, SIGKILL);
}

static void diagnose(struct guest *guest, const char *errors, struct diagnosis *diagnosis)
{
	static const char name[] = "portcullis-native: ";
	const char *sentence = strstr(errors, name);

	(void)guest;
	sentence = sentence ? sentence + strlen(name) : errors;
	snprintf(diagnosis->reason, sizeof(diagnosis->reason), "%.*s", (int)strcspn(sentence, "\n"),
	         sentence);
}

static void release(struct guest *guest)
{
	(void)guest;
}

ENGINE(native) = {
        .name = "native",
        .summary = "this Linux itself: programs are its processes, measures time",
        .rank = ENGINE_RANK_NAMED,
        .memory_max = MEMORY_MAX,
        .tick_unit = "tsc",
        .tick_kind = "measured",
        .probe = probe,
        .start = start,
        .interrupt = interrupt,
        .diagnose = diagnose,
        .release = release,
};
