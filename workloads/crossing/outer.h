/* A library whose entry point calls another library. */
#ifndef CROSSING_OUTER_H
#define CROSSING_OUTER_H

/* Calls twin_0(). */
void outer_0(void);

/* Nothing: what outer_0() costs without the call. */
void outer_nothing(void);

#endif
