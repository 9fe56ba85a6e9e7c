/* A library that does nothing, to see what entering it costs. */
#ifndef CROSSING_EMPTY_H
#define CROSSING_EMPTY_H

#include <stddef.h>

void empty_0(void);
void empty_1(long a);
void empty_2(long a, long b);
void empty_3(long a, long b, long c);
void empty_4(long a, long b, long c, long d);
void empty_5(long a, long b, long c, long d, long e);
void empty_6(long a, long b, long c, long d, long e, long f);

/* Copies `size` bytes (at most EMPTY_COPY_MAX) in, or out. 0 or -errno. */
#define EMPTY_COPY_MAX 16384
long empty_copy_in(const void *from, size_t size);
long empty_copy_out(void *to, size_t size);

#endif
