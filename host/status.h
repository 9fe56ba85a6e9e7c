/* Exit statuses of `portcullis`, one for each way that it can end. */
#ifndef HOST_STATUS_H
#define HOST_STATUS_H

enum status {
	STATUS_OK = 0,         /* every run of the plan exited with status 0 */
	STATUS_RUN_FAILED = 1, /* some run did not */
	STATUS_USAGE = 2,      /* wrong option, or bad kernel, archive, folder or plan: nothing was started */
	STATUS_NO_ENGINE = 3,  /* the engine, or the serial line, is not available here */
	STATUS_PANIC = 4,      /* the guest kernel stopped itself */
	STATUS_DIED = 5,       /* triple fault, or the emulator ended before the guest did */
	STATUS_TICK_LIMIT = 6, /* --limit-ticks was reached */
	STATUS_TIMEOUT = 7,    /* --timeout was reached */
	STATUS_DATA_LOST = 8,  /* lines of the guest were lost or damaged, or a file could not be written */
	STATUS_INTERRUPTED = 128 /* plus the signal's number */
};

/* The text of the table above, for --help. */
extern const char status_help[];

#endif
