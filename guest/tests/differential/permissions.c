/* What a user without rights may do, and changes of owner, mode and identity. */
#include "case.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define SUBJECT "permissions"
#define OTHER   2000 /* a second user that owns nothing */

static void make(const char *path, mode_t mode, int uid, int gid)
{
	write_file(path, "text");
	must("chown", chown(path, uid, gid));
	must("chmod", chmod(path, mode));
}

static void say_owner(const char *path)
{
	struct stat status;

	must("stat", lstat(path, &status));
	say("%s: %o %u %u\n", path, status.st_mode, status.st_uid, status.st_gid);
}

static void open_all(void *argument)
{
	static const char *const paths[] = {"root-only", "all-read",     "mine", "mine-closed",
	                                    "group",     "group-closed", "all"};

	(void)argument;
	for (size_t i = 0; i < COUNT(paths); i++) {
		say("%s\n", paths[i]);
		say_ok("read", open(paths[i], O_RDONLY));
		say_ok("write", open(paths[i], O_WRONLY));
		say_ok("both", open(paths[i], O_RDWR));
		say_ok("truncate", truncate(paths[i], 1));
		say_result("access", access(paths[i], R_OK | W_OK));
		say_result("access x", access(paths[i], X_OK));
	}
}

CASE_ROOT(open_by_class)
{
	make("root-only", 0600, 0, 0);
	make("all-read", 0644, 0, 0);
	make("mine", 0600, CASE_USER, 0);
	make("mine-closed", 0077, CASE_USER, 0);
	make("group", 0060, 0, CASE_USER);
	make("group-closed", 0606, 0, CASE_USER);
	make("all", 0777, 0, 0);
	as_user("user", open_all, NULL);
	open_all(NULL);
}

static void use_directories(void *argument)
{
	struct stat status;

	(void)argument;
	say_ok("list the unreadable", open("search", O_RDONLY));
	say_ok("open by name", open("search/file", O_RDONLY));
	say_ok("list the unsearchable", open("list", O_RDONLY));
	say_ok("open by name", open("list/file", O_RDONLY));
	say_result("stat by name", stat("list/file", &status));
	say_result("stat of nothing", stat("list/missing", &status));
	say_result("chdir", chdir("list"));
	say_ok("create", open("search/new", O_RDWR | O_CREAT, 0644));
	say_ok("create what exists", open("search/file", O_RDONLY | O_CREAT, 0644));
	say_result("mkdir", mkdir("search/new", 0755));
	say_result("symlink", symlink("x", "search/new"));
	say_result("link", link("open/mine", "search/new"));
	say_result("unlink", unlink("search/file"));
	say_result("rename within", rename("search/file", "search/new"));
	say_result("rename out", rename("search/file", "open/taken"));
	say_result("rename in", rename("open/mine", "search/new"));
	say_result("rmdir", rmdir("search/empty"));
	say_ok("create in the open one", open("open/new", O_RDWR | O_CREAT, 0644));
	say_owner("open/new");
	say_result("unlink another's file in the open one", unlink("open/theirs"));
	say_result("unlink another's file in the sticky one", unlink("sticky/theirs"));
	say_result("rename another's file in the sticky one", rename("sticky/theirs", "sticky/x"));
	say_result("rename over another's file", rename("sticky/mine", "sticky/theirs"));
	say_result("unlink mine in the sticky one", unlink("sticky/mine"));
}

CASE_ROOT(directory_rights)
{
	must("mkdir", mkdir("search", 0711));
	must("mkdir", mkdir("search/empty", 0777));
	must("mkdir", mkdir("list", 0744));
	must("mkdir", mkdir("open", 0777));
	must("mkdir", mkdir("sticky", 0777));
	must("chmod", chmod("open", 0777));
	must("chmod", chmod("sticky", 01777));
	make("search/file", 0644, 0, 0);
	make("list/file", 0644, 0, 0);
	make("open/mine", 0644, CASE_USER, CASE_USER);
	make("open/theirs", 0644, 0, 0);
	make("sticky/theirs", 0644, 0, 0);
	make("sticky/mine", 0644, CASE_USER, CASE_USER);
	as_user("user", use_directories, NULL);
}

