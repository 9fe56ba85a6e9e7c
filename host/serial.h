/* The line that a real machine's records come in on: a serial port, or something that stands for one. */
#ifndef HOST_SERIAL_H
#define HOST_SERIAL_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Opens a line for reading. `name` is "tcp:HOST:PORT" (a terminal server, or an emulator's serial line), else
 * a path: a serial port or pseudo-terminal, which is set to `speed` bits a second, 8N1, without echo or flow
 * control; or a file that holds what such a line said before. Signals are not blocked meanwhile. A
 * descriptor, or -1 with a sentence.
 */
int serial_open(const char *name, unsigned speed, char *reason, size_t size);

/* Whether a serial port can be set to that speed. */
bool serial_has_speed(unsigned speed);

#endif
