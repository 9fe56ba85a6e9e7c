/* Threads of the runtime's own, which have no thread-local storage. */
#ifndef NATIVE_THREAD_H
#define NATIVE_THREAD_H

/* clone(2): function(argument) on the stack that ends at `top`, then exit(2). The thread's id or -errno. */
long thread_start(long flags, void *top, void (*function)(void *), void *argument);

#endif