static void change_modes(void *argument)
{
	(void)argument;
	say_result("chmod of mine", chmod("mine", 0612));
	say_result("chmod of another's", chmod("theirs", 0666));
	say_result("fchmod of another's", fchmod(open("theirs", O_RDONLY), 0666));
	say_result("chown of mine to another", chown("mine", 0, -1));
	say_result("chown of mine to me", chown("mine", CASE_USER, -1));
	say_result("chown to my group", chown("mine", -1, CASE_USER));
	say_result("chown to another group", chown("mine", -1, OTHER));
	say_result("chown of another's", chown("theirs", CASE_USER, -1));
	say_result("times of another's",
	           utimensat(AT_FDCWD, "theirs", (struct timespec[2]){{1, 0}, {2, 0}}, 0));
	say_result("now, another's unwritable", utimensat(AT_FDCWD, "theirs", NULL, 0));
	say_result("now, another's writable", utimensat(AT_FDCWD, "shared", NULL, 0));
	say_owner("mine");
	say_owner("theirs");
}

CASE_ROOT(change_of_mode_and_owner)
{
	make("mine", 0644, CASE_USER, CASE_USER);
	make("theirs", 0644, 0, 0);
	make("shared", 0666, 0, 0);
	as_user("user", change_modes, NULL);
}

CASE_ROOT(chown_forms)
{
	int fd;

	make("file", 0644, 0, 0);
	must("symlink", symlink("file", "link"));
	say_result("chown through a link", chown("link", 1, 2));
	say_owner("file");
	say_result("lchown", lchown("link", 3, 4));
	say_owner("link");
	say_owner("file");
	say_result("keep the group", chown("file", 5, -1));
	say_owner("file");
	fd = must("open", open("file", O_RDONLY));
	say_result("fchown", fchown(fd, -1, 6));
	say_owner("file");
	say_result("fchownat", fchownat(AT_FDCWD, "link", 7, 8, AT_SYMLINK_NOFOLLOW));
	say_owner("link");
	say_result("missing", chown("missing", 1, 1));
	must("chmod", chmod("file", 06755));
	say_result("chown clears set-id bits", chown("file", 9, 9));
	say_owner("file");
}

CASE(chmod_forms)
{
	struct stat status;
	int fd;

	write_file("file", "");
	must("symlink", symlink("file", "link"));
	for (int mode = 0; mode <= 07777; mode += 0525) {
		must("chmod", chmod("file", mode));
		must("stat", stat("file", &status));
		say("%04o: %o\n", mode, status.st_mode);
	}
	say_result("through a link", chmod("link", 0604));
	must("stat", stat("file", &status));
	say("%o\n", status.st_mode);
	fd = must("open", open("file", O_RDONLY));
	say_result("by descriptor", fchmod(fd, 0640));
	must("stat", stat("file", &status));
	say("%o\n", status.st_mode);
	say_result("kind bits are ignored", chmod("file", S_IFDIR | 0600));
	must("stat", stat("file", &status));
	say("%o\n", status.st_mode);
	say_result("missing", chmod("missing", 0600));
	say_result("empty", chmod("", 0600));
}

static void say_ids(void)
{
	uid_t ruid, euid, suid;
	gid_t rgid, egid, sgid;

	must("getresuid", getresuid(&ruid, &euid, &suid));
	must("getresgid", getresgid(&rgid, &egid, &sgid));
	say("users %u %u %u, groups %u %u %u\n", ruid, euid, suid, rgid, egid, sgid);
	say("%u %u %u %u\n", getuid(), geteuid(), getgid(), getegid());
}

