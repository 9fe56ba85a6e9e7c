#include "memory_file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

bool memory_file_create(struct memory_file *file, const char *name, uint64_t size, struct error *error)
{
	file->size = size;
	file->bytes = NULL;
	file->descriptor = memfd_create(name, MFD_CLOEXEC);
	if (file->descriptor < 0)
		return error_set(error, "memory for the %s: %s", name, strerror(errno));
	snprintf(file->path, sizeof(file->path), "/proc/self/fd/%d", file->descriptor);
	if (size == 0)
		return true;
	if (ftruncate(file->descriptor, (off_t)size) == 0)
		file->bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, file->descriptor, 0);
	if (!file->bytes || file->bytes == MAP_FAILED) {
		error_set(error, "memory for the %s (%llu bytes): %s", name, (unsigned long long)size,
		          strerror(errno));
		file->bytes = NULL;
		memory_file_close(file);
		return false;
	}
	return true;
}

void memory_file_close(struct memory_file *file)
{
	if (file->bytes)
		munmap(file->bytes, file->size);
	if (file->descriptor >= 0)
		close(file->descriptor);
	file->bytes = NULL;
	file->descriptor = -1;
}
