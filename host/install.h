/* Files of the guest that the build puts beside the launcher. */
#ifndef HOST_INSTALL_H
#define HOST_INSTALL_H

#include <stddef.h>

/* The path of `name` ("guest/kernel.bin") in the folder that holds the launcher's executable. Allocated,
 * never freed. */
const char *install_path(const char *name);

/* A path with the ending of its file name replaced: ("x/kernel.bin", ".elf") is "x/kernel.elf". Allocated,
 * never freed. */
const char *install_sibling(const char *path, const char *ending);

#endif
