/* Its init function says that it is there, and waits as long as a file tells it to. */
#include <fcntl.h>
#include <sys/syscall.h>

#include "portcullis/library.h"
#include "slow.h"

#define CALL(number, a, b, c) portcullis_system_call(number, (long)(a), (long)(b), (long)(c), 0, 0, 0)

int slow_init(void);

int slow_init(void)
{
	CALL(SYS_close, CALL(SYS_open, SLOW_THERE, O_CREAT | O_WRONLY, 0666), 0, 0);
	while (CALL(SYS_access, SLOW_WAIT, 0, 0) == 0)
		CALL(SYS_sched_yield, 0, 0, 0);
	return 0;
}

long slow_value(void)
{
	return 17;
}
