/* The machine that the launcher runs on. */
#ifndef HOST_HOSTINFO_H
#define HOST_HOSTINFO_H

#include <stddef.h>

/* "Linux 6.1.0 x86_64, CPU MODEL" */
void host_describe(char *text, size_t size);

/* The first "model name" of /proc/cpuinfo, "unknown CPU" without. */
void host_cpu_model(char *model, size_t size);

#endif