/* Identity is changed by raw calls: the library's would do the same, thread by thread. */
static void change_identity(void *argument)
{
	(void)argument;
	say_ids();
	say_result("setresgid", syscall(SYS_setresgid, 10, 20, 30));
	say_result("setresuid", syscall(SYS_setresuid, 100, 200, 300));
	say_ids();
	say_result("setuid to the real", syscall(SYS_setuid, 100));
	say_ids();
	say_result("setuid to the saved", syscall(SYS_setuid, 300));
	say_ids();
	say_result("setuid to another", syscall(SYS_setuid, 400));
	say_result("setuid to root", syscall(SYS_setuid, 0));
	say_result("setgid to the saved", syscall(SYS_setgid, 30));
	say_result("setgid to another", syscall(SYS_setgid, 40));
	say_result("setresuid swap", syscall(SYS_setresuid, 300, 100, -1));
	say_ids();
	say_result("setresuid to another", syscall(SYS_setresuid, -1, -1, 400));
	say_result("setresgid to another", syscall(SYS_setresgid, 40, -1, -1));
	say_ids();
	say_result("bad pointer", syscall(SYS_getresuid, 8, 8, 8));
}

CASE_ROOT(change_of_identity)
{
	in_child("child", change_identity, NULL);
	say_ids();
}

static void full_setuid(void *argument)
{
	(void)argument;
	say_result("setuid", syscall(SYS_setuid, 500));
	say_ids();
	say_result("back", syscall(SYS_setuid, 0));
}

CASE_ROOT(root_setuid_is_final)
{
	in_child("child", full_setuid, NULL);
}

CASE_ROOT(groups)
{
	gid_t list[4];

	say_result("getgroups", getgroups(4, list));
	say_result("count", getgroups(0, NULL));
	say_result("negative", syscall(SYS_getgroups, -1, list));
}

static void access_as_mixed(void *argument)
{
	(void)argument;
	must("setresuid", syscall(SYS_setresuid, CASE_USER, 0, 0));
	say_ok("open by the effective user", open("file", O_RDONLY));
	say_result("access by the real user", access("file", R_OK));
	say_result("faccessat2 by the effective user",
	           syscall(SYS_faccessat2, AT_FDCWD, "file", R_OK, AT_EACCESS));
}

CASE_ROOT(access_uses_the_real_user)
{
	make("file", 0600, 0, 0);
	in_child("child", access_as_mixed, NULL);
}

static void send_signals(void *argument)
{
	pid_t parent = *(pid_t *)argument;

	say_result("signal 0", kill(parent, 0));
	say_result("SIGTERM", kill(parent, SIGTERM));
	say_result("SIGCONT to the same session", kill(parent, SIGCONT));
	say_result("to oneself", kill(getpid(), 0));
}

CASE_ROOT(signals_to_another_user)
{
	pid_t self = getpid();

	as_user("user", send_signals, &self);
}

static void run_without_right(void *argument)
{
	char *const arguments[] = {"program", NULL};

	(void)argument;
	say_result("no right", execve("closed", arguments, arguments + 1));
	say_result("directory", execve("directory", arguments, arguments + 1));
	say_result("below an unsearchable one", execve("directory/x", arguments, arguments + 1));
}

CASE_ROOT(execute_needs_a_right)
{
	make("closed", 0644, 0, 0);
	must("mkdir", mkdir("directory", 0700));
	as_user("user", run_without_right, NULL);
	run_without_right(NULL);
}

CASE_ROOT(set_group_id_directory)
{
	must("mkdir", mkdir("d", 0755));
	must("chown", chown("d", -1, 77));
	must("chmod", chmod("d", 02755));
	write_file("d/file", "");
	must("mkdir", mkdir("d/sub", 0755));
	say_owner("d/file");
	say_owner("d/sub");
}

static void write_set_id(void *argument)
{
	int fd = must("open", open("program", O_WRONLY));

	(void)argument;
	say_result("write", write(fd, "x", 1));
}

CASE_ROOT(write_clears_set_id_bits)
{
	make("program", 06777, 0, 0);
	as_user("user", write_set_id, NULL);
	say_owner("program");
}
