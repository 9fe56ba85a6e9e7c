/* A library that owns one word. */
#ifndef HOST_PROBE_CELL_H
#define HOST_PROBE_CELL_H

/* Where it is: in the library's memory. */
int *cell_address(void);

#endif
