/* One line on a terminal's standard error that says where the plan is. Silent where standard error is no
 * terminal. */
#ifndef HOST_PROGRESS_H
#define HOST_PROGRESS_H

#include <stdbool.h>

void progress_enable(bool enable);

/* Replaces the line. */
void progress_show(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Removes the line, before anything else is written to the terminal. */
void progress_clear(void);

#endif
