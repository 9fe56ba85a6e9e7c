/* What ordinary libraries do, in the victim: copies, arithmetic, recursion, waiting. */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "portcullis/library.h"
#include "vault.h"

#define HALF 8 /* bytes */

#define SYSTEM_CALL_SCHED_YIELD 24 /* Linux, x86-64 */

static const char *secret(void)
{
	return (const char *)vault_address();
}

/* Zeroes on both sides: nothing ever writes there. */
static struct {
	uint64_t below[64];
	char bytes[VAULT_COPY_MAX];
	uint64_t above[64];
} copies;

long vault_intact(void)
{
	for (unsigned i = 0; i < sizeof(copies.below) / sizeof(copies.below[0]); i++)
		if (copies.below[i] || copies.above[i])
			return 0;
	return strlen(secret()) == VAULT_SECRET_SIZE - 1 &&
	       strspn(secret(), "0123456789abcdef") == VAULT_SECRET_SIZE - 1;
}

/* ---- places -----------------------------------------------------------------------------------------------
 */

static char *block;

unsigned long vault_heap(void)
{
	if (!block)
		block = portcullis_alloc(VAULT_SECRET_SIZE);
	if (block)
		memcpy(block, secret(), VAULT_SECRET_SIZE);
	return (unsigned long)block;
}

/* At the lowest address of much memory, so that the next calls do not come down to it. */
unsigned long vault_stack(void)
{
	volatile char room[4096];

	for (unsigned i = 0; i < VAULT_SECRET_SIZE; i++)
		room[i] = secret()[i];
	return (unsigned long)room;
}

long vault_check_heap(const char *guess)
{
	char copy[VAULT_SECRET_SIZE];
	long length = portcullis_copy_in_string(copy, guess, sizeof(copy));

	return length < 0 ? length : block && strcmp(copy, block) == 0;
}

long vault_check_client(unsigned long id)
{
	return portcullis_client()->id == id;
}

/* ---- arguments --------------------------------------------------------------------------------------------
 */

static bool holds_half(const char *data, size_t size)
{
	for (size_t i = 0; i + HALF <= size; i++)
		if (!memcmp(data + i, secret(), HALF) || !memcmp(data + i, secret() + HALF, HALF))
			return true;
	return false;
}

long vault_search(const char *data, unsigned long size)
{
	char chunk[512 + HALF - 1];

	for (unsigned long at = 0; at < size; at += 512) {
		unsigned long part = size - at < sizeof(chunk) ? size - at : sizeof(chunk);
		int error = portcullis_copy_in(chunk, data + at, part);

		if (error)
			return error;
		if (holds_half(chunk, part))
			return 1;
	}
	return 0;
}

unsigned long vault_copy_address(void)
{
	return (unsigned long)copies.bytes;
}

long vault_copy(char *to, const char *from, unsigned long size)
{
	int error;

	if (size > sizeof(copies.bytes))
		return -E2BIG;
	error = portcullis_copy_in(copies.bytes, from, size);
	return error ? error : portcullis_copy_out(to, copies.bytes, size);
}

long vault_copy_unchecked(char *to, const char *from, unsigned long size)
{
	if (size > sizeof(copies.bytes))
		return -E2BIG;
	memcpy(copies.bytes, from, size);
	memcpy(to, copies.bytes, size);
	return 0;
}

/* A notice that anybody may have, between what nobody may have. */
static struct {
	char below[24];
	char notice[VAULT_NOTICE_SIZE];
	char above[VAULT_SECRET_SIZE];
} board;

long vault_show(char *to, unsigned long length)
{
	if (length > sizeof(board.notice))
		return -EINVAL;
	memcpy(board.below + 8, secret(), 16);
	return portcullis_copy_out(to, board.notice, length);
}

/* Looking for the notice takes a while, in which others may run. */
static long answer(const struct vault_request *request)
{
	portcullis_system_call(SYSTEM_CALL_SCHED_YIELD, 0, 0, 0, 0, 0, 0);
	memcpy(board.above, secret(), sizeof(board.above));
	return portcullis_copy_out(request->to, board.notice, request->length);
}

long vault_notice(const struct vault_request *request)
{
	struct vault_request copy;
	int error = portcullis_copy_in(&copy, request, sizeof(copy));

	if (error)
		return error;
	return copy.length > sizeof(board.notice) ? -EINVAL : answer(&copy);
}

