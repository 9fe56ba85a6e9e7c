/* Applications, stubs, images and both runtimes together, on the host: attach, call, misuse, detach. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "counter.h"
#include "host_kernel.h"
#include "portcullis/portcullis.h"
#include "portcullis/stubs.h"
#include "probe.h"

void *probe_take(size_t size); /* the name under which the image exports probe_allocate() */

static int domain_of(const char *name)
{
	extern struct portcullis_stubs start[] __asm__("__start_portcullis_stubs");
	extern struct portcullis_stubs stop[] __asm__("__stop_portcullis_stubs");

	for (struct portcullis_stubs *stubs = start; stubs < stop; stubs++)
		if (strcmp(stubs->name, name) == 0)
			return stubs->domain;
	return -1;
}

/* Does an attach or detach fail with this error and a sentence that holds `words`? */
static void check_refused(int result, int error, const char *words, const char *name)
{
	int seen = errno;

	check(result == -1 && seen == error && strstr(portcullis_error(), words), name,
	      "result %d, errno %d, \"%s\"", result, seen, portcullis_error());
}

/* Runs `action` in a child with stderr in a pipe: it must end by `signal`, and print `words`. */
static void check_dies(void (*action)(void), int signal, const char *words, const char *name)
{
	char text[256] = "";
	int pipe_ends[2], status;
	ssize_t length;

	if (pipe(pipe_ends))
		abort();
	fflush(stdout);
	if (fork() == 0) {
		dup2(pipe_ends[1], 2);
		action();
		_exit(0);
	}
	close(pipe_ends[1]);
	length = read(pipe_ends[0], text, sizeof(text) - 1);
	close(pipe_ends[0]);
	wait(&status);
	check(WIFSIGNALED(status) && WTERMSIG(status) == signal && length >= 0 && strstr(text, words), name,
	      "status %#x, \"%s\"", status, text);
}

static void call_detached(void)
{
	counter_add("x", 1);
}

static void release_twice(void)
{
	void *memory = probe_take(10);

	probe_release(memory);
	probe_release(memory);
}

static void test_attach_errors(const char *images)
{
	check_dies(call_detached, SIGABRT, "library counter was called: it is not attached",
	           "a call before attach ends with a message");
	check_refused(portcullis_attach("nothing", PORTCULLIS_PRIVATE), ENOENT, "links no stubs",
	              "attach to a library without stubs");
	check_refused(portcullis_attach("counter", 6), EINVAL, "unknown flags", "attach with unknown flags");
	check_refused(portcullis_detach("counter"), ENOENT, "not attached",
	              "detach from a library that is not attached");
	setenv("PORTCULLIS_IMAGES", "/nowhere", 1);
	check_refused(portcullis_attach("counter", PORTCULLIS_PRIVATE), ENOENT,
	              "no image /nowhere/counter.image", "attach without an image");
	setenv("PORTCULLIS_IMAGES", images, 1);
}

/* An image of the right name with another interface, and one that is no image. */
static void test_wrong_images(const char *images)
{
	char directory[] = "/tmp/load_test.XXXXXX", path[512], target[512];
	FILE *file;

	if (!mkdtemp(directory))
		abort();
	snprintf(path, sizeof(path), "%s/counter.image", directory);
	snprintf(target, sizeof(target), "%s/probe.image", images);
	if (symlink(target, path))
		abort();
	setenv("PORTCULLIS_IMAGES", directory, 1);
	check_refused(portcullis_attach("counter", PORTCULLIS_PRIVATE), ESTALE, "different exports files",
	              "attach with stubs of another interface");
	unlink(path);
	file = fopen(path, "w");
	fputs("not an image, though it is long enough to hold the header of one, and some more", file);
	fclose(file);
	check_refused(portcullis_attach("counter", PORTCULLIS_PRIVATE), ENOEXEC, "is not an ELF file",
	              "attach to a malformed image gives the reason");
	unlink(path);
	rmdir(directory);
	setenv("PORTCULLIS_IMAGES", images, 1);
}

