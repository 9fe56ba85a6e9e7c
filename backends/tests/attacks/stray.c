/* Attacks through stray WRPKRU: byte sequences outside of the gate that an application jumps to with rights
 * of its choice. */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "attack.h"
#include "code.h"
#include "portcullis/portcullis.h"
#include "vault.h"

#define RFLAGS_TF 0x100

static _Noreturn void steal(const void *code, bool resuming)
{
	uint64_t secret[2];

	if (!code_steal(code, resuming, attack_secret_address(), secret))
		attack_refused("the rights are what they were");
	attack_found(secret);
}

static void jump(const void *code)
{
	steal(code, false);
}

/* Executes an occurrence without raising anything: what an honest program would do. */
static void touch(const void *code)
{
	code_call(code, code_rights());
}

/* ---- in the program's own text ----------------------------------------------------------------------------
 */

extern const uint8_t text_aligned[], text_unaligned[], text_immediate[], text_displacement[], text_prefixed[],
        text_behind_mov_ss[];

__asm__(".pushsection .text\n"
        ".balign 4096\n"
        ".skip 64\n"
        "text_aligned: wrpkru; ret\n"
        ".balign 16\n"
        ".byte 0xeb, 3\n" /* jmp */
        "text_unaligned: wrpkru; ret\n"
        ".balign 4096\n"
        ".skip 64\n"
        "mov $0xc3ef010f, %eax; ret\n"
        "text_immediate = . - 5\n"
        ".byte 0x48, 0x8d, 0x05\n" /* lea displacement(%rip), %rax */
        "text_displacement: .long 0xc3ef010f; ret\n"
        ".balign 4096\n"
        ".skip 64\n"
        "text_prefixed: .byte 0x2e, 0x48; wrpkru; ret\n"
        "text_behind_mov_ss: mov %ss, %r8d; mov %r8d, %ss; wrpkru; ret\n"
        ".balign 4096\n"
        ".popsection\n");

static void aligned(void)
{
	jump(text_aligned);
}

static void unaligned(void)
{
	jump(text_unaligned);
}

static void immediate(void)
{
	jump(text_immediate);
}

static void displacement(void)
{
	jump(text_displacement);
}

static void prefixed(void)
{
	jump(text_prefixed);
}

/* MOV SS keeps watchpoints and single steps away from the instruction behind it. */
static void behind_mov_ss(void)
{
	jump(text_behind_mov_ss);
}

/* RFLAGS.RF keeps a watchpoint away from one instruction. */
static void resume_flag(void)
{
	steal(text_aligned, true);
}

/* The same from a signal frame. */
static void resume_on_return(int signal, siginfo_t *info, void *context)
{
	greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;

	(void)signal;
	(void)info;
	registers[REG_RIP] = (greg_t)text_aligned;
	registers[REG_EFL] |= 0x10000;
	registers[REG_RAX] = ALL_RIGHTS;
	registers[REG_RCX] = registers[REG_RDX] = 0;
	registers[REG_RSP] -= 8;
	*(uint64_t *)registers[REG_RSP] = (uint64_t)attack_read_secret;
}

static void resume_flag_in_frame(void)
{
	struct sigaction action = {.sa_sigaction = resume_on_return, .sa_flags = SA_SIGINFO};

	sigaction(SIGUSR1, &action, NULL);
	raise(SIGUSR1);
}

