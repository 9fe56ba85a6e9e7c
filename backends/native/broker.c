#include "native/broker.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "native/packet.h"
#include "native/served.h"
#include "native/shared.h"
#include "native/watchpoint.h"
#include "native/wires.h"

#define BACKLOG         64
#define CONNECTIONS_MAX 128
#define WATCH_MILLIS    100

/* A process of the run that has asked for a shared domain, or the child that it is about to have. */
struct process {
	struct shared_process shared; /* index 0: free */
	pid_t pid;                    /* 0: a child that is not there yet */
	int pidfd;                    /* -1: not known, or it has ended */
	uint64_t ticket;              /* of such a child */
	unsigned parent;              /* index */
	bool ended;                   /* its teardown functions are still going on */
};

/* A request, as far as it has come. */
struct connection {
	int socket; /* -1: free */
	int image;
	bool received; /* and it waits for something */
	struct broker_request request;
	struct ucred peer;
};

static struct process processes[BROKER_PROCESSES_MAX];
static struct connection connections[CONNECTIONS_MAX];
static char secret[BROKER_SECRET_SIZE];
static unsigned next_connection;

/* ---- processes --------------------------------------------------------------------------------------------
 */

static void free_ended(void)
{
	for (unsigned i = 1; i < BROKER_PROCESSES_MAX; i++)
		if (processes[i].ended && !shared_has_client(i))
			processes[i] = (struct process){0};
}

static void end_process(struct process *process)
{
	unsigned index = process->shared.index;

	if (process->pidfd >= 0)
		close(process->pidfd);
	process->pidfd = -1;
	process->pid = 0;
	process->ticket = 0;
	process->ended = true;
	wires_end(index);
	shared_end(index);
	for (unsigned i = 1; i < BROKER_PROCESSES_MAX; i++)
		if (processes[i].ticket && processes[i].parent == index && processes[i].pidfd < 0)
			end_process(&processes[i]);
}

static bool is_gone(const struct process *process)
{
	struct pollfd end = {process->pidfd, POLLIN, 0};

	return poll(&end, 1, 0) > 0;
}

static bool is_watched(const struct process *process)
{
	return process->shared.index && process->pidfd >= 0;
}

static void end_gone(void)
{
	for (unsigned i = 1; i < BROKER_PROCESSES_MAX; i++)
		if (is_watched(&processes[i]) && is_gone(&processes[i]))
			end_process(&processes[i]);
}

static struct process *find_process(pid_t pid)
{
	for (unsigned i = 1; i < BROKER_PROCESSES_MAX; i++)
		if (processes[i].pid == pid)
			return &processes[i];
	return NULL;
}

/* All places are taken, but some process's teardown functions are about to end. */
static bool will_be_room(void)
{
	for (unsigned i = 1; i < BROKER_PROCESSES_MAX; i++)
		if (processes[i].ended)
			return true;
	return false;
}

static struct process *new_process(void)
{
	free_ended();
	for (unsigned i = 1; i < BROKER_PROCESSES_MAX; i++)
		if (!processes[i].shared.index) {
			processes[i] = (struct process){.shared.index = i, .pidfd = -1};
			return &processes[i];
		}
	return NULL;
}

/* Who is at the other end becomes that process. False: it is gone already. */
static bool fill_in(struct process *process, const struct connection *from)
{
	if (process->pidfd >= 0)
		close(process->pidfd);
	process->pidfd = (int)syscall(SYS_pidfd_open, from->peer.pid, 0);
	if (process->pidfd < 0)
		return false;
	fcntl(process->pidfd, F_SETFD, FD_CLOEXEC);
	process->pid = from->peer.pid;
	process->ticket = 0;
	process->shared.pid = from->request.pid;
	process->shared.outer = from->peer.pid;
	process->shared.uid = from->peer.uid;
	process->shared.gid = from->peer.gid;
	return true;
}

/* The process that asks; a new one if it is to be (may be NULL). A user may have changed since. */
static struct process *process_of(const struct connection *from, bool make)
{
	struct process *process = find_process(from->peer.pid);

