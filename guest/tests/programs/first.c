/*
 * first: a record of the TSC at the first user instruction. The TSC counts from the reset of the machine, so
 * this is the length of the boot, in ticks. The entry point is this program's own: it reads the TSC, then
 * enters the C library's.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

uint64_t first_ticks;

__asm__(".globl first_instruction\n"
        "first_instruction:\n"
        "	rdtsc\n"
        "	shl $32, %rdx\n"
        "	or %rdx, %rax\n"
        "	mov %rax, first_ticks(%rip)\n"
        "	xor %edx, %edx\n"
        "	jmp _start\n");

int main(void)
{
	int records = open("/dev/records", O_WRONLY);

	if (records < 0 || dprintf(records,
	                           "{\"schema\":1,\"workload\":\"first\",\"metric\":\"boot\",\"unit\":"
	                           "\"ticks\",\"value\":%llu,\"n\":1}\n",
	                           (unsigned long long)first_ticks) < 0) {
		perror("first: /dev/records");
		return 1;
	}
	return close(records) < 0;
}
