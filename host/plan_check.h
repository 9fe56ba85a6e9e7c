/* Refuses a bad plan before anything is started. */
#ifndef HOST_PLAN_CHECK_H
#define HOST_PLAN_CHECK_H

#include "host/buffer.h"

/* `path`: for messages. `archive`: to look the programs up in. 0, or -1 with "plan FILE:LINE: sentence". */
int plan_check(const char *path, const struct buffer *plan, const struct buffer *archive, char *reason,
               size_t size);

#endif
