/* A library that shows what an image can do: each function tries one thing of the interface for library
 * authors. */
#ifndef TESTS_PROBE_H
#define TESTS_PROBE_H

#include <stddef.h>
#include <stdint.h>

/* a + 2b + 3c + 4d + 5e + 6f */
long probe_six(long a, long b, long c, long d, long e, long f);
long probe_nothing(void);

/* What the init function left: 42. */
long probe_initialised(void);

/* The text and the result of the function at index 0, 1 or 2 of tables that the loader relocates. */
long probe_relocated(unsigned index);

/* Copies in, then out. 0 or -errno. */
long probe_copy(void *to, const void *from, size_t size);
long probe_string(const char *text, size_t limit);

/* Bit 0: the range lies in the domain; bit 1: in application memory. */
long probe_where(const void *pointer, size_t size);

/* A block of the private heap; NULL: it is full. */
void *probe_allocate(size_t size);
long probe_release(void *memory);

/* errno inside the library after an allocation that no heap can give. */
long probe_error_number(void);

/* Of the calling client: its id, and how often it has called this function. */
uint64_t probe_client(void);
long probe_visits(void);

/* Id of the client that the teardown function was last told; 0: none. */
uint64_t probe_departed(void);

double probe_half(double value);

#endif
