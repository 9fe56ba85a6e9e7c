/* Attaching and its errors. */
#include "case.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "small.h"
#include "subject.h"

#define IMAGE "/lib/portcullis/subject.image"

static void call_detached(void *unused)
{
	(void)unused;
	subject_getpid();
}

static void attach_and_detach(unsigned flags, const char *kind)
{
	char text[64];

	snprintf(text, sizeof(text), "a %s attach succeeds", kind);
	claim(portcullis_attach("subject", flags) == 0, text, "%s", portcullis_error());
	claim_equal(subject_initialised(), 1, "the init function has run once");
	claim_equal(subject_add(5), 5, "the domain is fresh");
	claim_equal(subject_add(1), 6, "it keeps its data");
	snprintf(text, sizeof(text), "a %s detach succeeds", kind);
	claim(portcullis_detach("subject") == 0, text, "%s", portcullis_error());
}

void case_attach(void)
{
	uint64_t slots[SLOTS_MAX];
	int status;

	attach_and_detach(PORTCULLIS_PRIVATE, "private");
	attach_and_detach(PORTCULLIS_SHARED, "shared");
	attach_and_detach(PORTCULLIS_PRIVATE, "second private");
	status = in_child(call_detached, NULL);
	claim(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT, "a call after the detach ends the program",
	      "status %#x", status);
	attach("subject", PORTCULLIS_PRIVATE);
	claim_refused(portcullis_attach("subject", PORTCULLIS_PRIVATE), EEXIST, "already", "attaching twice");
	claim_refused(portcullis_attach("subject", PORTCULLIS_SHARED), EEXIST, "already",
	              "attaching privately and shared");
	claim_equal(attach_image(IMAGE, PORTCULLIS_PRIVATE, slots), -EEXIST,
	            "attaching twice is refused by the kernel");
	claim_equal(attach_image(IMAGE, PORTCULLIS_SHARED, slots), -EEXIST, "privately and shared, too");
	claim_equal(subject_add(1), 1, "the library still works");
	portcullis_detach("subject");
	claim_refused(portcullis_detach("subject"), ENOENT, "not attached", "detaching twice");
	claim_equal(detach_image(0), -EINVAL, "detaching twice is refused by the kernel");
	claim_equal(detach_image(-1), -EINVAL, "a number that is no domain's is refused");
}

void case_names(void)
{
	uint64_t slots[SLOTS_MAX];

	claim_refused(portcullis_attach("nothing", PORTCULLIS_PRIVATE), ENOENT, "links no stubs",
	              "a name without stubs");
	setenv("PORTCULLIS_IMAGES", "/tmp/nowhere", 1);
	claim_refused(portcullis_attach("subject", PORTCULLIS_PRIVATE), ENOENT,
	              "there is no image /tmp/nowhere/subject.image", "a name without an image");
	unsetenv("PORTCULLIS_IMAGES");
	claim_refused(portcullis_attach("subject", 8), EINVAL, "unknown flags 0x8", "unknown flags");
	claim_equal(attach_image(IMAGE, 8, slots), -EINVAL, "unknown flags are refused by the kernel");
	claim_equal(attach_image("/lib", 0, slots), -ENOEXEC, "a folder is no image");
	claim_equal(attach_image((char *)8, 0, slots), -EFAULT, "a path that is not mapped");
	claim_equal(attach_image(IMAGE, 0, (uint64_t *)8), -EFAULT, "slots that are not mapped");
	claim_equal(attach_image(IMAGE, 0, (uint64_t *)PORTCULLIS_DOMAINS_START), -EFAULT,
	            "slots where domains lie");
	claim(portcullis_attach("subject", PORTCULLIS_PRIVATE) == 0, "nothing of that is in the way", "%s",
	      portcullis_error());
}

/* Attaches to an image of these bytes. */
static void refuse_bytes(const char *bytes, size_t size, const char *text)
{
	char name[96];
	int result;

	write_file("/tmp/bad/subject.image", bytes, size);
	result = portcullis_attach("subject", PORTCULLIS_PRIVATE);
	snprintf(name, sizeof(name), "%s is refused", text);
	claim_refused(result, ENOEXEC, "cannot attach to library subject: ", name);
	snprintf(name, sizeof(name), "%s: the sentence says why", text);
	claim(result && !strstr(portcullis_error(), "not a valid image"), name, "%s", portcullis_error());
}

void case_malformed(void)
{
	static const char text[] =
	        "This is no image at all, but a text that is longer than an ELF header has to be.\n";
	char *bytes;
	size_t size = read_image(IMAGE, &bytes);

	mkdir("/tmp/bad", 0755);
	setenv("PORTCULLIS_IMAGES", "/tmp/bad", 1);
	refuse_bytes("", 0, "an empty file");
	refuse_bytes(text, sizeof(text), "a text");
	refuse_bytes(bytes, size / 2, "half an image");
	bytes[0] ^= 1;
	refuse_bytes(bytes, size, "a wrong magic number");
	bytes[0] ^= 1;
	bytes[24] ^= 1; /* the entry: the address of the descriptor */
	refuse_bytes(bytes, size, "a descriptor elsewhere");
	bytes[24] ^= 1;
	bytes[64 + 4] |= 7; /* rights of the first segment */
	refuse_bytes(bytes, size, "a segment with all rights");
	free(bytes);
	unsetenv("PORTCULLIS_IMAGES");
	claim(portcullis_attach("subject", PORTCULLIS_PRIVATE) == 0, "the right image is attached", "%s",
	      portcullis_error());
}

