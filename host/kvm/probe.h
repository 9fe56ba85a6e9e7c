/* Does KVM run guests here? For every engine that could use it. */
#ifndef HOST_KVM_PROBE_H
#define HOST_KVM_PROBE_H

#include <stdbool.h>
#include <stddef.h>

/* Runs a few instructions in a machine of their own, at the CPU's speed? False, with a sentence in `reason`:
 * no. */
bool kvm_probe(char *reason, size_t size);

#endif
