/* Pipes, poll and select. */
#include "case.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define SUBJECT "pipes"

static int ends[2];

static void open_pipe(int flags)
{
	must("pipe2", pipe2(ends, flags));
}

CASE(order_of_bytes)
{
	char text[32];

	open_pipe(0);
	say("descriptors %d %d\n", ends[0], ends[1]);
	say_result("write", write(ends[1], "first ", 6));
	say_result("write", write(ends[1], "second", 6));
	say_result("read some", read(ends[0], text, 4));
	say_result("read the rest", read(ends[0], text + 4, sizeof(text) - 4));
	say("\"%.12s\"\n", text);
	close(ends[1]);
	say_result("end of file", read(ends[0], text, 4));
	say_result("write to the reading end", write(ends[0], "x", 1));
}

CASE(wrong_ends)
{
	char byte = 'x';

	open_pipe(0);
	say_result("write to the reading end", write(ends[0], &byte, 1));
	say_result("read from the writing end", read(ends[1], &byte, 1));
	say_result("read of nothing", read(ends[0], &byte, 0));
	say_result("write of nothing", write(ends[1], &byte, 0));
}

CASE(create_errors)
{
	say_result("bad pointer", syscall(SYS_pipe, BAD));
	say_result("unknown flag", pipe2(ends, O_TRUNC));
	say_result("pipe2", pipe2(ends, O_CLOEXEC | O_NONBLOCK));
	say("%d %d, %o\n", fcntl(ends[0], F_GETFD), fcntl(ends[1], F_GETFD), fcntl(ends[0], F_GETFL));
}

static void write_broken(void *argument)
{
	(void)argument;
	say_result("write", write(ends[1], "x", 1));
}

static void count_signal(int number)
{
	say("handler: %s\n", signal_name(number));
}

CASE(broken_pipe)
{
	open_pipe(0);
	close(ends[0]);
	in_child("default action", write_broken, NULL);
	signal(SIGPIPE, SIG_IGN);
	in_child("ignored", write_broken, NULL);
	handle(SIGPIPE, count_signal, 0);
	in_child("handled", write_broken, NULL);
}

CASE(nonblocking)
{
	static char data[70000];
	char byte;

	open_pipe(O_NONBLOCK);
	say_result("empty", read(ends[0], &byte, 1));
	say_result("more than fits", write(ends[1], data, sizeof(data)));
	say_result("full", write(ends[1], data, 1));
	say_result("make room", read(ends[0], data, 4096));
	say_result("write 4096", write(ends[1], data, 4096));
	say_result("make some room", read(ends[0], data, 4096));
	say_result("write 4097, not atomic", write(ends[1], data, 4097));
	say_result("drain", read(ends[0], data, sizeof(data)));
	close(ends[1]);
	say_result("end of file", read(ends[0], &byte, 1));
}

static void slow_reader(void *argument)
{
	unsigned long sum = 0;
	unsigned char data[3000];
	ssize_t size;
	long total = 0;

	(void)argument;
	close(ends[1]);
	while ((size = read(ends[0], data, sizeof(data))) > 0) {
		for (ssize_t i = 0; i < size; i++)
			sum = sum * 31 + data[i];
		total += size;
	}
	say("read %ld bytes, sum %lx\n", total, sum);
}

CASE(large_transfer)
{
	size_t size = 300000;
	unsigned char *data = malloc(size);
	pid_t pid;

	open_pipe(0);
	for (size_t i = 0; i < size; i++)
		data[i] = i * 7 + (i >> 8);
	pid = start_child(slow_reader, NULL);
	say_result("write", write(ends[1], data, size));
	close(ends[1]);
	finish_child("reader", pid);
}

static void hold_open(void *argument)
{
	(void)argument;
	sleep_ms(30);
}

CASE(end_of_file_waits_for_all_writers)
{
	char byte;
	pid_t pid;

	open_pipe(0);
	pid = start_child(hold_open, NULL);
	close(ends[1]);
	say_result("read", read(ends[0], &byte, 1));
	finish_child("writer", pid);
}

static void write_late(void *argument)
{
	(void)argument;
	sleep_ms(20);
	write(ends[1], "late", 4);
}

CASE(read_waits)
{
	char text[8] = "";
	pid_t pid;

	open_pipe(0);
	pid = start_child(write_late, NULL);
	say_result("read", read(ends[0], text, sizeof(text)));
	say("\"%s\"\n", text);
	finish_child("writer", pid);
}

