/* Attacks by VMFUNC: each attempt is a child's, which goes on to read the secret whatever the VMFUNC has
 * done. */
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include "attack.h"
#include "code.h"

#define VIEWS 512

static const uint8_t vmfunc[] = {0x0f, 0x01, 0xd4};

static void skip(int number, siginfo_t *information, void *context)
{
	(void)number, (void)information;
	((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP] += sizeof(vmfunc);
}

static void attempt(const uint8_t *code, uint32_t leaf, uint32_t index)
{
	struct sigaction action = {.sa_sigaction = skip, .sa_flags = SA_SIGINFO};
	int status, child = fork();

	if (child < 0)
		attack_refused("no child");
	if (!child) {
		sigaction(SIGILL, &action, NULL);
		__asm__ volatile("sub $128, %%rsp\n" /* below the red zone */
		                 "call *%2\n"
		                 "add $128, %%rsp"
		                 : "+a"(leaf), "+c"(index)
		                 : "r"(code)
		                 : "memory", "cc");
		attack_read_secret();
	}
	if (waitpid(child, &status, 0) != child)
		attack_refused("no child");
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		_exit(0); /* it has printed the secret */
}

static uint8_t *place(uint8_t *memory, size_t offset)
{
	code_reopen(memory, 2);
	memset(memory, RET, 2 * PAGE);
	memcpy(memory + offset, vmfunc, sizeof(vmfunc));
	code_finish(memory, 2);
	return memory + offset;
}

static void every_index(void)
{
	const uint8_t *code = place(code_memory(2), 0);

	for (uint32_t index = 0; index < VIEWS; index++)
		attempt(code, 0, index);
}

static void beyond_the_list(void)
{
	static const uint32_t indices[] = {512, 513, 1024, 0x10002, 0x7fffffff, 0x80000002, 0xffffffff};
	const uint8_t *code = place(code_memory(2), 0);

	for (unsigned i = 0; i < sizeof(indices) / sizeof(indices[0]); i++)
		attempt(code, 0, indices[i]);
	attempt(code, 1, 2);
	attempt(code, 0xffffffff, 2);
}

/* The views of the vaults of parent and child are among the first. */
static void every_alignment(void)
{
	uint8_t *memory = code_memory(2);

	for (size_t offset = 0; offset < 16; offset++)
		for (uint32_t index = 1; index < 5; index++)
			attempt(place(memory, offset), 0, index);
}

static void end_of_page(void)
{
	uint8_t *memory = code_memory(2);

	for (size_t before = 1; before <= sizeof(vmfunc); before++)
		for (uint32_t index = 1; index < 5; index++)
			attempt(place(memory, PAGE - before), 0, index);
}

int main(int argc, char **argv)
{
	static const struct attack table[] = {
	        {"every-index", every_index},
	        {"beyond-the-list", beyond_the_list},
	        {"every-alignment", every_alignment},
	        {"end-of-page", end_of_page},
	        {0},
	};

	return attack_main(argc, argv, table);
}
