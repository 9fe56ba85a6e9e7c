#include "native/served.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "native/packet.h"

static char its_name[BROKER_NAME_SIZE], its_secret[BROKER_SECRET_SIZE];

void served_start(const char *name, const char *secret)
{
	memcpy(its_name, name, sizeof(its_name));
	memcpy(its_secret, secret, sizeof(its_secret));
}

long served_begin(struct served *served, const struct server_task *task)
{
	struct server_task complete = *task;
	int ends[2];

	memset(served, 0, sizeof(*served));
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return -errno;
	served->pid = fork();
	if (served->pid == 0) {
		complete.control = ends[1];
		complete.name = its_name;
		complete.secret = its_secret;
		server_run(&complete);
	}
	close(ends[1]);
	served->control = ends[0];
	if (served->pid > 0)
		return 0;
	close(ends[0]);
	served->pid = 0;
	return -EAGAIN;
}

void served_drop(struct served *served, unsigned index)
{
	if (!served->channels[index])
		return;
	munmap(served->channels[index], CHANNEL_SIZE);
	close(served->descriptors[index]);
	served->channels[index] = NULL;
}

void served_end(struct served *served)
{
	for (unsigned i = 0; i < BROKER_PROCESSES_MAX; i++)
		served_drop(served, i);
	if (served->pid) {
		kill(served->pid, SIGKILL);
		close(served->control);
	}
	served->pid = 0;
}

static void tell(struct served *served, const struct server_message *message, int descriptor)
{
	struct packet packet;

	if (!served->pid)
		return;
	packet_make(&packet, message, sizeof(*message), &descriptor, descriptor >= 0);
	if (sendmsg(served->control, &packet.header, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		kill(served->pid, SIGKILL); /* it does not listen */
}

long served_add(struct served *served, unsigned index, pid_t pid)
{
	struct server_message message = {.kind = SERVER_ADD, .index = index, .pid = pid};
	int descriptor = memfd_create("channel", MFD_CLOEXEC);
	struct channel *channel = MAP_FAILED;

	if (descriptor >= 0 && ftruncate(descriptor, CHANNEL_SIZE) == 0)
		channel = mmap(NULL, CHANNEL_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
	if (channel == MAP_FAILED) {
		if (descriptor >= 0)
			close(descriptor);
		return -ENOMEM;
	}
	served->channels[index] = channel;
	served->descriptors[index] = descriptor;
	tell(served, &message, descriptor);
	return 0;
}

void served_remove(struct served *served, unsigned index, uint64_t client)
{
	struct server_message message = {.kind = SERVER_REMOVE, .index = index, .client = client};

	tell(served, &message, -1);
}

void served_fail(struct served *served, const char *why)
{
	for (unsigned i = 0; i < BROKER_PROCESSES_MAX; i++) {
		struct channel *channel = served->channels[i];

		if (!channel)
			continue;
		snprintf(channel->why, sizeof(channel->why), "%s", why);
		__atomic_store_n(&channel->failed, 1, __ATOMIC_SEQ_CST);
		for (unsigned j = 0; j < BROKER_SLOTS; j++) {
			__atomic_store_n(&channel->slots[j].state, CHANNEL_FAILED, __ATOMIC_SEQ_CST);
			channel_wake(&channel->slots[j].state);
		}
	}
}
