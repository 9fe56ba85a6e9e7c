/*
 * Asking the broker, in a program. The application can use every descriptor of its process at any moment, so
 * that none of the broker's may be among them: a thread with a descriptor table of its own, which lives as
 * long as the question, does it all.
 */
#include "native/broker.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include "native/packet.h"
#include "native/thread.h"

#define STACK_SIZE 65536

static char name[BROKER_NAME_SIZE], secret[BROKER_SECRET_SIZE];
static char stack[STACK_SIZE] __attribute__((aligned(16)));

struct question {
	struct broker_request *request;
	const char *path;
	broker_take *take;
	struct broker_answer *answer;
};

void broker_know(const char *its_name, char *its_secret)
{
	strncpy(name, its_name, sizeof(name) - 1);
	strncpy(secret, its_secret, sizeof(secret) - 1);
	memset(its_secret, 0, strlen(its_secret));
}

const char *broker_name(void)
{
	return name;
}

const char *broker_secret(void)
{
	return secret;
}

/* A connected socket or -errno. */
static long open_connection(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t length = strlen(name);
	long error, to = native_call(SYS_socket, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, 0, 0, 0);

	if (to < 0)
		return to;
	memcpy(address.sun_path + 1, name, length);
	do
		error = native_call(SYS_connect, to, (long)&address,
		                    (long)(offsetof(struct sockaddr_un, sun_path) + 1 + length), 0, 0, 0);
	while (error == -EINTR);
	return error ? -ENOTCONN : to;
}

static long send_request(long to, const struct broker_request *request, long file)
{
	int descriptor = (int)file;
	struct packet packet;

	packet_make(&packet, request, sizeof(*request), &descriptor, file >= 0);
	return native_call(SYS_sendmsg, to, (long)&packet.header, MSG_NOSIGNAL, 0, 0, 0);
}

/* The descriptors that came with the answer, or -1. */
static long receive_answer(long from, struct broker_answer *answer, int descriptors[2])
{
	struct iovec part = {answer, sizeof(*answer)};
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(2 * sizeof(int))];
	} control;
	struct msghdr message = {.msg_iov = &part,
	                         .msg_iovlen = 1,
	                         .msg_control = &control,
	                         .msg_controllen = sizeof(control)};
	long size;

	do
		size = native_call(SYS_recvmsg, from, (long)&message, MSG_CMSG_CLOEXEC, 0, 0, 0);
	while (size == -EINTR);
	if (size != sizeof(*answer))
		return -ENOTCONN;
	if (message.msg_controllen >= CMSG_LEN(2 * sizeof(int)) && control.header.cmsg_type == SCM_RIGHTS)
		memcpy(descriptors, CMSG_DATA(&control.header), 2 * sizeof(int));
	return 0;
}

static long exchange(const struct question *question)
{
	int descriptors[2] = {-1, -1};
	long file = -1, connection, error;

	native_call(SYS_close_range, 0, ~0U, 0, 0, 0, 0); /* copies: the program may wait for an end of one */
	if (question->path)
		file = native_call(SYS_openat, AT_FDCWD, (long)question->path,
		                   O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0, 0, 0);
	if (question->path && file < 0)
		return file;
	if (question->request->kind == BROKER_BORN) {
		file = native_call(SYS_pidfd_open, question->request->number, 0, 0, 0, 0, 0);
		if (file < 0) /* it is gone already */
			question->request->kind = BROKER_CANCEL;
	}
	connection = open_connection();
	if (connection < 0)
		return connection;
	error = send_request(connection, question->request, file);
	if (error < 0)
		return -ENOTCONN;
	error = receive_answer(connection, question->answer, descriptors);
	if (error)
		return error;
	if (question->answer->result >= 0 && descriptors[0] >= 0 && question->take)
		return question->take(question->answer, descriptors[0], descriptors[1]);
	return question->answer->result;
}

/* In the helping thread, which runs on a stack of the runtime's and has no thread-local storage of its own.
 */
static void help(void *its_question)
{
	struct question *question = its_question;

	question->answer->result = exchange(question);
}

void broker_ask(struct broker_request *request, const char *path, broker_take *take,
                struct broker_answer *answer)
{
	struct question question = {request, path, take, answer};
	uint64_t all = ~0UL, mask;
	long result = -ENOTCONN;

	memset(answer, 0, sizeof(*answer));
	memcpy(request->secret, secret, sizeof(secret));
	request->pid = (uint32_t)native_call(SYS_getpid, 0, 0, 0, 0, 0, 0);
	native_call(SYS_rt_sigprocmask, SIG_SETMASK, (long)&all, (long)&mask, sizeof(mask), 0, 0);
	if (name[0])
		result = thread_start(CLONE_VM | CLONE_VFORK | CLONE_THREAD | CLONE_SIGHAND,
		                      stack + sizeof(stack), help, &question);
	native_call(SYS_rt_sigprocmask, SIG_SETMASK, (long)&mask, 0, sizeof(mask), 0, 0);
	if (result < 0)
		answer->result = result;
	memset(request->secret, 0, sizeof(request->secret));
}
