/* The link that the receiving end plays: frames in flight, in the order of their arrival. */
#ifndef WIRE_LINK_H
#define WIRE_LINK_H

#include "wire/wire.h"

struct flight {
	uint64_t due;
	void *buffer, *token;
	size_t size;
};

/* 0 or -EINVAL. */
int link_open(const struct wire_link *link);

/* Does the link deliver at once whatever comes? */
bool link_is_perfect(void);

bool link_is_full(void);
bool link_loses(void); /* this frame, which is the next that was sent */

/* A frame of that size, sent at `ticks`, is on its way. The link must not be full. */
void link_launch(uint64_t ticks, void *buffer, void *token, size_t size,
                 struct device_statistics *statistics);

/* The next frame that has arrived by now. False: none. */
bool link_land(struct flight *flight);

bool link_is_empty(void);

#endif
