/* The byte stream to the watcher (guest/abi/link.h): console text and framed lines. */
#ifndef GUEST_CHANNEL_H
#define GUEST_CHANNEL_H

#include "abi/link.h"
#include "lib/lib.h"

void channel_init(void); /* finds the VMM's ring, else the debug console port, else the serial line COM1 */
void channel_console(const char *text, size_t size); /* console text */
void channel_line(char type, const char *payload,
                  size_t size); /* one framed line; control characters become blanks */

/* Returns when the watcher has read all that was written, where a ring is the way to it: the option hold=. */
void channel_hold(void);

#endif
