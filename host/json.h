/*
 * The little JSON (RFC 8259) that the launcher needs: members of one flat object, which json_is_object() of
 * guest/fs/json.h has found valid before.
 */
#ifndef HOST_JSON_H
#define HOST_JSON_H

#include "host/buffer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The text of a value inside the object: a string with its quotes, a number, ... */
struct json_value {
	const char *text;
	size_t size;
};

/* The value of the first member `key` of the outermost object. Keys with escapes are never found. */
bool json_member(const char *object, const char *key, struct json_value *value);

/* The string at `key`, decoded, cut to size - 1 bytes. False, and "" in `text`: absent or no string. */
bool json_string(const char *object, const char *key, char *text, size_t size);

/* The non-negative integer at `key`. False, and 0: absent or something else. */
bool json_number(const char *object, const char *key, uint64_t *number);

/* Appends `text` as a JSON string. */
void json_quote(struct buffer *buffer, const char *text);

#endif
