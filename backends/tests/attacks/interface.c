/* Attacks by what a library is called with: entry indices, pointers, and arguments that ask for too much. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>

#include "attack.h"
#include "clerk.h"
#include "code.h"
#include "portcullis/abi.h"
#include "portcullis/portcullis.h"
#include "vault.h"

static const char forged[VAULT_SECRET_SIZE] = "forgedforgedforg";

/* ---- 14: entry indices ------------------------------------------------------------------------------------
 */

static uint64_t domain(void)
{
	return (uint64_t)attack_secret_address() & -PORTCULLIS_DOMAIN_SIZE;
}

/* Calls the gate, or what lies so many bytes behind its start, with the index in RAX and R11. */
static long call_gate(unsigned offset, uint64_t index)
{
	uint64_t result = index;

	__asm__ volatile("sub $128, %%rsp\n" /* below the red zone */
	                 "mov %%rax, %%r11\n"
	                 "call *%[gate]\n"
	                 "add $128, %%rsp"
	                 : "+a"(result)
	                 : [gate] "b"(domain() + PORTCULLIS_GATE_OFFSET + offset), "D"(0)
	                 : "memory", "cc", "rcx", "rdx", "rsi", "r8", "r9", "r10", "r11", "xmm15");
	return (long)result;
}

static uint64_t stolen[2];

/* To be called by the library. */
static long steal(void)
{
	const uint64_t *secret = attack_secret_address();

	stolen[0] = secret[0];
	stolen[1] = secret[1];
	return 0;
}

static long (*const steal_address)(void) = steal;

/* The distance of a word from the table of entry points, in words. */
static uint64_t index_of(const void *word)
{
	int64_t distance = (int64_t)word -
	                   (int64_t)(domain() + PORTCULLIS_GATE_DATA_OFFSET + PORTCULLIS_GATE_DATA_BACKEND);

	return (uint64_t)(distance / 8);
}

static void judge_call(void)
{
	if (stolen[0])
		attack_found(stolen);
}

/* Of a word in the library's own memory, which it has copied there. */
static void index_planted(void)
{
	char back[8];

	vault_copy(back, (const char *)&steal_address, 8);
	call_gate(0, index_of((const void *)vault_copy_address()));
	judge_call();
}

/* Behind the instruction that cuts an index to 32 bits, with one that leads back to the application's memory.
 */
static void index_wide(void)
{
	enum { MOV_EAX_R11D = 3 };

	call_gate(MOV_EAX_R11D, index_of(&steal_address));
	judge_call();
}

static void index_after_last(void)
{
	if (call_gate(0, PORTCULLIS_ENTRIES_MAX) == 0)
		attack_gained("an entry point that there is not");
}

static void index_negative(void)
{
	if (call_gate(0, (uint32_t)-1) == 0)
		attack_gained("an entry point that there is not");
}

/* ---- 15: pointers -----------------------------------------------------------------------------------------
 */

static char buffer[2 * VAULT_NOTICE_SIZE];

/* Lets the library copy from there. */
static void copy_from(const void *from)
{
	long error = vault_copy(buffer, from, VAULT_SECRET_SIZE);

	if (!error)
		attack_found(buffer);
	errno = (int)-error;
	attack_refused_by("vault_copy", -1);
}

static void read_own(void)
{
	copy_from(attack_secret_address());
}

static void read_own_unchecked(void)
{
	if (!vault_copy_unchecked(buffer, attack_secret_address(), VAULT_SECRET_SIZE))
		attack_found(buffer);
}

static void write_own(void)
{
	long error = vault_copy((char *)attack_secret_address(), forged, sizeof(forged));

	if (vault_check(forged) == 1)
		attack_gained("a secret of one's own");
	errno = (int)-error;
	attack_refused_by("vault_copy", -1);
}

static void write_own_unchecked(void)
{
	vault_copy_unchecked((char *)attack_secret_address(), forged, sizeof(forged));
	if (vault_check(forged) == 1)
		attack_gained("a secret of one's own");
}

