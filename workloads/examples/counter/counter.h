/* Named counters. A name has 1 to 31 characters. All functions return 0 or more, or -errno. */
#ifndef COUNTER_H
#define COUNTER_H

/* Adds to a counter, which starts at 0; returns its new value. -EFAULT, -ENAMETOOLONG, -EINVAL, -ENOMEM,
 * -ERANGE. */
long counter_add(const char *name, unsigned amount);

/* *value = the counter's value. -ENOENT, -EFAULT, -ENAMETOOLONG, -EINVAL. */
long counter_read(const char *name, long *value);

#endif