/* Steps over it: the handler runs right after each instruction. */
static void step_further(int signal, siginfo_t *info, void *context)
{
	(void)signal;
	(void)info;
	if (code_rights() == ALL_RIGHTS)
		attack_read_secret();
	((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL] |= RFLAGS_TF;
}

static void trap_flag(void)
{
	struct sigaction action = {.sa_sigaction = step_further, .sa_flags = SA_SIGINFO};

	sigaction(SIGTRAP, &action, NULL);
	__asm__ volatile("sub $128, %%rsp; pushfq; orq %0, (%%rsp); popfq; add $128, %%rsp"
	                 :
	                 : "i"(RFLAGS_TF)
	                 : "memory", "cc");
	jump(text_aligned);
}

/* ---- in the library's text, which the application can jump to as well -------------------------------------
 */

#define LIBRARY_KEY 14 /* of the first shared domain */

static void library(void)
{
	jump((const uint8_t *)vault_text() + VAULT_STRAY);
}

/* With exactly the rights that the library has itself, and in its own text while it has them. */
static _Noreturn void steal_inside(unsigned offset)
{
	const uint8_t *text = (const uint8_t *)vault_text();
	uint64_t secret[2];

	code_steal_inside(text + offset, text + VAULT_GADGET, code_rights() & ~(3U << 2 * LIBRARY_KEY),
	                  attack_secret_address(), secret);
	attack_found(secret);
}

static void library_rights(void)
{
	steal_inside(VAULT_STRAY);
}

static void library_behind_mov_ss(void)
{
	steal_inside(VAULT_BEHIND_MOV_SS);
}

/* ---- in memory that becomes executable --------------------------------------------------------------------
 */

static void later(void)
{
	uint8_t *page = code_memory(1);

	memcpy(page + 100, stray, STRAY_SIZE);
	code_finish(page, 1);
	jump(page + 100);
}

/* A page that was read before it is executed. */
static void read_first(void)
{
	if (*(const volatile uint8_t *)text_aligned != 0x0f)
		attack_refused("the program's text is not what it was");
	jump(text_aligned);
}

/* A page that was seen clean, and changes. */
static void rewritten(void)
{
	uint8_t *page = code_memory(1);

	code_finish(page, 1);
	touch(page + 100);
	code_reopen(page, 1);
	memcpy(page + 100, stray, STRAY_SIZE);
	code_finish(page, 1);
	jump(page + 100);
}

static void two_pages(void)
{
	uint8_t *pages = code_memory(2);

	memcpy(pages + PAGE - 2, stray, STRAY_SIZE);
	code_finish(pages, 2);
	jump(pages + PAGE - 2);
}

/* The first page is executable, and seen clean, before the second exists. */
static void two_pages_one_later(void)
{
	uint8_t *pages = code_memory(2);

	memcpy(pages + PAGE - 1, stray, STRAY_SIZE);
	memset(pages + PAGE, RET, PAGE);
	code_finish(pages, 1);
	touch(pages + 100);
	memcpy(pages + PAGE, stray + 1, STRAY_SIZE - 1);
	code_finish(pages + PAGE, 1);
	touch(pages + PAGE + 100);
	jump(pages + PAGE - 1);
}

/* The prefix ends one page, the opcode starts the next. */
static void prefix_in_other_page(void)
{
	uint8_t *pages = code_memory(2);

	pages[PAGE - 1] = 0x48;
	memcpy(pages + PAGE, stray, STRAY_SIZE);
	code_finish(pages, 2);
	touch(pages + 100);
	jump(pages + PAGE - 1);
}

/* What follows the sequence lies in another page. */
static void end_of_page(void)
{
	uint8_t *pages = code_memory(2);

	memcpy(pages + PAGE - 3, stray, 3);
	code_finish(pages, 2);
	touch(pages + PAGE + 100);
	jump(pages + PAGE - 3);
}

static int make_file(void)
{
	uint8_t page[PAGE];
	int file = open("/tmp/code", O_RDWR | O_CREAT | O_TRUNC, 0700);

	memset(page, RET, sizeof(page));
	if (file < 0 || write(file, page, sizeof(page)) != sizeof(page))
		attack_refused("no file");
	return file;
}

static uint8_t *map_file(int file, int protection, int flags)
{
	void *page = mmap(NULL, PAGE, protection, flags, file, 0);

	if (page != MAP_FAILED)
		return page;
	perror("mmap");
	attack_refused("mmap");
}

static void file_twice(void)
{
	int file = make_file();
	uint8_t *code = map_file(file, PROT_READ | PROT_EXEC, MAP_PRIVATE);
	uint8_t *alias = map_file(file, PROT_READ | PROT_WRITE, MAP_SHARED);

	touch(code + 100);
	memcpy(alias + 100, stray, STRAY_SIZE);
	jump(code + 100);
}

static void file_written(void)
{
	int file = make_file();
	uint8_t *code = map_file(file, PROT_READ | PROT_EXEC, MAP_PRIVATE);

	touch(code + 100);
	if (pwrite(file, stray, STRAY_SIZE, 100) != STRAY_SIZE)
		attack_refused("pwrite");
	jump(code + 100);
}

static void file_shared(void)
{
	int file = make_file();
	uint8_t *alias = map_file(file, PROT_READ | PROT_WRITE, MAP_SHARED);
	uint8_t *code = map_file(file, PROT_READ | PROT_EXEC, MAP_SHARED);

	touch(code + 100);
	memcpy(alias + 100, stray, STRAY_SIZE);
	jump(code + 100);
}

static void shared_memory(void)
{
	uint8_t *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	memcpy(page + 100, stray, STRAY_SIZE);
	code_finish(page, 1);
	jump(page + 100);
}

static void moved(void)
{
	uint8_t *page = code_memory(1), *target = code_memory(1);

	memcpy(page + 100, stray, STRAY_SIZE);
	code_finish(page, 1);
	touch(page + 100);
	if (mremap(page, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, target) != target)
		attack_refused("mremap");
	jump(target + 100);
}

/* A page moved in front of its other half. */
static void moved_together(void)
{
	uint8_t *pages = code_memory(2), *half = code_memory(1);

	half[PAGE - 1] = stray[0];
	memcpy(pages + PAGE, stray + 1, STRAY_SIZE - 1);
	code_finish(pages, 2);
	code_finish(half, 1);
	touch(pages + PAGE + 100);
	touch(half + 100);
	if (mremap(half, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, pages) != pages)
		attack_refused("mremap");
	jump(pages + PAGE - 1);
}

/* ---- more than there are registers ------------------------------------------------------------------------
 */

#define MANY 200

static void many_in_page(void)
{
	uint8_t *page = code_memory(1);

	for (unsigned i = 0; i < MANY; i++)
		memcpy(page + 16 * i, stray, STRAY_SIZE);
	code_finish(page, 1);
	for (unsigned i = 0; i < MANY; i++)
		touch(page + 16 * i);
	jump(page + 16 * (MANY - 1));
}

#define MANY_PAGES 40

static uint8_t *make_many_pages(void)
{
	uint8_t *pages = code_memory(MANY_PAGES);

	for (unsigned i = 0; i < MANY_PAGES; i++) {
		memcpy(pages + i * PAGE + 100, stray, STRAY_SIZE);
		memcpy(pages + i * PAGE + 201, stray, STRAY_SIZE);
	}
	code_finish(pages, MANY_PAGES);
	return pages;
}

static void touch_pages(const uint8_t *pages)
{
	for (unsigned i = 0; i < MANY_PAGES; i++)
		touch(pages + i * PAGE + 100);
}

static void many_pages(void)
{
	uint8_t *pages = make_many_pages();

	touch_pages(pages);
	jump(pages + 201);
}

/* ---- threads and processes --------------------------------------------------------------------------------
 */

/* The page is executable, and the CPU has run something else since. */
static void slept(void)
{
	touch(text_aligned);
	usleep(1000);
	jump(text_aligned);
}

static pthread_barrier_t barrier;

static void *attack_in_thread(void *code)
{
	pthread_barrier_wait(&barrier);
	jump(code);
	return NULL;
}

static void two_threads(void)
{
	uint8_t *pages = make_many_pages();
	pthread_t thread;

	touch_pages(pages);
	pthread_barrier_init(&barrier, NULL, 2);
	if (pthread_create(&thread, NULL, attack_in_thread, pages + 100))
		attack_refused("pthread_create");
	attack_in_thread(pages + PAGE + 201);
}

static void *take_registers(void *pages)
{
	for (;;)
		touch_pages(pages);
	return NULL;
}

/* One thread keeps the registers busy, the other attacks. */
static void busy_thread(void)
{
	uint8_t *pages = make_many_pages();
	pthread_t thread;

	if (pthread_create(&thread, NULL, take_registers, pages))
		attack_refused("pthread_create");
	for (unsigned i = 0; i < 20; i++) {
		touch(pages + 201);
		usleep(1000);
	}
	jump(pages + 201);
}

static void forked(void)
{
	uint8_t *page = code_memory(1);
	int child;

	memcpy(page + 100, stray, STRAY_SIZE);
	code_finish(page, 1);
	touch(page + 100);
	child = fork();
	if (child == 0)
		jump(page + 100);
	attack_end_like(child);
}

static void forked_library(void)
{
	int child;

	vault_constant();
	child = fork();
	if (child == 0)
		library();
	attack_end_like(child);
}

static void executed(void)
{
	touch(text_aligned);
	execl(attack_arguments[0], attack_arguments[0], "aligned", NULL);
	attack_refused("execl");
}

static const struct attack attacks[] = {
        {"aligned", aligned},
        {"unaligned", unaligned},
        {"immediate", immediate},
        {"displacement", displacement},
        {"prefixed", prefixed},
        {"behind-mov-ss", behind_mov_ss},
        {"resume-flag", resume_flag},
        {"resume-flag-in-frame", resume_flag_in_frame},
        {"trap-flag", trap_flag},
        {"library", library},
        {"library-rights", library_rights},
        {"library-behind-mov-ss", library_behind_mov_ss},
        {"read-first", read_first},
        {"later", later},
        {"rewritten", rewritten},
        {"two-pages", two_pages},
        {"two-pages-one-later", two_pages_one_later},
        {"prefix-in-other-page", prefix_in_other_page},
        {"end-of-page", end_of_page},
        {"file-twice", file_twice},
        {"file-written", file_written},
        {"file-shared", file_shared},
        {"shared-memory", shared_memory},
        {"moved", moved},
        {"moved-together", moved_together},
        {"many-in-page", many_in_page},
        {"many-pages", many_pages},
        {"slept", slept},
        {"two-threads", two_threads},
        {"busy-thread", busy_thread},
        {"forked", forked},
        {"forked-library", forked_library},
        {"executed", executed},
        {0},
};

int main(int argc, char **argv)
{
	return attack_main(argc, argv, attacks);
}
