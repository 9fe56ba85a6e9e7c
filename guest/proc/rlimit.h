/* Resource limits: all are kept and reported; RLIMIT_AS, RLIMIT_FSIZE and RLIMIT_NOFILE are enforced. */
#ifndef GUEST_PROC_RLIMIT_H
#define GUEST_PROC_RLIMIT_H

struct process;
struct space;

void rlimits_init(struct process *process, const struct process *parent); /* parent NULL: defaults */
void rlimits_apply(const struct process *process, struct space *space); /* what the space itself enforces */

#endif
