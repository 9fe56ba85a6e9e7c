#include "host/buffer.h"

#include "host/report.h"
#include "host/status.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define READ_SIZE 65536

static void reserve(struct buffer *buffer, size_t more)
{
	size_t needed = buffer->size + more + 1;
	size_t room = buffer->room * 2 > needed ? buffer->room * 2 : needed;

	if (needed <= buffer->room)
		return;
	buffer->data = realloc(buffer->data, room);
	if (!buffer->data) {
		report_error("out of memory");
		exit(STATUS_USAGE);
	}
	buffer->room = room;
}

void buffer_append(struct buffer *buffer, const void *data, size_t size)
{
	reserve(buffer, size);
	if (size)
		memcpy(buffer->data + buffer->size, data, size);
	buffer->size += size;
	buffer->data[buffer->size] = '\0';
}

void buffer_printf(struct buffer *buffer, const char *format, ...)
{
	va_list list;
	int size;

	va_start(list, format);
	size = vsnprintf(NULL, 0, format, list);
	va_end(list);
	reserve(buffer, (size_t)size);
	va_start(list, format);
	vsnprintf(buffer->data + buffer->size, (size_t)size + 1, format, list);
	va_end(list);
	buffer->size += (size_t)size;
}

void buffer_zeroes(struct buffer *buffer, size_t size)
{
	reserve(buffer, size);
	memset(buffer->data + buffer->size, 0, size + 1);
	buffer->size += size;
}

void buffer_keep_tail(struct buffer *buffer, size_t size)
{
	if (buffer->size <= size)
		return;
	memmove(buffer->data, buffer->data + buffer->size - size, size + 1);
	buffer->size = size;
}

void buffer_free(struct buffer *buffer)
{
	free(buffer->data);
	*buffer = (struct buffer){0};
}

int buffer_read_file(struct buffer *buffer, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t size;

	if (fd < 0)
		return -errno;
	do {
		reserve(buffer, READ_SIZE);
		size = read(fd, buffer->data + buffer->size, READ_SIZE);
		if (size > 0)
			buffer->size += (size_t)size;
	} while (size > 0 || (size < 0 && errno == EINTR));
	buffer->data[buffer->size] = '\0';
	size = size < 0 ? -errno : 0;
	close(fd);
	return (int)size;
}

int write_all(int fd, const void *data, size_t size)
{
	const char *at = data;

	while (size) {
		ssize_t written = write(fd, at, size);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return -errno;
		at += written;
		size -= (size_t)written;
	}
	return 0;
}
