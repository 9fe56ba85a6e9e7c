/* A folder packed into an archive, read back by the kernel's own reader; damaged archives. */
#include "guest/fs/cpio.h"
#include "host/archive.h"
#include "host/cpio.h"
#include "host/tests/unit.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64];
static char reason[512];

/* ---- a folder to pack -------------------------------------------------------------------------------------
 */

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *place)
{
	(void)status, (void)type, (void)place;
	return remove(path);
}

static void remove_folder(void)
{
	if (*folder)
		nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	*folder = '\0';
}

static const char *in_folder(const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static void write_file(const char *name, const char *text, mode_t mode)
{
	int fd = open(in_folder(name), O_WRONLY | O_CREAT | O_TRUNC, 0600);

	CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	CHECK(fchmod(fd, mode) == 0 && close(fd) == 0);
}

static void make_folder(void)
{
	static bool registered;

	if (!registered)
		registered = atexit(remove_folder) == 0; /* a case that fails leaves nothing either */
	remove_folder();
	strcpy(folder, "/tmp/portcullis-test-XXXXXX");
	CHECK(mkdtemp(folder));
	CHECK(chmod(folder, 0755) == 0);
	CHECK(mkdir(in_folder("bin"), 0711) == 0 && chmod(in_folder("bin"), 0711) == 0);
	write_file("bin/tool", "tool's text", 0755);
	write_file("empty", "", 0640);
	write_file("z", "12345", 0444);
	CHECK(symlink("bin/tool", in_folder("link")) == 0);
}

static struct buffer pack(void)
{
	struct buffer archive = {0};

	make_folder();
	if (cpio_pack(folder, &archive, reason, sizeof(reason)) < 0)
		FAIL("%s", reason);
	return archive;
}

/* The archive's entry of that name; the leading "./" or "/" that a packer may write does not count. */
static bool find(const struct buffer *archive, const char *name, struct cpio_entry *entry)
{
	struct cpio_reader reader;
	enum cpio_result result;

	cpio_begin(&reader, archive->data, archive->size);
	while ((result = cpio_next(&reader, entry)) == CPIO_ENTRY) {
		const char *found = entry->name;

		found += strspn(found, "./");
		if (!strcmp(found, name))
			return true;
	}
	CHECK(result == CPIO_END);
	return false;
}

/* ---- cases ------------------------------------------------------------------------------------------------
 */

static void kinds_of_entries(void)
{
	struct buffer archive = pack();
	struct cpio_entry entry;

	CHECK(find(&archive, "bin", &entry) && entry.mode == (S_IFDIR | 0711));
	CHECK(find(&archive, "bin/tool", &entry) && entry.mode == (S_IFREG | 0755));
	CHECK(entry.size == 11 && !memcmp(entry.data, "tool's text", 11));
	CHECK(entry.uid == 0 && entry.gid == 0 && entry.mtime == 0);
	CHECK(find(&archive, "empty", &entry) && entry.mode == (S_IFREG | 0640) && entry.size == 0);
	CHECK(find(&archive, "link", &entry) && S_ISLNK(entry.mode));
	CHECK(entry.size == 8 && !memcmp(entry.data, "bin/tool", 8));
	CHECK(!find(&archive, "none", &entry));
	buffer_free(&archive);
}

/* Folders come before what they hold, and the order is that of the names. */
static void order(void)
{
	struct buffer archive = pack(), names = {0};
	struct cpio_reader reader;
	struct cpio_entry entry;

	cpio_begin(&reader, archive.data, archive.size);
	while (cpio_next(&reader, &entry) == CPIO_ENTRY)
		if (strcmp(entry.name, "."))
			buffer_printf(&names, " %s", entry.name + strspn(entry.name, "./"));
	CHECK_TEXT(names.data, " bin bin/tool empty link z");
	buffer_free(&names);
	buffer_free(&archive);
}

static void equal_folders(void)
{
	struct buffer first = pack(), second = pack();

	CHECK(first.size == second.size && !memcmp(first.data, second.data, first.size));
	buffer_free(&first);
	buffer_free(&second);
}

static void hard_links(void)
{
	struct buffer archive = {0};
	struct cpio_entry one, other;

	make_folder();
	strcpy(reason, in_folder("z"));
	CHECK(link(reason, in_folder("y")) == 0);
	CHECK(cpio_pack(folder, &archive, reason, sizeof(reason)) == 0);
	CHECK(find(&archive, "y", &one) && find(&archive, "z", &other));
	CHECK(one.inode == other.inode && one.links == 2 && other.links == 2);
	CHECK(one.size + other.size == 5); /* the data comes once */
	buffer_free(&archive);
}

static void missing_folder(void)
{
	struct buffer archive = {0};

	make_folder();
	strcpy(reason, "");
	CHECK(cpio_pack(in_folder("none"), &archive, reason, sizeof(reason)) < 0);
	CHECK(strstr(reason, "none") && strstr(reason, "No such file or directory"));
	buffer_free(&archive);
}

/* Root reads everything: then there is nothing to see. */
static void unreadable_file(void)
{
	struct buffer archive = {0};

	make_folder();
	write_file("secret", "x", 0);
	if (geteuid() != 0) {
		CHECK(cpio_pack(folder, &archive, reason, sizeof(reason)) < 0);
		CHECK(strstr(reason, "secret") && strstr(reason, "Permission denied"));
	}
	buffer_free(&archive);
}

static int load_bytes(const char *bytes, size_t size)
{
	struct buffer archive = {0};
	char path[300];
	int fd, result;

	snprintf(path, sizeof(path), "%s", in_folder("archive"));
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	CHECK(fd >= 0 && write(fd, bytes, size) == (ssize_t)size && close(fd) == 0);
	*reason = '\0';
	result = archive_load(path, &archive, reason, sizeof(reason));
	buffer_free(&archive);
	CHECK(result == 0 || (strstr(reason, path) && !strchr(reason, '\n')));
	return result;
}

/* A cut may only be unseen behind the trailer's entry, where nothing but padding is. */
static void every_truncation(void)
{
	struct buffer archive = pack();
	size_t whole = 0;

	for (size_t size = 0; size < archive.size; size++) {
		if (load_bytes(archive.data, size) == 0)
			whole++;
		else
			CHECK(whole == 0);
	}
	CHECK(whole < 512);
	CHECK(load_bytes(archive.data, archive.size) == 0);
	buffer_free(&archive);
}

static void not_an_archive(void)
{
	CHECK(load_bytes("\x7f"
	                 "ELF and more",
	                 13) < 0);
	CHECK(load_bytes("", 0) < 0);
}

/* Any byte of a header may be wrong: refused, or read without harm. */
static void damaged_headers(void)
{
	struct buffer archive = pack();

	for (unsigned round = 0; round < 5000; round++) {
		size_t at = (size_t)random() % archive.size;
		char before = archive.data[at];
		struct buffer copy = {0};

		archive.data[at] = (char)random();
		buffer_append(&copy, archive.data, archive.size);
		archive_check_program(&copy, "/bin/tool", reason, sizeof(reason));
		if (round % 50 == 0)
			load_bytes(copy.data, copy.size);
		archive.data[at] = before;
		buffer_free(&copy);
	}
	buffer_free(&archive);
}

static void programs(void)
{
	struct buffer archive = pack();

	CHECK(archive_check_program(&archive, "/bin/tool", reason, sizeof(reason)) == 0);
	CHECK(archive_check_program(&archive, "//bin/./tool", reason, sizeof(reason)) == 0);
	CHECK(archive_check_program(&archive, "/link", reason, sizeof(reason)) == 0);
	CHECK(archive_check_program(&archive, "/bin/toll", reason, sizeof(reason)) < 0);
	CHECK_TEXT(reason, "/bin/toll is not in the guest's file system");
	CHECK(archive_check_program(&archive, "/bin", reason, sizeof(reason)) < 0);
	CHECK_TEXT(reason, "/bin is a folder");
	CHECK(archive_check_program(&archive, "/z", reason, sizeof(reason)) < 0);
	CHECK_TEXT(reason, "/z is not executable");
	buffer_free(&archive);
}

UNIT_MAIN({"folders, files and links are packed", kinds_of_entries},
          {"entries are sorted, folders first", order}, {"equal folders make equal archives", equal_folders},
          {"hard links are kept", hard_links}, {"a missing folder is named", missing_folder},
          {"an unreadable file is named", unreadable_file},
          {"a truncated archive is refused", every_truncation},
          {"what is no archive is refused", not_an_archive}, {"damaged archives do no harm", damaged_headers},
          {"a program must be an executable file of the archive", programs})
