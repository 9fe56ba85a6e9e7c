/* The RAM image that a guest starts from: kernel, archive and plan, as guest/abi/boot.h describes. */
#ifndef HOST_IMAGE_H
#define HOST_IMAGE_H

#include "host/buffer.h"

#define MEMORY_MIN 8    /* MiB: less than that holds no kernel */
#define MEMORY_MAX 3072 /* MiB: RAM ends below the device hole */

struct image_parts {
	const char *kernel;    /* path of the flat kernel */
	struct buffer archive; /* empty: none */
	struct buffer plan;
	unsigned memory;     /* MiB */
	const char *command; /* the kernel's command line */
};

/* A descriptor of an unnamed file that holds the image, or -1 with a sentence in `reason`. */
int image_build(const struct image_parts *parts, char *reason, size_t size);

#endif
