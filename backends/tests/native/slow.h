/* A library whose init function waits. */
#ifndef TESTS_SLOW_H
#define TESTS_SLOW_H

#define SLOW_THERE "/tmp/slow-there" /* init makes this file ... */
#define SLOW_WAIT  "/tmp/slow-wait"  /* ... and waits as long as there is this one */

long slow_value(void); /* 17 */

#endif
