/* Engine `native`: no guest at all. The plan's programs run as ordinary processes (backends/native). */
#include "host/engine.h"
#include "host/image.h"
#include "host/install.h"
#include "host/process.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char *platform(const struct engine_config *config)
{
	return config->platform ? config->platform : install_path("portcullis-native");
}

static bool probe(struct engine_config *config, char *reason, size_t size)
{
	const char *path = platform(config);

	if (access(path, X_OK) == 0)
		return true;
	snprintf(reason, size, "%s is not there", path);
	return false;
}

/* Where the runner waits for resume() is a socket, `state` as its number and one: the runner inherits the
 * other end. */
static int start(const struct engine_config *config, struct guest *guest, char *reason, size_t size)
{
	char image[24], hold[24];
	const char *argv[] = {platform(config), "run", image, config->counting ? hold : NULL, NULL};
	struct process process = {.argv = argv, .keep = {config->image}, .keep_count = 1};
	int pair[2], result;

	snprintf(image, sizeof(image), "%d", config->image);
	if (!config->counting)
		return process_start(&process, &guest->pid, &guest->output, &guest->errors, reason, size);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
		snprintf(reason, size, "no socket: %s", strerror(errno));
		return -1;
	}
	snprintf(hold, sizeof(hold), "%d", pair[1]);
	process.keep[process.keep_count++] = pair[1];
	process.before = config->counting->open;
	process.context = config->counting->context;
	result = process_start(&process, &guest->pid, &guest->output, &guest->errors, reason, size);
	close(pair[1]);
	if (result < 0)
		close(pair[0]);
	else
		guest->state = (void *)(intptr_t)(pair[0] + 1);
	return result;
}

/* A runner that is gone is told by the end of its streams. */
static void resume(struct guest *guest)
{
	send((int)(intptr_t)guest->state - 1, "", 1, MSG_NOSIGNAL);
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
	if (guest->state)
		close((int)(intptr_t)guest->state - 1);
}

ENGINE(native) = {
        .name = "native",
        .summary = "this Linux itself: programs are its processes, measures time",
        .rank = ENGINE_RANK_NAMED,
        .memory_max = MEMORY_MAX,
        .platforms = true,
        .counts = ENGINE_COUNTS_PROCESSES,
        .tick_unit = "tsc",
        .tick_kind = "measured",
        .probe = probe,
        .start = start,
        .resume = resume,
        .interrupt = interrupt,
        .diagnose = diagnose,
        .release = release,
};
