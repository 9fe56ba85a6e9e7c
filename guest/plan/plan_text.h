/* The plan's text, as the loader brought it. */
#ifndef GUEST_PLAN_PLAN_TEXT_H
#define GUEST_PLAN_PLAN_TEXT_H

#include <stddef.h>

/* NULL: it brought none. */
const char *plan_text(size_t *size);

#endif
