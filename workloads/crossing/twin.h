/* Another library that does nothing: for programs that alternate between two domains. */
#ifndef CROSSING_TWIN_H
#define CROSSING_TWIN_H

void twin_0(void);

#endif
