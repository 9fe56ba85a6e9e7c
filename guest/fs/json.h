/* A strict check of JSON text (RFC 8259), without building anything. */
#ifndef GUEST_FS_JSON_H
#define GUEST_FS_JSON_H

#include <stdbool.h>
#include <stddef.h>

#define JSON_DEPTH_MAX 32 /* nested objects and arrays */

/* True when the `size` bytes are exactly one JSON object (blanks around it are fine) in valid UTF-8. */
bool json_is_object(const char *text, size_t size);

#endif
