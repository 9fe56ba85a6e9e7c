/* Futexes and the robust list. */
#ifndef GUEST_PROC_FUTEX_H
#define GUEST_PROC_FUTEX_H

struct thread;

/* At a thread's end: releases its robust futexes, clears and wakes clear_tid. */
void futex_thread_exit(struct thread *thread);

#endif