long vault_notice_unchecked(const struct vault_request *request)
{
	if (*(volatile unsigned long *)&request->length > sizeof(board.notice))
		return -EINVAL;
	return answer(request);
}

/* ---- processor and stack ----------------------------------------------------------------------------------
 */

long vault_numbers(void)
{
	volatile double one = 1, three = 3, least = 0x1p-1022, half = 0.5;
	volatile long double long_one = 1, long_three = 3;

	return one / three == 0x1.5555555555555p-2 && least * half == 0x1p-1023 &&
	       long_one / long_three == 0xa.aaaaaaaaaaaaaabp-5L;
}

/* In assembly, so that no compiler leaves the pushes out. */
__asm__(".section .text.vault_push, \"ax\"\n"
        ".globl vault_push\n"
        ".type vault_push, @function\n"
        "vault_push:\n"
        "	push %rbx\n"
        "	push %rbp\n"
        "	pop %rbp\n"
        "	pop %rbx\n"
        "	ret\n"
        ".size vault_push, . - vault_push\n"
        ".text\n");

#define FRAME_SIZE 256

static __attribute__((noinline)) long recurse(const char text[VAULT_SECRET_SIZE], unsigned long depth)
{
	volatile char frame[FRAME_SIZE];

	for (unsigned i = 0; i < FRAME_SIZE; i++)
		frame[i] = text[i % (VAULT_SECRET_SIZE - 1)];
	return depth ? recurse(text, depth - 1) + (frame[0] == text[0]) : 0;
}

long vault_recurse(const char *text, unsigned long depth)
{
	char copy[VAULT_SECRET_SIZE];
	long length = portcullis_copy_in_string(copy, text, sizeof(copy));

	return length < 0 ? length : recurse(copy, depth);
}

long vault_registers(void)
{
	__asm__ volatile("vmovdqu (%0), %%xmm0\n"
	                 "vinsertf128 $1, %%xmm0, %%ymm0, %%ymm0\n"
	                 ".irp n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15\n"
	                 "vmovdqa %%ymm0, %%ymm\\n\n"
	                 ".endr\n"
	                 "mov (%0), %%rcx\n"
	                 ".irp n, 0, 1, 2, 3, 4, 5, 6, 7\n"
	                 "movq %%rcx, %%mm\\n\n"
	                 ".endr\n"
	                 "emms\n"
	                 "mov %%rcx, %%rdx\n"
	                 "mov %%rcx, %%rsi\n"
	                 "mov %%rcx, %%rdi\n"
	                 "mov %%rcx, %%r8\n"
	                 "mov %%rcx, %%r9\n"
	                 "mov %%rcx, %%r10\n"
	                 "mov %%rcx, %%r11\n"
	                 :
	                 : "a"(secret())
	                 : "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "xmm0", "xmm1", "xmm2",
	                   "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12",
	                   "xmm13", "xmm14", "xmm15", "mm0", "mm1", "mm2", "mm3", "mm4", "mm5", "mm6", "mm7");
	return 0;
}

long vault_wait(unsigned long turns)
{
	uint64_t halves[2];

	if (!turns || turns > VAULT_TURNS_MAX)
		return -EINVAL;
	memcpy(halves, secret(), sizeof(halves));
	__asm__ volatile("1: dec %0; jnz 1b" : "+r"(turns) : "r"(halves[0]), "r"(halves[1]) : "cc");
	return 0;
}

static volatile char *volatile held;

unsigned long vault_held(void)
{
	return (unsigned long)held;
}

long vault_hold(const char *guess, unsigned long turns)
{
	volatile char room[VAULT_SECRET_SIZE];
	char copy[VAULT_SECRET_SIZE];
	long length = portcullis_copy_in_string(copy, guess, sizeof(copy));
	bool same = true;

	if (length < 0)
		return length;
	if (turns > VAULT_TURNS_MAX)
		return -EINVAL;
	for (unsigned i = 0; i < sizeof(room); i++)
		room[i] = secret()[i];
	held = room;
	while (room[VAULT_SECRET_SIZE - 2] == secret()[VAULT_SECRET_SIZE - 2] && turns--)
		portcullis_system_call(SYSTEM_CALL_SCHED_YIELD, 0, 0, 0, 0, 0, 0);
	held = NULL;
	for (unsigned i = 0; i < VAULT_SECRET_SIZE - 1; i++)
		same &= room[i] == copy[i];
	return same;
}
