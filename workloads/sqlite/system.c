/*
 * Below SQLite: no files, so that every database is one in memory (":memory:"), and all memory from one
 * arena. For the image and for programs that link SQLite directly alike.
 */
#include <errno.h>
#include <sqlite3.h>
#include <string.h>

#include "common/random.h"
#include "portcullis/library.h"

#define ARENA_SIZE         (512 << 20) /* committed when it is touched */
#define ARENA_SMALLEST     64          /* bytes of the smallest allocation */
#define NAME_MAX_OF_SYSTEM 256

int sqlite_start(void);

static int open_file(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *flags_out)
{
	(void)vfs, (void)name, (void)flags, (void)flags_out;
	file->pMethods = NULL;
	return SQLITE_CANTOPEN;
}

static int delete_file(sqlite3_vfs *vfs, const char *name, int sync)
{
	(void)vfs, (void)name, (void)sync;
	return SQLITE_IOERR_DELETE_NOENT;
}

static int access_file(sqlite3_vfs *vfs, const char *name, int flags, int *result)
{
	(void)vfs, (void)name, (void)flags;
	*result = 0;
	return SQLITE_OK;
}

static int full_path(sqlite3_vfs *vfs, const char *name, int size, char *to)
{
	(void)vfs;
	if (strlen(name) >= (size_t)size)
		return SQLITE_CANTOPEN;
	memcpy(to, name, strlen(name) + 1);
	return SQLITE_OK;
}

/* SQLite seeds its own generator with it. The same in every run, like everything else here. */
static int randomness(sqlite3_vfs *vfs, int size, char *to)
{
	(void)vfs;
	for (int i = 0; i < size; i++)
		to[i] = (char)random_mix((uint64_t)i + 1);
	return size;
}

static int sleep_microseconds(sqlite3_vfs *vfs, int microseconds)
{
	(void)vfs, (void)microseconds;
	return 0;
}

static int current_time(sqlite3_vfs *vfs, sqlite3_int64 *milliseconds)
{
	(void)vfs, (void)milliseconds;
	return SQLITE_ERROR;
}

static int current_day(sqlite3_vfs *vfs, double *days)
{
	(void)vfs, (void)days;
	return SQLITE_ERROR;
}

static int last_error(sqlite3_vfs *vfs, int size, char *to)
{
	(void)vfs, (void)size, (void)to;
	return 0;
}

int sqlite3_os_init(void)
{
	static sqlite3_vfs vfs = {
	        .iVersion = 2,
	        .szOsFile = sizeof(sqlite3_file),
	        .mxPathname = NAME_MAX_OF_SYSTEM,
	        .zName = "memory",
	        .xOpen = open_file,
	        .xDelete = delete_file,
	        .xAccess = access_file,
	        .xFullPathname = full_path,
	        .xRandomness = randomness,
	        .xSleep = sleep_microseconds,
	        .xCurrentTime = current_day,
	        .xGetLastError = last_error,
	        .xCurrentTimeInt64 = current_time,
	};

	return sqlite3_vfs_register(&vfs, 1);
}

int sqlite3_os_end(void)
{
	return SQLITE_OK;
}

/* Before the first use of SQLite. 0 or -ENOMEM. */
int sqlite_start(void)
{
	void *arena = portcullis_alloc(ARENA_SIZE);

	if (!arena || sqlite3_config(SQLITE_CONFIG_HEAP, arena, ARENA_SIZE, ARENA_SMALLEST) != SQLITE_OK ||
	    sqlite3_initialize() != SQLITE_OK)
		return -ENOMEM;
	return 0;
}
