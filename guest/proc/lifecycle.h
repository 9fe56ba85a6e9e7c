/* Parts of a process's life that the files of guest/proc share. */
#ifndef GUEST_PROC_LIFECYCLE_H
#define GUEST_PROC_LIFECYCLE_H

#include "proc/process.h"

void process_release(struct process *zombie);     /* takes it out of the table: it was waited for */
void process_vfork_done(struct process *process); /* lets the vfork parent go on, if there is one */

/* The program that the process runs, which nobody may open for writing meanwhile; `inode` NULL: none any more. */
void process_set_executable(struct process *process, struct inode *inode);

/* wait4 and waitid (wait.c): what a child has to report. */
void process_report_stop(struct process *process, int signal); /* it stopped (0: it was continued) */

#endif
