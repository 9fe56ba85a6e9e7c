/* The machine that the launcher runs on. */
#ifndef HOST_HOSTINFO_H
#define HOST_HOSTINFO_H

#include <stddef.h>

/* "Linux 6.1.0 x86_64, CPU MODEL" */
void host_describe(char *text, size_t size);

#endif
