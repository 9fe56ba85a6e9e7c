/*
 * A link of a chain of libraries, each of which calls the next: built once for each link, with its name in
 * LINK, the next one's in NEXT (none: the last link), and in FLAGS how it attaches to that.
 */
#include <errno.h>
#include <sys/syscall.h>

#include "portcullis/library.h"

#define PASTE_(a, b)          a##b
#define PASTE(a, b)           PASTE_(a, b)
#define TEXT_(a)              #a
#define TEXT(a)               TEXT_(a)
#define CALL(number, a, b, c) portcullis_system_call(number, (long)(a), (long)(b), (long)(c), 0, 0, 0)

int PASTE(LINK, _init)(void);
long PASTE(LINK, _descend)(int number, int *seen, int ready, int fd);
#ifdef NEXT
long PASTE(NEXT, _descend)(int number, int *seen, int ready, int fd);
#endif

int PASTE(LINK, _init)(void)
{
#ifdef NEXT
	return portcullis_attach_library(TEXT(NEXT), FLAGS);
#else
	return 0;
#endif
}

/*
 * How many links there are from here on, or -errno. The last one sends the process the signal `number`,
 * writes a byte to `ready` and reads one from `fd`, as far as these are positive. A link that then finds
 * *seen (NULL: none) not 0 returns -EALREADY.
 */
long PASTE(LINK, _descend)(int number, int *seen, int ready, int fd)
{
	long below = 0;
	int value = 0;

#ifdef NEXT
	below = PASTE(NEXT, _descend)(number, seen, ready, fd);
#else
	char byte = 1;

	if (number > 0)
		CALL(SYS_kill, CALL(SYS_getpid, 0, 0, 0), number, 0);
	if (ready > 0)
		CALL(SYS_write, ready, &byte, 1);
	if (fd > 0)
		CALL(SYS_read, fd, &byte, 1);
#endif
	if (seen && portcullis_copy_in(&value, seen, sizeof(value)))
		return -EFAULT;
	if (value)
		return -EALREADY;
	return below < 0 ? below : below + 1;
}
