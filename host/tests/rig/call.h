/* Calls from the rig's Linux to the shim in its emulator: CPUID with EAX = CALL + number, ECX = argument. */
#ifndef HOST_TESTS_RIG_CALL_H
#define HOST_TESTS_RIG_CALL_H

#include <stdint.h>

#define CALL      0x4b560000U /* a range of leaves that no CPU has */
#define CALL_SAVE 1           /* save the machine's state to $RIG_SAVE and end the emulator */
#define CALL_EXIT 2           /* end the emulator; ECX: the status for $RIG_STATUS */
#define CALL_OUT  3           /* ECX: address of a request; EAX: bytes written to the stream, or -1 */
#define CALL_IN   4 /* ECX: address of a request; EAX: bytes read from $RIG_INPUT, 0 at its end, or -1 */

#define CALL_BYTES_MAX    32768
#define CALL_STREAM_FIRST 199 /* stream 1 is this descriptor of the emulator's, stream 2 the next */

struct call_request {
	uint64_t address;      /* linear, of the bytes */
	uint32_t size, stream; /* stream: 1 standard output, 2 standard error */
};

#endif
