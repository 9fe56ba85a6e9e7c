#include "host/image.h"

#include "guest/abi/boot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE_SIZE 4096
#define MIB       (1UL << 20)

static int fail(char *reason, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));
static int fail(char *reason, size_t size, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	vsnprintf(reason, size, format, list);
	va_end(list);
	return -1;
}

static int check_kernel(const char *path, const struct buffer *kernel, char *reason, size_t size)
{
	struct boot_header header;

	if (kernel->size < BOOT_HEADER_OFFSET + sizeof(header))
		return fail(reason, size, "kernel %s: %zu bytes are too few: it is cut off or no kernel",
		            path, kernel->size);
	memcpy(&header, kernel->data + BOOT_HEADER_OFFSET, sizeof(header));
	if (header.magic != BOOT_MAGIC)
		return fail(reason, size, "kernel %s: no header: it is no Portcullis kernel", path);
	if (header.version != BOOT_VERSION)
		return fail(reason, size, "kernel %s: header version %u, but this launcher knows %u", path,
		            header.version, BOOT_VERSION);
	if (header.file_end - IMAGE_ADDRESS != kernel->size)
		return fail(reason, size,
		            "kernel %s: %zu bytes, but its header says %lu: it is cut off or damaged", path,
		            kernel->size, header.file_end - IMAGE_ADDRESS);
	if (header.image_end < header.file_end || header.image_end > MEMORY_MAX * MIB)
		return fail(reason, size, "kernel %s: its header is damaged", path);
	return 0;
}

static void pad_to(struct buffer *image, uint64_t address)
{
	buffer_zeroes(image, address - IMAGE_ADDRESS - image->size);
}

/* Appends a module at the next page. */
static struct boot_module add_module(struct buffer *image, const struct buffer *content)
{
	struct boot_module module = {0, content->size};

	if (!content->size)
		return module;
	buffer_zeroes(image, -image->size & (PAGE_SIZE - 1));
	module.address = IMAGE_ADDRESS + image->size;
	buffer_append(image, content->data, content->size);
	return module;
}

/* Places everything after the kernel, which `image` holds. */
static int lay_out(const struct image_parts *parts, struct buffer *image, char *reason, size_t size)
{
	struct boot_header header;

	memcpy(&header, image->data + BOOT_HEADER_OFFSET, sizeof(header));
	if (strlen(parts->command) >= sizeof(header.command))
		return fail(reason, size, "the options for the kernel are longer than %zu bytes",
		            sizeof(header.command) - 1);
	memset(header.command, 0, sizeof(header.command));
	strcpy(header.command, parts->command);
	header.memory = parts->memory * MIB;
	pad_to(image, header.image_end);
	header.archive = add_module(image, &parts->archive);
	header.plan = add_module(image, &parts->plan);
	memcpy(image->data + BOOT_HEADER_OFFSET, &header, sizeof(header));
	/* Unpacking needs room for a second copy of the archive's files. */
	if (IMAGE_ADDRESS + image->size + parts->archive.size > header.memory)
		return fail(reason, size,
		            "--memory %u is too small: kernel, archive and its files need %lu MiB",
		            parts->memory, (IMAGE_ADDRESS + image->size + parts->archive.size) / MIB + 1);
	return 0;
}

static int store(const struct buffer *image, char *reason, size_t size)
{
	int fd = memfd_create("portcullis-image", MFD_CLOEXEC), error;

	if (fd < 0)
		return fail(reason, size, "no memory file for the image: %s", strerror(errno));
	error = write_all(fd, image->data, image->size);
	if (!error)
		return fd;
	close(fd);
	return fail(reason, size, "the image cannot be stored: %s", strerror(-error));
}

int image_build(const struct image_parts *parts, char *reason, size_t size)
{
	struct buffer image = {0};
	int error = buffer_read_file(&image, parts->kernel), fd = -1;

	if (error)
		fail(reason, size, "kernel %s: %s", parts->kernel, strerror(-error));
	else if (check_kernel(parts->kernel, &image, reason, size) == 0 &&
	         lay_out(parts, &image, reason, size) == 0)
		fd = store(&image, reason, size);
	buffer_free(&image);
	return fd;
}

int image_check_rom(const char *path, char *reason, size_t size)
{
	struct buffer rom = {0};
	int error = buffer_read_file(&rom, path), result = 0;

	if (error)
		result = fail(reason, size, "ROM %s: %s", path, strerror(-error));
	else if (rom.size != ROM_SIZE)
		result = fail(reason, size, "ROM %s: %zu bytes, but a reset ROM has %d", path, rom.size,
		              ROM_SIZE);
	buffer_free(&rom);
	return result;
}
