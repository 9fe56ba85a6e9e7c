/* The kernel's small C library: strings, formatting, checks. Freestanding. */
#ifndef GUEST_LIB_LIB_H
#define GUEST_LIB_LIB_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#define MIN(a, b)         ((a) < (b) ? (a) : (b))
#define MAX(a, b)         ((a) > (b) ? (a) : (b))
#define ALIGN_UP(value, unit)   (((value) + (unit)-1) & ~((uint64_t)(unit)-1))
#define ALIGN_DOWN(value, unit) ((value) & ~((uint64_t)(unit)-1))

void *memcpy(void *to, const void *from, size_t size);
void *memmove(void *to, const void *from, size_t size);
void *memset(void *to, int byte, size_t size);
int memcmp(const void *a, const void *b, size_t size);
size_t strlen(const char *text);
size_t strnlen(const char *text, size_t limit);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t limit);
char *strchr(const char *text, int character);

/* Copies at most size - 1 characters and always terminates. Returns strlen(from). */
size_t strlcpy(char *to, const char *from, size_t size);

/*
 * Formats into `to` like the C function of that name. Conversions: %d %i %u %x %p %c %s %%, the lengths l, ll and z,
 * a width with 0 and - flags, and a precision for %s; width and precision may be '*'.
 */
int vsnprintf(char *to, size_t size, const char *format, va_list list);
int snprintf(char *to, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Prints on the console (see channel.h). */
void kprintf(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Stops the machine: one sentence and a backtrace to the launcher, which symbolises it. */
_Noreturn void panic(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* An invariant of the kernel. Not for anything that a user program can cause. */
#define kassert(condition)                                                                                  \
	do {                                                                                                \
		if (!(condition))                                                                           \
			panic("%s:%d: invariant broken: %s", __FILE__, __LINE__, #condition);               \
	} while (0)

/* IEEE 802.3 CRC-32 (polynomial 0xEDB88320 reflected) of `size` bytes, continuing from `crc` (0 at first). */
uint32_t crc32(uint32_t crc, const void *data, size_t size);

#endif
