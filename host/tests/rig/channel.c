/*
 * The rig's guest end of the shim's calls: `channel save | exit STATUS | in | out 1|2`.
 *
 * A call is a CPUID with leaf CALL + its number and its argument in ECX, which the shim answers instead of
 * the CPU.
 */
#include "call.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char bytes[CALL_BYTES_MAX];

static uint32_t call(uint32_t number, uint32_t argument)
{
	uint32_t eax = CALL | number, ebx, edx;

	__asm__ volatile("cpuid" : "+a"(eax), "=b"(ebx), "+c"(argument), "=d"(edx) : : "memory");
	return eax;
}

/* The shim reads the request at a 32-bit address: this program is linked low. */
static int transfer(uint32_t number, size_t size, uint32_t stream)
{
	static struct call_request request;

	request =
	        (struct call_request){.address = (uintptr_t)bytes, .size = (uint32_t)size, .stream = stream};
	return (int)call(number, (uint32_t)(uintptr_t)&request);
}

/* Standard input to the host's stream. */
static int send_out(uint32_t stream)
{
	ssize_t size;

	while ((size = read(STDIN_FILENO, bytes, sizeof(bytes))) > 0)
		if (transfer(CALL_OUT, (size_t)size, stream) != size)
			return 1;
	return size < 0;
}

/* The host's file to standard output. */
static int receive(void)
{
	int size;

	memset(bytes, 1, sizeof(bytes)); /* its pages are there when the shim writes them */
	while ((size = transfer(CALL_IN, sizeof(bytes), 0)) > 0)
		for (ssize_t done = 0, count; done < size; done += count)
			if ((count = write(STDOUT_FILENO, bytes + done, (size_t)(size - done))) <= 0)
				return 1;
	return size < 0;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	int number = argc > 2 ? atoi(argv[2]) : 0;

	if (!strcmp(what, "save")) {
		sync();
		call(CALL_SAVE, 0);
		return 0;
	}
	if (!strcmp(what, "exit"))
		call(CALL_EXIT, (uint32_t)number);
	if (!strcmp(what, "in"))
		return receive();
	if (!strcmp(what, "out"))
		return send_out((uint32_t)number);
	fprintf(stderr, "channel: save, exit STATUS, in, or out STREAM\n");
	return 2;
}
