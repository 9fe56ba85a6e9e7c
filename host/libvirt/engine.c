/* Engine `libvirt`: the launcher's end. See domain.h. */
#include "host/image.h"
#include "host/kvm/probe.h"
#include "host/libvirt/domain.h"
#include "host/libvirt/library.h"
#include "host/process.h"
#include "host/qmp.h"
#include "host/scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define START_SECONDS 60   /* for libvirt to start a domain */
#define END_WAIT      5000 /* milliseconds for QEMU to go */

/* What libvirt's own programs take by default, but never another hypervisor than QEMU. */
static const char *choose_uri(const struct engine_config *config)
{
	const char *usual = getenv("LIBVIRT_DEFAULT_URI");

	if (config->uri)
		return config->uri;
	if (usual && *usual)
		return usual;
	return geteuid() == 0 ? "qemu:///system" : "qemu:///session";
}

static bool probe(struct engine_config *config, char *reason, size_t size)
{
	struct libvirt libvirt;
	char obstacle[REASON_MAX];

	if (!libvirt_load(&libvirt, reason, size))
		return false;
	config->kvm = kvm_probe(obstacle, sizeof(obstacle));
	if (config->kvm)
		snprintf(config->remark, sizeof(config->remark), "a KVM domain of %.400s",
		         choose_uri(config));
	else
		snprintf(config->remark, sizeof(config->remark),
		         "a domain of %.200s, translated, not on KVM: %.250s", choose_uri(config), obstacle);
	return true;
}

/* ---- the folder ------------------------------------------------------------------------------ */

/* A domain that is starting. */
struct start {
	struct scratch scratch;
	bool shared;      /* QEMU is another user's */
	int listeners[2]; /* of console and monitor */
	int sockets[2];   /* connected; -1: not yet */
	pid_t keeper;
	int output, errors; /* of the keeper */
	bool started;       /* it says so */
};

static int fail(const char *what, char *reason, size_t size)
{
	snprintf(reason, size, "%s: %s", what, strerror(errno));
	return -1;
}

/* Copies a file from its beginning. 0 or -1, with errno. */
static int copy(const struct start *start, int from, const char *name)
{
	char path[SCRATCH_PATH_MAX + 16];
	struct stat stat;
	off_t done = 0;
	int to;

	snprintf(path, sizeof(path), "%s/%s", start->scratch.path, name);
	to = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (to < 0)
		return -1;
	if (fstat(from, &stat) == 0)
		while (done < stat.st_size && sendfile(to, from, &done, (size_t)(stat.st_size - done)) > 0)
			;
	if (done == stat.st_size && fchmod(to, start->shared ? 0644 : 0600) == 0)
		return close(to);
	close(to);
	return -1;
}

static int put_files(const struct start *start, const struct engine_config *config, char *reason, size_t size)
{
	int rom = open(config->rom, O_RDONLY | O_CLOEXEC), result;

	if (rom < 0)
		return fail(config->rom, reason, size);
	result = copy(start, rom, DOMAIN_ROM) < 0 || copy(start, config->image, DOMAIN_IMAGE) < 0
	                 ? fail(start->scratch.path, reason, size)
	                 : 0;
	close(rom);
	return result;
}

static int listen_at(struct start *start, unsigned which, const char *name)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	start->listeners[which] = listener;
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s", start->scratch.path, name);
	if (listener < 0 || bind(listener, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
	    chmod(address.sun_path, start->shared ? 0666 : 0600) < 0)
		return -1;
	return listen(listener, 1);
}

/* ---- start ----------------------------------------------------------------------------------- */

static int start_keeper(struct start *start, const struct engine_config *config, char *reason, size_t size)
{
	char memory[24];
	const char *argv[14] = {"/proc/self/exe",    "domain",   "--uri", choose_uri(config), "--folder",
	                        start->scratch.path, "--memory", memory};
	struct process process = {.argv = argv};
	unsigned count = 8;

	snprintf(memory, sizeof(memory), "%u", config->memory);
	if (config->kvm)
		argv[count++] = "--kvm";
	if (config->cpu_model) {
		argv[count++] = "--cpu-model";
		argv[count++] = config->cpu_model;
	}
	return process_start(&process, &start->keeper, &start->output, &start->errors, reason, size);
}

/* A signal that ends the launcher has come: the watcher, which blocks them, will see it. */
static bool is_interrupted(void)
{
	sigset_t pending;

	sigpending(&pending);
	return sigismember(&pending, SIGINT) || sigismember(&pending, SIGTERM) ||
	       sigismember(&pending, SIGHUP);
}

/* The keeper ended before the domain was there. */
static int take_refusal(const struct start *start, char *reason, size_t size)
{
	static const char prefix[] = "portcullis: ";
	struct buffer errors = {0};
	char bytes[1024];
	ssize_t count;
	const char *sentence;

	while ((count = read(start->errors, bytes, sizeof(bytes))) > 0)
		buffer_append(&errors, bytes, (size_t)count);
	sentence = errors.data ? strstr(errors.data, prefix) : NULL;
	sentence = sentence ? sentence + strlen(prefix) : errors.data;
	snprintf(reason, size, "%.*s", sentence ? (int)strcspn(sentence, "\n") : 0, sentence ? sentence : "");
	buffer_free(&errors);
	return -1;
}