	if (!process && make) {
		process = new_process();
		if (process && !fill_in(process, from)) {
			*process = (struct process){0};
			process = NULL;
		}
	}
	if (process) {
		process->shared.uid = from->peer.uid;
		process->shared.gid = from->peer.gid;
	}
	return process;
}

/* ---- requests ---------------------------------------------------------------------------------------------
 */

static void hang_up(struct connection *connection)
{
	if (connection->image >= 0)
		close(connection->image);
	if (connection->socket >= 0)
		close(connection->socket);
	*connection = (struct connection){.socket = -1, .image = -1};
}

static void answer_with(struct connection *connection, struct broker_answer *answer, const int descriptors[2])
{
	struct packet packet;

	packet_make(&packet, answer, sizeof(*answer), descriptors,
	            descriptors[0] >= 0 && descriptors[1] >= 0 ? 2 : 0);
	sendmsg(connection->socket, &packet.header, MSG_NOSIGNAL | MSG_DONTWAIT);
	hang_up(connection);
}

/* Nobody but parent and child can name it. */
static uint64_t random_ticket(void)
{
	uint64_t ticket;

	if (getrandom(&ticket, sizeof(ticket), 0) != sizeof(ticket))
		abort();
	return ticket & INT64_MAX;
}

static long reserve_child(struct process *parent)
{
	struct process *child = new_process();
	long count;

	if (!child)
		return will_be_room() ? SHARED_WAIT : -ENOSPC;
	count = shared_reserve(parent->shared.index, child->shared.index);
	if (!count) {
		*child = (struct process){0};
		return 0;
	}
	child->parent = parent->shared.index;
	do
		child->ticket = random_ticket();
	while (!child->ticket);
	return (long)child->ticket;
}

static struct process *find_ticket(int64_t ticket)
{
	for (unsigned i = 1; i < BROKER_PROCESSES_MAX; i++)
		if (ticket > 0 && processes[i].ticket == (uint64_t)ticket)
			return &processes[i];
	return NULL;
}

static long claim(const struct connection *from, struct broker_answer *answer)
{
	struct process *child = find_ticket(from->request.value);

	if (!child || !fill_in(child, from))
		return -ESRCH;
	shared_claim(&child->shared);
	answer->first_slot = child->shared.index * BROKER_SLOTS;
	return 0;
}

/* From now on its end is seen, if it comes before its own request, and it may outlive its parent. */
static long born(struct connection *from)
{
	struct process *child = find_ticket(from->request.value);

	if (child && child->pidfd < 0) {
		child->pidfd = from->image;
		from->image = -1;
	}
	return 0;
}

static long cancel(int64_t ticket)
{
	struct process *child = find_ticket(ticket);

	if (child)
		end_process(child);
	return 0;
}

/* The answer's result, or SHARED_WAIT. */
static long serve_known(struct connection *from, struct process *process, struct broker_answer *answer,
                        int descriptors[2])
{
	const struct broker_request *request = &from->request;
	unsigned index = process->shared.index;

	switch (request->kind) {
	case BROKER_ATTACH:
		return shared_attach(from->image, request, &process->shared, answer, descriptors);
	case BROKER_JOIN:
		return shared_join(request->number, &process->shared, answer, descriptors);
	case BROKER_READY:
		return shared_ready(request->number, &process->shared, (long)request->value);
	case BROKER_LEAVE:
		if (!from->received)
			shared_leave(request->number, index);
		return shared_is_client(request->number, index) ? SHARED_WAIT : 0;
	case BROKER_FORK:
		return reserve_child(process);
	case BROKER_CHANNEL:
		answer->number = request->number;
		return shared_channel(request->number, index, descriptors);
	case BROKER_WIRE: /* a library's, so that where it has a server only that may ask */
		if (native_backend->remote && !shared_is_server(process->shared.outer))
			return -EPERM;
		answer->number = request->number;
		answer->initialise = true;
		return wires_map(request, index, descriptors);
	case BROKER_UNWIRE:
		wires_leave(request->number, index);
		return 0;
	case BROKER_FAIL:
		shared_fail(request->number, index, request->text);
		return 0;
	default:
		return -EINVAL;
	}
}

