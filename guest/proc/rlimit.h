/* Resource limits: kept and reported; RLIMIT_NOFILE and RLIMIT_AS are not enforced beyond the kernel's own
 * limits. */
#ifndef GUEST_PROC_RLIMIT_H
#define GUEST_PROC_RLIMIT_H

struct process;

void rlimits_init(struct process *process, const struct process *parent); /* parent NULL: defaults */

#endif