static void test_counter(void)
{
	long value = 0;

	check(portcullis_attach("counter", PORTCULLIS_PRIVATE) == 0, "attach", "%s", portcullis_error());
	check_refused(portcullis_attach("counter", PORTCULLIS_PRIVATE), EEXIST, "already", "attach twice");
	check(counter_add("a", 3) == 3 && counter_add("b", 1) == 1 && counter_add("a", 4) == 7 &&
	              counter_read("a", &value) == 0 && value == 7,
	      "the example counts", "%ld", value);
	check(counter_read("c", &value) == -ENOENT && counter_add("", 1) == -EINVAL &&
	              counter_add(NULL, 1) == -EFAULT && counter_read("a", (long *)8) == -EFAULT &&
	              counter_add("a name that is longer than the limit", 1) == -ENAMETOOLONG,
	      "the example returns errors for bad arguments", "others");
	check(portcullis_detach("counter") == 0, "detach", "%s", portcullis_error());
	check_dies(call_detached, SIGABRT, "it is not attached", "a call after detach ends with a message");
	check(portcullis_attach("counter", PORTCULLIS_PRIVATE) == 0 && counter_add("a", 1) == 1,
	      "attach again gives a fresh private domain", "%s", portcullis_error());
}

static void test_calls(void)
{
	check(probe_initialised() == 42, "init ran once", "%ld", probe_initialised());
	check(probe_six(1, 10, 100, 1000, 10000, 100000) == 654321, "six arguments arrive", "they do not");
	check(probe_half(5.0) == 2.5, "floating-point values pass", "%f", probe_half(5.0));
	check(probe_relocated(0) == 111 && probe_relocated(1) == 222 && probe_relocated(2) == 333,
	      "tables of pointers are relocated", "%ld %ld %ld", probe_relocated(0), probe_relocated(1),
	      probe_relocated(2));
	check(probe_error_number() == ENOMEM, "the library has an errno of its own", "%ld",
	      probe_error_number());
}

static void test_copies(uintptr_t base)
{
	char from[300], to[300] = "";
	char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	memset(from, 'f', sizeof(from));
	munmap(page + 4096, 4096);
	check(probe_copy(to, from, 299) == 0 && memcmp(to, from, 299) == 0 && to[299] == 0, "copy in and out",
	      "wrong");
	check(probe_copy(to, page + 4090, 6) == 0 && probe_copy(page + 4090, from, 6) == 0,
	      "copy up to the end of a mapping", "-EFAULT");
	check(probe_copy(to, page + 4090, 7) == -EFAULT && probe_copy(to, page + 4000, 104) == -EFAULT,
	      "copy in over the end of a mapping fails", "it does not");
	check(probe_copy(page + 4090, from, 7) == -EFAULT && probe_copy("read-only", from, 4) == -EFAULT,
	      "copy out to what cannot be written fails", "it does not");
	check(probe_copy(to, (void *)(base + PORTCULLIS_IMAGE_OFFSET), 8) == -EFAULT &&
	              probe_copy((void *)(base + PORTCULLIS_HEAP_OFFSET), from, 8) == -EFAULT,
	      "copy refuses addresses in the domain", "it does not");
	check(probe_copy(to, (void *)(PORTCULLIS_APPLICATION_END - 4), 8) == -EFAULT &&
	              probe_copy(to, (void *)-8, 8) == -EFAULT && probe_copy(to, from, SIZE_MAX) == -ENOMEM,
	      "copy refuses ranges that leave application memory", "it does not");
	strcpy(page + 4090, "12345");
	check(probe_string("hello", 6) == 5 && probe_string(page + 4090, 64) == 5, "copy of a string",
	      "wrong");
	check(probe_string("hello!", 6) == -ENAMETOOLONG, "copy of a string that is too long", "wrong");
	page[4095] = 'x';
	check(probe_string(page + 4090, 64) == -EFAULT && probe_string((char *)base, 8) == -EFAULT,
	      "copy of a string that has no end fails", "it does not");
	munmap(page, 4096);
}