static long serve(struct connection *from, struct broker_answer *answer, int descriptors[2])
{
	bool attaches = from->request.kind == BROKER_ATTACH || from->request.kind == BROKER_WIRE;
	struct process *process;

	end_gone(); /* who asks may know, and another process may have its number */
	if (from->request.kind == BROKER_WATCH)
		return watchpoint_open(from->peer.pid, (uint64_t)from->request.value);
	if (from->request.kind == BROKER_CLAIM)
		return claim(from, answer);
	if (from->request.kind == BROKER_BORN)
		return born(from);
	if (from->request.kind == BROKER_CANCEL)
		return cancel(from->request.value);
	process = process_of(from, attaches);
	if (from->request.kind == BROKER_START) {
		if (process)
			end_process(process);
		return 0;
	}
	if (!process && attaches)
		return will_be_room() ? SHARED_WAIT : -ENOSPC;
	if (!process)
		return 0; /* it is attached to nothing */
	return serve_known(from, process, answer, descriptors);
}

static void try(struct connection *connection)
{
	struct broker_answer answer = {0};
	int descriptors[2] = {-1, -1};
	long result = serve(connection, &answer, descriptors);

	connection->received = true;
	if (result == SHARED_WAIT)
		return;
	answer.result = result;
	answer_with(connection, &answer, descriptors);
}

/* Equal, in a time that does not tell where they differ. */
static bool is_secret(const char *text)
{
	unsigned char difference = 0;

	for (unsigned i = 0; i < sizeof(secret); i++)
		difference |= (unsigned char)(text[i] ^ secret[i]);
	return !difference;
}