/* Waits until the domain is there and QEMU is connected, or a signal is pending. 0, or -1 with a sentence. */
static int wait_start(struct start *start, char *reason, size_t size)
{
	time_t deadline = time(NULL) + START_SECONDS;
	char said[sizeof(DOMAIN_STARTED)];

	while ((!start->started || start->sockets[0] < 0 || start->sockets[1] < 0) && !is_interrupted()) {
		struct pollfd fds[] = {
		        {.fd = start->started ? -1 : start->output, .events = POLLIN},
		        {.fd = start->sockets[0] < 0 ? start->listeners[0] : -1, .events = POLLIN},
		        {.fd = start->sockets[1] < 0 ? start->listeners[1] : -1, .events = POLLIN}};

		if (time(NULL) >= deadline) {
			snprintf(reason, size, "libvirt started no domain within %d s", START_SECONDS);
			return -1;
		}
		if (poll(fds, 3, 100) <= 0)
			continue;
		for (unsigned i = 0; i < 2; i++)
			if (fds[i + 1].revents)
				start->sockets[i] = accept4(start->listeners[i], NULL, NULL, SOCK_CLOEXEC);
		if (fds[0].revents && read(start->output, said, sizeof(said)) <= 0)
			return take_refusal(start, reason, size);
		start->started |= fds[0].revents != 0;
	}
	return 0;
}

/* Gives the watcher what there is; of a start that was interrupted, the keeper alone. */
static int hand_over(struct start *start, struct guest *guest, char *reason, size_t size)
{
	struct qmp *qmp = calloc(1, sizeof(*qmp));
	bool complete = start->started && start->sockets[0] >= 0 && start->sockets[1] >= 0;

	if (!qmp) {
		snprintf(reason, size, "out of memory");
		return -1;
	}
	guest->pid = start->keeper;
	guest->errors = start->errors;
	guest->output = complete ? start->sockets[0] : start->output;
	guest->control = complete ? start->sockets[1] : -1;
	guest->state = qmp;
	qmp_open(qmp, &guest->control);
	qmp_send(qmp, "{\"execute\": \"cont\"}\n");
	return 0;
}

static void close_if_open(int descriptor)
{
	if (descriptor >= 0)
		close(descriptor);
}

static int start_in_folder(struct start *start, const struct engine_config *config, struct guest *guest,
                           char *reason, size_t size)
{
	int result;

	if (put_files(start, config, reason, size) < 0)
		return -1;
	if (listen_at(start, 0, DOMAIN_CONSOLE) < 0 || listen_at(start, 1, DOMAIN_MONITOR) < 0)
		return fail("no socket for QEMU", reason, size);
	if (start_keeper(start, config, reason, size) < 0)
		return -1;
	result = wait_start(start, reason, size);
	if (result == 0)
		result = hand_over(start, guest, reason, size);
	if (result < 0) {
		process_kill(start->keeper);
		close(start->errors);
	}
	for (unsigned i = 0; i < 2; i++)
		if (result < 0 || guest->control < 0)
			close_if_open(start->sockets[i]);
	if (result < 0 || guest->output != start->output)
		close(start->output);
	return result;
}

static int start(const struct engine_config *config, struct guest *guest, char *reason, size_t size)
{
	const char *uri = choose_uri(config);
	struct start start = {.shared = geteuid() == 0 || !strstr(uri, "/session"),
	                      .listeners = {-1, -1},
	                      .sockets = {-1, -1}};
	int result;

	if (scratch_create(&start.scratch, start.shared, reason, size) < 0)
		return -1;
	result = start_in_folder(&start, config, guest, reason, size);
	close_if_open(start.listeners[0]);
	close_if_open(start.listeners[1]);
	scratch_remove(&start.scratch);
	return result;
}

/* ---- the guest ------------------------------------------------------------------------------- */

static bool control(struct guest *guest)
{
	return qmp_read(guest->state);
}

static void interrupt(struct guest *guest)
{
	qmp_examine(guest->state);
	qmp_send(guest->state, "{\"execute\": \"quit\"}\n");
	if (guest->control < 0)
		kill(guest->pid, SIGKILL);
}

static void diagnose(struct guest *guest, const char *errors, struct diagnosis *diagnosis)
{
	const char *sentence = strstr(errors, "portcullis: ");

	qmp_diagnose(guest->state, diagnosis);
	sentence = sentence ? sentence + strlen("portcullis: ") : errors;
	snprintf(diagnosis->reason, sizeof(diagnosis->reason), "%.*s", (int)strcspn(sentence, "\n"),
	         sentence);
}

/* The keeper is gone, so libvirt destroys the domain; QEMU itself is asked to go, too, should there be no
 * libvirt any more. */
static void release(struct guest *guest)
{
	struct pollfd wait = {.fd = guest->control, .events = POLLIN};

	qmp_send(guest->state, "{\"execute\": \"quit\"}\n");
	while (guest->control >= 0 && poll(&wait, 1, END_WAIT) > 0)
		qmp_read(guest->state);
	qmp_close(guest->state);
	free(guest->state);
}

ENGINE(libvirt) = {
        .name = "libvirt",
        .summary = "a transient domain of libvirt, in QEMU: on KVM where that runs guests, else translated",
        .rank = ENGINE_RANK_NAMED,
        .memory_max = MEMORY_MAX,
        .domains = true,
        .tick_unit = "tsc",
        .tick_kind = "uncalibrated",
        .kvm_tick_kind = "measured",
        .probe = probe,
        .start = start,
        .interrupt = interrupt,
        .control = control,
        .diagnose = diagnose,
        .release = release,
};