CASE(write_waits_for_room)
{
	static char data[65536];
	int status[2];
	char byte = 0;
	pid_t pid;

	open_pipe(0);
	must("pipe", pipe(status));
	say_result("fill", write(ends[1], data, sizeof(data)));
	pid = must("fork", fork());
	if (pid == 0) {
		write(status[1], "s", 1);
		_exit(write(ends[1], "more", 4));
	}
	read(status[0], &byte, 1);
	sleep_ms(20);
	say_result("still waiting", waitpid(pid, NULL, WNOHANG));
	say_result("read", read(ends[0], data, sizeof(data)));
	finish_child("writer", pid);
	say_result("rest", read(ends[0], data, sizeof(data)));
}

CASE(readers_share)
{
	int back[2], total = 0;
	char text[64];
	ssize_t size;

	open_pipe(0);
	must("pipe", pipe(back));
	for (int i = 0; i < 4; i++) {
		if (must("fork", fork()) == 0) {
			char byte;

			close(ends[1]);
			while (read(ends[0], &byte, 1) == 1)
				write(back[1], &byte, 1);
			_exit(0);
		}
	}
	close(back[1]);
	must("write", write(ends[1], "abcdefghijklmnop", 16));
	close(ends[1]);
	while ((size = read(back[0], text, sizeof(text))) > 0)
		for (ssize_t i = 0; i < size; i++)
			total += text[i];
	say("sum %d\n", total);
	while (wait(NULL) > 0)
		;
}

static void say_events(const char *what, int fd, short events, int timeout)
{
	struct pollfd entry = {fd, events, 0};
	int ready = poll(&entry, 1, timeout);

	if (ready < 0)
		say_result(what, ready);
	else
		say("%s: %d,%s%s%s%s%s\n", what, ready, entry.revents & POLLIN ? " in" : "",
		    entry.revents & POLLOUT ? " out" : "", entry.revents & POLLHUP ? " hup" : "",
		    entry.revents & POLLERR ? " err" : "", entry.revents & POLLNVAL ? " nval" : "");
}

CASE(poll_states)
{
	static char data[65536];
	int file;

	open_pipe(0);
	say_events("empty, reader", ends[0], POLLIN | POLLOUT, 0);
	say_events("empty, writer", ends[1], POLLIN | POLLOUT, 0);
	must("write", write(ends[1], "x", 1));
	say_events("one byte, reader", ends[0], POLLIN, 0);
	say_events("one byte, not asked", ends[0], 0, 0);
	must("write", write(ends[1], data, sizeof(data) - 1));
	say_events("full, writer", ends[1], POLLOUT, 0);
	close(ends[1]);
	say_events("writer gone, data left", ends[0], POLLIN, 0);
	must("read", read(ends[0], data, sizeof(data)));
	say_events("writer gone, empty", ends[0], POLLIN, 0);
	say_events("writer gone, not asked", ends[0], 0, -1);
	open_pipe(0);
	close(ends[0]);
	say_events("reader gone, writer", ends[1], POLLOUT, 0);
	say_events("bad descriptor", 99, POLLIN, -1);
	say_events("negative descriptor", -1, POLLIN, 0);
	write_file("file", "");
	file = open("file", O_RDWR);
	say_events("file", file, POLLIN | POLLOUT, -1);
	say_events("/dev/null", 0, POLLIN | POLLOUT, -1);
}

CASE(poll_errors)
{
	struct pollfd entries[2] = {{99, POLLIN, 0}, {-1, POLLIN, 7}};

	say_result("none, no time", poll(NULL, 0, 0));
	say_result("none, some time", poll(NULL, 0, 5));
	say_result("bad pointer", syscall(SYS_poll, BAD, 1, 0));
	say_result("too many", syscall(SYS_poll, entries, CASE_OPEN_MAX + 1, 0));
	say_result("two", poll(entries, 2, 0));
	say("%d %d\n", entries[0].revents, entries[1].revents);
	say_result("ppoll bad time", ppoll(entries, 1, &(struct timespec){0, 1000000000}, NULL));
	say_result("ppoll negative time", ppoll(entries, 1, &(struct timespec){-1, 0}, NULL));
}

CASE(poll_waits_long_enough)
{
	struct pollfd entry;
	long start;

	open_pipe(0);
	entry = (struct pollfd){ends[0], POLLIN, 0};
	start = elapsed_ns();
	say_result("poll", poll(&entry, 1, 20));
	say("at least 20 ms: %d\n", elapsed_ns() - start >= 20000000);
	start = elapsed_ns();
	say_result("ppoll", ppoll(&entry, 1, &(struct timespec){0, 5000000}, NULL));
	say("at least 5 ms: %d\n", elapsed_ns() - start >= 5000000);
}