static void straddling(void)
{
	copy_from((const void *)(PORTCULLIS_APPLICATION_END - 8));
}

static void wrapping(void)
{
	copy_from((const void *)-8L);
}

static void unmapped(void)
{
	uint8_t *memory = code_memory(2);

	munmap(memory + PAGE, PAGE);
	copy_from(memory + PAGE - 8);
}

static void other_library(void)
{
	if (portcullis_attach("clerk", PORTCULLIS_SHARED))
		attack_refused(portcullis_error());
	copy_from((const void *)clerk_memory());
}

/* The library of the library reads its caller's memory for nobody. */
static void by_other_library(void)
{
	long found;

	if (portcullis_attach("clerk", PORTCULLIS_SHARED))
		attack_refused(portcullis_error());
	found = clerk_check(attack_secret_address());
	if (found == 1)
		attack_gained("the clerk has read the secret");
	errno = (int)-found;
	attack_refused_by("clerk_check", -1);
}

static struct vault_request request;

static void *change_request(void *unused)
{
	for (;; sched_yield())
		*(volatile unsigned long *)&request.length =
		        request.length == VAULT_NOTICE_SIZE ? sizeof(buffer) : VAULT_NOTICE_SIZE;
	return unused;
}

#define TRIES 100

/* Another thread changes the request between check and use. */
static void race(long (*notice)(const struct vault_request *))
{
	pthread_t thread;

	request.to = buffer;
	request.length = VAULT_NOTICE_SIZE;
	if (pthread_create(&thread, NULL, change_request, NULL))
		attack_refused("pthread_create");
	for (unsigned i = 0; i < TRIES; i++) {
		notice(&request);
		if (buffer[VAULT_NOTICE_SIZE])
			attack_search(buffer, sizeof(buffer));
		sched_yield();
	}
}

static void changed(void)
{
	race(vault_notice);
}

static void changed_unchecked(void)
{
	race(vault_notice_unchecked);
}

/* ---- 16: stacks -------------------------------------------------------------------------------------------
 */

#define STACK_SIZE (128 * 1024)
#define DEPTH      (STACK_SIZE / 256) /* a call takes more than 256 bytes, and less than twice that */

static void *recurse(void *result)
{
	*(long *)result = vault_recurse(forged, DEPTH);
	return NULL;
}

/* Deeper than the stack: other memory lies below it. The library is one's own, because the call fails it. */
static void recursion(void)
{
	char *memory = (char *)code_memory(2 * STACK_SIZE / PAGE), *top = memory + STACK_SIZE;
	pthread_attr_t attributes;
	pthread_t thread;
	long result = 0;

	if (portcullis_detach("vault") || portcullis_attach("vault", PORTCULLIS_PRIVATE))
		attack_refused(portcullis_error());
	pthread_attr_init(&attributes);
	pthread_attr_setstack(&attributes, top, STACK_SIZE);
	if (pthread_create(&thread, &attributes, recurse, &result))
		attack_refused("pthread_create");
	pthread_join(thread, NULL);
	if (memcmp(top - 64, memory, 64) || result == DEPTH)
		attack_gained("memory below the stack");
	if (result < 0)
		attack_refused("the call has failed");
}

static const struct attack attacks[] = {
        {"index-planted", index_planted},
        {"index-wide", index_wide},
        {"index-after-last", index_after_last},
        {"index-negative", index_negative},
        {"read-own", read_own},
        {"read-own-unchecked", read_own_unchecked},
        {"write-own", write_own},
        {"write-own-unchecked", write_own_unchecked},
        {"straddling", straddling},
        {"wrapping", wrapping},
        {"unmapped", unmapped},
        {"other-library", other_library},
        {"by-other-library", by_other_library},
        {"changed", changed},
        {"changed-unchecked", changed_unchecked},
        {"recursion", recursion},
        {0},
};

int main(int argc, char **argv)
{
	return attack_main(argc, argv, attacks);
}
