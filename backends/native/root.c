/* The file system of a run: nothing of the host's but four devices. */
#include "guest/fs/cpio.h"
#include "native/native.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define PLACE "/tmp" /* hidden behind the new file system, for this process tree alone */

static const char *const devices[] = {"null", "zero", "random", "urandom"};

static int fail(const char *what, const char *why)
{
	fprintf(stderr, "portcullis-native: %s: %s\n", what, why);
	return -1;
}

static int write_file(const char *path, const char *text)
{
	int file = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t done = file < 0 ? -1 : write(file, text, strlen(text));

	if (file >= 0)
		close(file);
	return done < 0 ? fail(path, strerror(errno)) : 0;
}

/* A mount namespace of its own; an ordinary user gets it with a user namespace, where he is uid 0. */
static int separate(void)
{
	unsigned uid = geteuid(), gid = getegid();
	char map[64];

	if (unshare(CLONE_NEWNS | (uid ? CLONE_NEWUSER : 0)) < 0)
		return fail(uid ? "this kernel gives an ordinary user no namespace of his own"
		                : "no mount namespace",
		            strerror(errno));
	if (uid) {
		if (write_file("/proc/self/setgroups", "deny") < 0)
			return -1;
		snprintf(map, sizeof(map), "0 %u 1", uid);
		if (write_file("/proc/self/uid_map", map) < 0)
			return -1;
		snprintf(map, sizeof(map), "0 %u 1", gid);
		if (write_file("/proc/self/gid_map", map) < 0)
			return -1;
	}
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 && errno != EINVAL)
		return fail("mounts cannot be made private", strerror(errno));
	if (mount("portcullis", PLACE, "tmpfs", MS_NOSUID | MS_NODEV, "mode=755") < 0)
		return fail("no memory file system", strerror(errno));
	return chdir(PLACE) < 0 ? fail(PLACE, strerror(errno)) : 0;
}

static void make_parents(const char *name)
{
	char path[CPIO_NAME_MAX + 1];

	for (const char *at = strchr(name, '/'); at; at = strchr(at + 1, '/')) {
		snprintf(path, sizeof(path), "%.*s", (int)(at - name), name);
		mkdir(path, 0755);
	}
}

static int write_data(const char *name, const struct cpio_entry *entry)
{
	int file = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	size_t at = 0;

	while (file >= 0 && at < entry->size) {
		ssize_t done = write(file, entry->data + at, entry->size - at);

		if (done <= 0)
			break;
		at += (size_t)done;
	}
	if (file < 0 || at < entry->size)
		return fail(name, strerror(errno));
	if (fchmod(file, entry->mode & 07777) < 0)
		return fail(name, strerror(errno));
	close(file);
	return 0;
}

/* The first name of each file with several, by inode. */
#define LINKS_MAX 4096
static struct {
	uint64_t device;
	uint32_t inode;
	const char *name;
} links[LINKS_MAX];
static unsigned link_count;

static const char *first_name(const struct cpio_entry *entry, const char *name)
{
	for (unsigned i = 0; i < link_count; i++)
		if (links[i].inode == entry->inode && links[i].device == entry->device)
			return links[i].name;
	if (link_count < LINKS_MAX) {
		links[link_count].device = entry->device;
		links[link_count].inode = entry->inode;
		links[link_count++].name = name;
	}
	return NULL;
}

static int unpack_one(const struct cpio_entry *entry)
{
	const char *name = entry->name, *first = NULL;
	char target[CPIO_NAME_MAX + 1];

	while (*name == '/' || (name[0] == '.' && name[1] == '/'))
		name++;
	if (!*name || !strcmp(name, "."))
		return 0;
	if (strstr(name, ".."))
		return fail(name, "a name with \"..\" leads out of the archive");
	make_parents(name);
	if (S_ISDIR(entry->mode)) {
		mkdir(name, 0755);
		return 0;
	}
	if (S_ISLNK(entry->mode)) {
		snprintf(target, sizeof(target), "%.*s", (int)entry->size, (const char *)entry->data);
		return symlink(target, name) < 0 ? fail(name, strerror(errno)) : 0;
	}
	if (!S_ISREG(entry->mode))
		return 0; /* devices are the engine's own */
	if (entry->links > 1)
		first = first_name(entry, name);
	if (first && link(first, name) < 0)
		return fail(name, strerror(errno));
	return first && !entry->size ? 0 : write_data(name, entry);
}

static int unpack(const void *archive, size_t size)
{
	struct cpio_reader reader;
	struct cpio_entry entry;
	enum cpio_result result;

	if (!archive)
		return 0;
	cpio_begin(&reader, archive, size);
	while ((result = cpio_next(&reader, &entry)) == CPIO_ENTRY)
		if (unpack_one(&entry) < 0)
			return -1;
	return result == CPIO_END ? 0 : fail("the archive is damaged", reader.reason);
}

static int add_devices(void)
{
	char from[32], to[32];

	mkdir("dev", 0755);
	for (unsigned i = 0; i < sizeof(devices) / sizeof(devices[0]); i++) {
		int file;

		snprintf(from, sizeof(from), "/dev/%s", devices[i]);
		snprintf(to, sizeof(to), "dev/%s", devices[i]);
		unlink(to);
		file = open(to, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
		if (file < 0 || mount(from, to, NULL, MS_BIND, NULL) < 0)
			return fail(from, strerror(errno));
		close(file);
	}
	unlink(ROOT_RECORDS + 1);
	mkdir("tmp", 01777);
	return mkfifo(ROOT_RECORDS + 1, 0600) < 0 ? fail(ROOT_RECORDS, strerror(errno)) : 0;
}

/* This executable, for programs that execute others. */
static int add_runtime(int runtime)
{
	int file = open(NATIVE_PATH + 1, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0555);
	char bytes[65536];
	ssize_t size;

	while ((size = read(runtime, bytes, sizeof(bytes))) > 0)
		if (write(file, bytes, (size_t)size) != size)
			return fail(NATIVE_PATH, strerror(errno));
	close(runtime);
	close(file);
	return size < 0 ? fail(NATIVE_PATH, strerror(errno)) : 0;
}

int root_make(const void *archive, size_t size)
{
	int runtime = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	if (runtime < 0)
		return fail("/proc/self/exe", strerror(errno));
	umask(0);
	if (separate() < 0 || unpack(archive, size) < 0 || add_devices() < 0 || add_runtime(runtime) < 0)
		return -1;
	umask(022);
	if (chroot(".") < 0)
		return fail("the root folder cannot be changed", strerror(errno));
	return 0;
}
