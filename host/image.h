/* The RAM image that a guest starts from: kernel, archive and plan, as guest/abi/boot.h describes. */
#ifndef HOST_IMAGE_H
#define HOST_IMAGE_H

#include "host/buffer.h"

#define ROM_SIZE   65536 /* bytes of the reset ROM, which ends at 4 GiB */
#define MEMORY_MIN 8     /* MiB: less than that holds no kernel */
#define MEMORY_MAX 3072  /* MiB: RAM ends below the device hole */

struct image_parts {
	const char *kernel;    /* path of the flat kernel */
	struct buffer archive; /* empty: none */
	struct buffer plan;
	unsigned memory;     /* MiB */
	const char *command; /* the kernel's command line */
};

/* A descriptor of an unnamed file that holds the image, or -1 with a sentence in `reason`. */
int image_build(const struct image_parts *parts, char *reason, size_t size);

/* Is the file at `path` a reset ROM, as far as its size tells? 0, or -1 with a sentence: emulators crash on
 * others. */
int image_check_rom(const char *path, char *reason, size_t size);

#endif
