/* A byte string that grows. All zeroes is the empty one. Memory that runs out ends the launcher with a
 * sentence. */
#ifndef HOST_BUFFER_H
#define HOST_BUFFER_H

#include <stddef.h>

struct buffer {
	char *data; /* NUL after the last byte, or NULL while empty */
	size_t size;
	size_t room;
};

void buffer_append(struct buffer *buffer, const void *data, size_t size);
void buffer_printf(struct buffer *buffer, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buffer_zeroes(struct buffer *buffer, size_t size);
/* Keeps the last `size` bytes. */
void buffer_keep_tail(struct buffer *buffer, size_t size);
void buffer_free(struct buffer *buffer);

/* Appends a whole file. 0 or -errno. */
int buffer_read_file(struct buffer *buffer, const char *path);

/* Writes all of `size` bytes. 0 or -errno. */
int write_all(int fd, const void *data, size_t size);

#endif
