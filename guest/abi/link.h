/*
 * The byte stream from the guest to whoever watches it (port 0xE9, a serial line, a ring: all the same
 * bytes).
 *
 * Console text is sent as it is, but for LINK_MARK, which never appears in it (it is replaced by '?').
 * Anything else is a line:
 *
 *     LINK_MARK TYPE SEQUENCE ' ' PAYLOAD ' ' CRC32 '\n'
 *
 * TYPE is one character of the list below. SEQUENCE is decimal, from 0, one more for each line, so that a
 * lost line shows. PAYLOAD holds no byte below 0x20. CRC32 is eight hexadecimal digits: the IEEE 802.3 CRC of
 * everything between LINK_MARK and the blank before it (TYPE included). A line may interrupt console text
 * anywhere, never another line.
 */
#ifndef GUEST_ABI_LINK_H
#define GUEST_ABI_LINK_H

#define LINK_MARK '\x1e'

#define LINK_BOOT   'B' /* JSON object: kernel up: {"commit":..., "cpu":..., "memory":..., "tsc_hz":..., "remarks":lines on what is missing} */
#define LINK_PROBE                                                                                           \
	'X' /* JSON object: what the option probe=1 found: {"tsc_invariant":0|1, "pmu_version":N, "pmu_executed":N, "pmu_counted":N}: instructions */
#define LINK_RECORD 'R' /* JSON object: one record */
#define LINK_START  'S' /* JSON object: a plan line starts: {"id":..., "repetition":N, "line":N, "of":N} */
#define LINK_DONE                                                                                            \
	'D' /* JSON object: it ended: {"id":..., "repetition":N, "reason":..., ...}, see guest/plan/run.h */
#define LINK_PANIC            'P'          /* text: the sentence of a panic */
#define LINK_PANIC_TICK_LIMIT "tick limit" /* begins the sentence when the option limit= ends the machine */
#define LINK_TRACE                                                                                           \
	'T' /* hexadecimal address: one frame of the backtrace, innermost first, after LINK_PANIC */
#define LINK_END                                                                                             \
	'E' /* decimal exit status of the whole plan: 0 all runs exited 0, 1 some did not, 2 no valid plan   \
	     */

/* Ports that end a run (all are tried in turn). */
#define PORT_DEBUG_CONSOLE  0xe9 /* Bochs port_e9_hack, QEMU isa-debugcon: reads back 0xe9 where it exists */
#define PORT_DEBUG_EXIT     0xf4 /* QEMU isa-debug-exit */
#define PORT_BOCHS_SHUTDOWN 0x8900 /* Bochs: the word "Shutdown", byte by byte */

#endif