static void test_ranges(uintptr_t base)
{
	int local;

	check(probe_where((void *)base, PORTCULLIS_DOMAIN_SIZE) == 1 &&
	              probe_where((void *)base, PORTCULLIS_DOMAIN_SIZE + 1) == 0 &&
	              probe_where((void *)(base - 1), 2) == 0 &&
	              probe_where((void *)(base + 8), SIZE_MAX) == 0,
	      "a range is in the domain up to its edges", "it is not");
	check(probe_where(&local, sizeof(local)) == 2 && probe_where(NULL, PORTCULLIS_APPLICATION_END) == 2 &&
	              probe_where(NULL, PORTCULLIS_APPLICATION_END + 1) == 0 &&
	              probe_where((void *)PORTCULLIS_DOMAINS_END, SIZE_MAX) == 0 &&
	              probe_where((void *)-1, 1) == 0,
	      "a range is in application memory up to its edges", "it is not");
}

static void test_heap(uintptr_t base)
{
	void *blocks[1024], *one;
	unsigned count = 0;

	while (count < 1024 && (blocks[count] = probe_take(4000)))
		count++;
	check(count > 200 && count < 263, "the heap ends at the manifest's limit",
	      "%u blocks of 4000 in 1 MiB", count);
	check((uintptr_t)blocks[0] - base - PORTCULLIS_HEAP_OFFSET < 1 << 20,
	      "blocks lie in the domain's heap", "%p", blocks[0]);
	probe_release(blocks[7]);
	one = probe_take(4000);
	check(one == blocks[7], "a full heap gives a released block again", "%p", one);
	while (count)
		probe_release(blocks[--count]);
	check_dies(release_twice, SIGILL, "", "a second release fails the library");
}

static void test_clients(int domain)
{
	const struct portcullis_gate_data *data = (void *)(host_domain(domain) + PORTCULLIS_GATE_DATA_OFFSET);
	uint64_t id = probe_client();
	long visits = probe_visits();

	check(id == data->clients[0].id, "the client is known on the application's stack", "%llu",
	      (unsigned long long)id);
	id = host_call_on_stack(domain, 5, probe_client);
	check(id == data->clients[0].id, "the client is known on a protected stack", "%llu",
	      (unsigned long long)id);
	check(visits == 1 && probe_visits() == 2, "a client has state of its own",
	      "%ld after the first visit", visits);
}

static void attach_too_many(void)
{
	fprintf(stderr, "%s",
	        portcullis_attach("probe", PORTCULLIS_PRIVATE) == 0 ? "attached" : portcullis_error());
	fflush(stderr);
	raise(SIGTERM);
}

int main(int argc, char **argv)
{
	const char *images = realpath(argc > 1 ? argv[1] : "build/images", NULL);
	int domain;

	if (!images) {
		fprintf(stderr, "load_test: there is no directory of images: give its name as argument\n");
		return 1;
	}
	host_set_slot(3);
	test_attach_errors(images);
	test_wrong_images(images);
	test_counter();
	check(portcullis_attach("probe", PORTCULLIS_PRIVATE) == 0, "attach to a second library", "%s",
	      portcullis_error());
	domain = domain_of("probe");
	test_calls();
	test_copies(host_domain(domain));
	test_ranges(host_domain(domain));
	test_heap(host_domain(domain));
	test_clients(domain);
	check_dies(attach_too_many, SIGTERM, "already", "a forked child is attached as its parent is");
	check(strcmp(portcullis_backend(), "host") == 0, "the backend has a name", "%s",
	      portcullis_backend());
	check(counter_add("a", 1) == 2, "the first library still works", "it does not");
	return check_status();
}