void case_interface(void)
{
	struct portcullis_stubs *stubs = stubs_of("subject");
	uint64_t interface = stubs->interface;

	stubs->interface ^= 1;
	claim_refused(portcullis_attach("subject", PORTCULLIS_PRIVATE), ESTALE, "different exports files",
	              "another interface");
	claim_refused(portcullis_attach("subject", PORTCULLIS_SHARED), ESTALE, "different exports files",
	              "shared, too");
	stubs->interface = interface;
	stubs->count--;
	claim_refused(portcullis_attach("subject", PORTCULLIS_PRIVATE), ESTALE, "different exports files",
	              "another count");
	stubs->count++;
	claim(portcullis_attach("subject", PORTCULLIS_PRIVATE) == 0, "the right one is attached", "%s",
	      portcullis_error());
}

void case_manifest(void)
{
	uint64_t slots[SLOTS_MAX];

	if (getuid() == 0) {
		claim(portcullis_attach("guarded", PORTCULLIS_SHARED) == 0,
		      "root may share what root may share", "%s", portcullis_error());
	} else {
		claim_refused(portcullis_attach("guarded", PORTCULLIS_SHARED), EPERM,
		              "manifest does not allow", "a user who is not in the manifest");
		claim(portcullis_attach("guarded", PORTCULLIS_PRIVATE) == 0, "who may attach privately", "%s",
		      portcullis_error());
		claim_equal(attach_image("/lib/portcullis/secret.image", 0, slots), -EACCES,
		            "an image that the user may not read");
	}
	claim_refused(portcullis_attach("alone", PORTCULLIS_SHARED), EPERM, "manifest does not allow",
	              "a library that nobody may share");
}

void case_init(void)
{
	for (int i = 0; i < 3; i++) {
		claim_refused(portcullis_attach("fussy", PORTCULLIS_SHARED), EIO, "I/O error",
		              "what the init function returns is the error");
		claim_refused(portcullis_attach("fussy", PORTCULLIS_PRIVATE), EIO, "I/O error",
		              "privately, too");
	}
	if (!backend_protects())
		return; /* there the crash is the program's */
	claim_refused(portcullis_attach("broken", PORTCULLIS_PRIVATE), EINTR,
	              "cannot attach to library broken", "an init function that crashes");
	claim(portcullis_attach("subject", PORTCULLIS_PRIVATE) == 0, "other libraries can be attached", "%s",
	      portcullis_error());
}

static void come_and_go(void *client)
{
	attach("subject", PORTCULLIS_SHARED);
	*(uint64_t *)client = subject_client();
	portcullis_detach("subject");
}

static void leave(void *unused)
{
	(void)unused;
	portcullis_detach("subject");
	come_and_go(shared_word());
}

void case_teardown(void)
{
	uint64_t *client = shared_word();

	attach("subject", PORTCULLIS_SHARED);
	claim_equal((long)subject_departed(), 0, "nobody has left");
	claim_equal(in_child(leave, NULL), CHILD_OK, "another process attaches and detaches");
	claim(*client && *client != subject_client(), "it has been another client", "%ld", (long)*client);
	claim_equal((long)subject_departed(), (long)*client, "the library is told who has left");
	claim_equal(subject_initialised(), 1, "the init function has run once for all");
}

void case_many(void)
{
	static uint64_t slots[128][SLOTS_MAX];
	const long most = on_backend("pku") ? 14 : 96;
	char path[64];
	long count = 0, domain, wrong = 0;

	for (domain = 0; count < 128; count++) {
		snprintf(path, sizeof(path), "/lib/many/%ld.image", count);
		domain = attach_image(path, PORTCULLIS_PRIVATE, slots[count]);
		if (domain < 0)
			break;
	}
	claim_equal(count, most, "domains at once");
	claim_equal(domain, -ENOSPC, "one more is refused");
	claim_refused(portcullis_attach("subject", PORTCULLIS_PRIVATE), ENOSPC, "no room for another domain",
	              "by one clear sentence");
	for (long i = 0; i < count; i++)
		wrong += ((long (*)(long))slots[i][1])(i) != i;
	for (long i = 0; i < count; i++)
		wrong += ((long (*)(long))slots[i][1])(1) != i + 1;
	claim_equal(wrong, 0, "each has its own data");
	claim_equal(detach_image(3), 0, "one is left");
	claim(portcullis_attach("subject", PORTCULLIS_PRIVATE) == 0, "then there is room for one", "%s",
	      portcullis_error());
}

#define COST_MAX 50000 /* instructions */

static void attach_again(void *ticks)
{
	unsigned long start;

	for (int i = 0; i < 2; i++) { /* the first time brings in pages of this process */
		portcullis_detach("subject");
		start = __builtin_ia32_rdtsc();
		attach("subject", PORTCULLIS_SHARED);
		*(uint64_t *)ticks = __builtin_ia32_rdtsc() - start;
	}
}

/* Only where a tick is an instruction. */
void case_cost(void)
{
	uint64_t *ticks = shared_word();

	attach("subject", PORTCULLIS_SHARED);
	in_child(attach_again, ticks);
	claim(*ticks && *ticks <= COST_MAX, "attaching to a loaded library costs at most 50,000 instructions",
	      "%ld", (long)*ticks);
	printf("# attach %ld instructions\n", (long)*ticks);
}