CASE(poll_wakes)
{
	int second[2];
	struct pollfd entries[2];
	pid_t pid;

	must("pipe", pipe(second));
	open_pipe(0);
	entries[0] = (struct pollfd){second[0], POLLIN, 0};
	entries[1] = (struct pollfd){ends[0], POLLIN, 0};
	pid = start_child(write_late, NULL);
	say_result("poll", poll(entries, 2, -1));
	finish_child("writer", pid);
	say("%d %d\n", entries[0].revents, entries[1].revents);
	close(second[1]);
	say_result("both", poll(entries, 2, -1));
	say("%d %d\n", entries[0].revents, entries[1].revents);
}

static void nothing(int number)
{
	(void)number;
}

static void interrupt_parent(void *argument)
{
	(void)argument;
	for (;;) {
		sleep_ms(5);
		kill(getppid(), SIGUSR1);
	}
}

CASE(poll_is_interrupted)
{
	struct pollfd entry;
	pid_t pid;

	open_pipe(0);
	entry = (struct pollfd){ends[0], POLLIN, 0};
	handle(SIGUSR1, nothing, SA_RESTART);
	pid = start_child(interrupt_parent, NULL);
	say_result("poll", poll(&entry, 1, -1));
	say_result("select", select(0, NULL, NULL, NULL, NULL));
	must("kill", kill(pid, SIGKILL));
	finish_child("child", pid);
}

CASE(ppoll_mask)
{
	struct pollfd entry;
	sigset_t none, now;

	open_pipe(0);
	entry = (struct pollfd){ends[0], POLLIN, 0};
	handle(SIGUSR1, count_signal, 0);
	block(SIGUSR1);
	raise(SIGUSR1);
	say_result("poll, blocked", poll(&entry, 1, 0));
	sigemptyset(&none);
	say_result("ppoll, unblocked", ppoll(&entry, 1, NULL, &none));
	sigprocmask(SIG_BLOCK, NULL, &now);
	say("blocked again: %d\n", sigismember(&now, SIGUSR1));
	raise(SIGUSR1);
	say_result("pselect, unblocked", pselect(0, NULL, NULL, NULL, NULL, &none));
	sigprocmask(SIG_BLOCK, NULL, &now);
	say("blocked again: %d\n", sigismember(&now, SIGUSR1));
}

CASE(select_sets)
{
	struct timeval time = {0, 0};
	fd_set in, out, error;
	int second[2];

	open_pipe(0);
	must("pipe", pipe(second));
	must("write", write(ends[1], "x", 1));
	FD_ZERO(&in);
	FD_ZERO(&out);
	FD_ZERO(&error);
	FD_SET(ends[0], &in);
	FD_SET(second[0], &in);
	FD_SET(second[1], &out);
	FD_SET(ends[0], &error);
	say_result("select", select(second[1] + 1, &in, &out, &error, &time));
	say("%d %d %d %d\n", FD_ISSET(ends[0], &in) != 0, FD_ISSET(second[0], &in) != 0,
	    FD_ISSET(second[1], &out) != 0, FD_ISSET(ends[0], &error) != 0);
	close(second[1]);
	FD_ZERO(&in);
	FD_SET(second[0], &in);
	say_result("closed writer is readable", select(second[0] + 1, &in, NULL, NULL, NULL));
	FD_ZERO(&in);
	FD_SET(99, &in);
	say_result("bad descriptor", select(100, &in, NULL, NULL, &time));
	say_result("beyond the count", select(99, &in, NULL, NULL, &time));
	say_result("negative count", select(-1, NULL, NULL, NULL, &time));
	time.tv_sec = -1;
	say_result("negative time", syscall(SYS_select, 0, NULL, NULL, NULL, &time));
	say_result("bad pointer", syscall(SYS_select, 10, BAD, NULL, NULL, NULL));
}

CASE(select_time)
{
	struct timeval time = {0, 10000};
	long start = elapsed_ns();
	fd_set in;

	open_pipe(0);
	FD_ZERO(&in);
	FD_SET(ends[0], &in);
	say_result("select", select(ends[0] + 1, &in, NULL, NULL, &time));
	say("set cleared: %d\n", !FD_ISSET(ends[0], &in));
	say("at least 10 ms: %d\n", elapsed_ns() - start >= 10000000);
	time = (struct timeval){0, 10000};
	say_result("raw select", syscall(SYS_select, 0, NULL, NULL, NULL, &time));
	say("time left: %ld %ld\n", (long)time.tv_sec, (long)time.tv_usec);
}

CASE(partly_bad_write)
{
	char text[16];

	open_pipe(O_NONBLOCK);
	say_result("write", write(ends[1], BAD, 4));
	say_result("nothing arrived", read(ends[0], text, sizeof(text)));
	must("write", write(ends[1], "kept", 4));
	say_result("read to a bad buffer", read(ends[0], BAD, 4));
}
