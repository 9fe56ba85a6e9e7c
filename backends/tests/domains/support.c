#include "case.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <unistd.h>

extern const char *case_name;
int claims_status(void);

static bool failed;

bool claim(bool holds, const char *text, const char *found, ...)
{
	char why[256];
	va_list list;

	va_start(list, found);
	vsnprintf(why, sizeof(why), found, list);
	va_end(list);
	if (holds)
		printf("ok %s on %s: %s\n", case_name, portcullis_backend(), text);
	else
		printf("not ok %s on %s: %s: %s\n", case_name, portcullis_backend(), text, why);
	failed |= !holds;
	return holds;
}

int claims_status(void)
{
	return failed;
}

bool claim_equal(long seen, long expected, const char *text)
{
	return claim(seen == expected, text, "%ld, not %ld", seen, expected);
}

bool claim_refused(int result, int error, const char *words, const char *text)
{
	int seen = errno;

	return claim(result == -1 && seen == error && strstr(portcullis_error(), words), text,
	             "result %d, %s, \"%s\"", result, strerror(seen), portcullis_error());
}

bool on_backend(const char *prefix)
{
	return !strncmp(portcullis_backend(), prefix, strlen(prefix));
}

bool backend_protects(void)
{
	return !on_backend("none");
}

bool gates_are_user_code(void)
{
	return on_backend("pku") || on_backend("vmfunc");
}

static _Noreturn void give_up(const char *what, const char *why)
{
	printf("not ok %s on %s: %s: %s\n", case_name, portcullis_backend(), what, why);
	exit(1);
}

void attach(const char *name, unsigned flags)
{
	if (portcullis_attach(name, flags))
		give_up("attach", portcullis_error());
}

int wait_for(int pid)
{
	int status;

	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		give_up("child", strerror(errno));
	return status;
}

int in_child(void (*function)(void *), void *argument)
{
	pid_t child;

	fflush(stdout);
	child = fork();
	if (child == 0) {
		failed = false;
		function(argument);
		_exit(failed);
	}
	return wait_for(child);
}

struct portcullis_stubs *stubs_of(const char *library)
{
	extern struct portcullis_stubs start[] __asm__("__start_portcullis_stubs");
	extern struct portcullis_stubs stop[] __asm__("__stop_portcullis_stubs");

	for (struct portcullis_stubs *stubs = start; stubs < stop; stubs++)
		if (!strcmp(stubs->name, library))
			return stubs;
	give_up("stubs", library);
}

long attach_image(const char *path, unsigned flags, uint64_t *slots)
{
	const struct portcullis_stubs *stubs = stubs_of("subject");

	return portcullis_system_call(PORTCULLIS_SYS_ATTACH, (long)path, flags, (long)stubs->interface,
	                              (long)slots, stubs->count, 0);
}

long detach_image(long domain)
{
	return portcullis_system_call(PORTCULLIS_SYS_DETACH, domain, 0, 0, 0, 0, 0);
}

uint64_t *shared_word(void)
{
	static uint64_t *word;

	if (!word)
		word = mmap(NULL, sizeof(*word), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (word == MAP_FAILED)
		give_up("mmap", strerror(errno));
	return word;
}

size_t read_image(const char *path, char **bytes)
{
	int fd = open(path, O_RDONLY);
	struct stat status;

	if (fd < 0 || fstat(fd, &status))
		give_up(path, strerror(errno));
	*bytes = malloc((size_t)status.st_size);
	if (!*bytes || read(fd, *bytes, (size_t)status.st_size) != status.st_size)
		give_up(path, "cannot be read");
	close(fd);
	return (size_t)status.st_size;
}

void write_file(const char *path, const char *bytes, size_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	if (fd < 0 || write(fd, bytes, size) != (ssize_t)size || close(fd))
		give_up(path, strerror(errno));
}

void case_free(void)
{
	printf("free %lu\n", free_memory());
}

unsigned long free_memory(void)
{
	struct sysinfo info;

	if (sysinfo(&info))
		give_up("sysinfo", strerror(errno));
	return info.freeram * info.mem_unit;
}