/* A packet, or the end: what is no request of a runtime's is not answered. */
static void receive(struct connection *from)
{
	struct iovec part = {&from->request, sizeof(from->request)};
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	struct msghdr message = {.msg_iov = &part,
	                         .msg_iovlen = 1,
	                         .msg_control = &control,
	                         .msg_controllen = sizeof(control)};
	ssize_t size = recvmsg(from->socket, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	socklen_t length = sizeof(from->peer);

	if (size < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (size >= 0 && message.msg_controllen >= CMSG_LEN(sizeof(int)) &&
	    control.header.cmsg_level == SOL_SOCKET && control.header.cmsg_type == SCM_RIGHTS)
		memcpy(&from->image, CMSG_DATA(&control.header), sizeof(from->image));
	if (from->received || size != sizeof(from->request) || !is_secret(from->request.secret) ||
	    getsockopt(from->socket, SOL_SOCKET, SO_PEERCRED, &from->peer, &length) < 0) {
		hang_up(from);
		return;
	}
	from->request.text[sizeof(from->request.text) - 1] = '\0';
	try(from);
}

/* When all places are taken, the one that has been quiet for longest without a request has to go. */
static void accept_connection(int listener)
{
	int socket = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct connection *place = NULL;

	if (socket < 0)
		return;
	for (unsigned i = 0; i < CONNECTIONS_MAX && !place; i++)
		if (connections[i].socket < 0)
			place = &connections[i];
	for (unsigned i = 0; i < CONNECTIONS_MAX && !place; i++) {
		next_connection = (next_connection + 1) % CONNECTIONS_MAX;
		if (!connections[next_connection].received)
			place = &connections[next_connection];
	}
	if (!place) {
		close(socket);
		return;
	}
	hang_up(place);
	place->socket = socket;
}

/* ---- the broker's life ------------------------------------------------------------------------------------
 */

static void reap_children(int signals)
{
	struct signalfd_siginfo information;
	int status;
	pid_t child;

	while (read(signals, &information, sizeof(information)) > 0)
		;
	while ((child = waitpid(-1, &status, WNOHANG)) > 0)
		shared_reap(child, status);
}

static void retry_waiting(void)
{
	for (unsigned i = 0; i < CONNECTIONS_MAX; i++)
		if (connections[i].socket >= 0 && connections[i].received)
			try(&connections[i]);
	shared_sweep();
	free_ended();
}

static _Noreturn void end_broker(void)
{
	shared_stop();
	while (waitpid(-1, NULL, 0) > 0)
		;
	exit(0);
}

static _Noreturn void run(int listener, int stop, int signals)
{
	for (;;) {
		struct pollfd sources[3 + BROKER_PROCESSES_MAX + CONNECTIONS_MAX + SHARED_DOMAINS_MAX] = {
		        {listener, POLLIN, 0}, {stop, 0, 0}, {signals, POLLIN, 0}};
		struct pollfd *of_processes = &sources[3],
		              *of_connections = of_processes + BROKER_PROCESSES_MAX,
		              *of_servers = of_connections + CONNECTIONS_MAX;

		for (unsigned i = 0; i < BROKER_PROCESSES_MAX; i++)
			of_processes[i] = (struct pollfd){is_watched(&processes[i]) ? processes[i].pidfd : -1,
			                                  POLLIN, 0};
		for (unsigned i = 0; i < CONNECTIONS_MAX; i++)
			of_connections[i] = (struct pollfd){connections[i].socket, POLLIN, 0};
		for (unsigned i = 0; i < SHARED_DOMAINS_MAX; i++)
			of_servers[i] = (struct pollfd){shared_control(i), POLLIN, 0};
		poll(sources, sizeof(sources) / sizeof(sources[0]), shared_watch() ? WATCH_MILLIS : -1);
		if (sources[1].revents)
			end_broker();
		if (sources[2].revents)
			reap_children(signals);
		for (unsigned i = 0; i < SHARED_DOMAINS_MAX; i++)
			if (of_servers[i].revents)
				shared_hear(i);
		end_gone();
		for (unsigned i = 0; i < CONNECTIONS_MAX; i++)
			if (of_connections[i].revents)
				receive(&connections[i]);
		if (sources[0].revents)
			accept_connection(listener);
		retry_waiting();
	}
}

static void write_random(char *to, size_t digits)
{
	unsigned char bytes[BROKER_SECRET_SIZE];

	if (getrandom(bytes, digits, 0) != (ssize_t)digits)
		abort();
	for (size_t i = 0; i < digits; i++)
		to[i] = "0123456789abcdef"[bytes[i] & 15];
	to[digits] = '\0';
}

static int listen_at(const char *name)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t length = strlen(name);
	int listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (listener < 0)
		return -errno;
	memcpy(address.sun_path + 1, name, length);
	if (bind(listener, (struct sockaddr *)&address,
	         (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + length)) < 0 ||
	    listen(listener, BACKLOG) < 0)
		return -errno;
	return listener;
}

int broker_start(struct broker *broker, const char *backend)
{
	int stop[2], listener, signals;
	sigset_t set;

	write_random(broker->secret, BROKER_SECRET_SIZE - 1);
	snprintf(broker->name, sizeof(broker->name), "portcullis-");
	write_random(broker->name + strlen(broker->name), 24);
	listener = listen_at(broker->name);
	if (listener < 0)
		return listener;
	if (pipe2(stop, O_CLOEXEC) < 0)
		return -errno;
	broker->pid = fork();
	if (broker->pid < 0)
		return -errno;
	if (broker->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		prctl(PR_SET_DUMPABLE, 0);
		close(stop[1]);
		native_backend = native_backend_find(backend);
		memcpy(secret, broker->secret, sizeof(secret));
		served_start(broker->name, broker->secret);
		for (unsigned i = 0; i < CONNECTIONS_MAX; i++)
			connections[i] = (struct connection){.socket = -1, .image = -1};
		sigemptyset(&set);
		sigaddset(&set, SIGCHLD);
		sigprocmask(SIG_BLOCK, &set, NULL);
		signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
		run(listener, stop[0], signals);
	}
	close(listener);
	close(stop[0]);
	broker->stop = stop[1];
	return 0;
}

void broker_stop(struct broker *broker, struct rusage *usage)
{
	int status;

	close(broker->stop);
	while (wait4(broker->pid, &status, 0, usage) < 0 && errno == EINTR)
		;
}
