/* Exit statuses of portcullis. --help prints the same list (main.c). */
#ifndef HOST_EXIT_STATUS_H
#define HOST_EXIT_STATUS_H

enum exit_status {
	EXIT_GOOD = 0,        /* every run exited with status 0 */
	EXIT_RUN_FAILED = 1,  /* some run did not */
	EXIT_USAGE = 2,       /* wrong usage or bad input; nothing was booted */
	EXIT_NO_ENGINE = 3,   /* the engine is not available here */
	EXIT_PANIC = 4,       /* the guest kernel panicked */
	EXIT_DIED = 5,        /* triple fault, or the emulator died */
	EXIT_TICK_LIMIT = 6,  /* --limit-ticks */
	EXIT_TIMEOUT = 7,     /* --timeout */
	EXIT_LOST = 8,        /* records were lost, or output could not be written */
	EXIT_BY_SIGNAL = 128, /* plus the number of the signal that ended the launcher */
};

#endif
