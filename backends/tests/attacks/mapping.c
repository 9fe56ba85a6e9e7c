/* Attacks by system calls on address ranges: on the pages of a domain, on the thread page, on pages below all
 * memory. */
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "attack.h"
#include "code.h"
#include "portcullis/layout.h"
#include "vault.h"

static void *secret_page(void)
{
	return (void *)((uintptr_t)attack_secret_address() & -PAGE);
}

/* What was there is there no longer, for anybody. */
static _Noreturn void lost(void)
{
	attack_gained("a page of the library is gone");
}

/* Twice: the second time there is a mapping, whose pages give way. */
static void map_over(void)
{
	for (unsigned i = 0; i < 2; i++) {
		void *page = mmap(secret_page(), PAGE, PROT_READ | PROT_WRITE,
		                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

		if (page == MAP_FAILED)
			attack_refused_by("mmap", -1);
	}
	lost();
}

static void map_not_replacing(void)
{
	void *page = mmap(secret_page(), PAGE, PROT_READ | PROT_WRITE,
	                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	if (page == MAP_FAILED)
		attack_refused_by("mmap", -1);
	lost();
}

static void map_hint(void)
{
	void *page = mmap(secret_page(), PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (page == secret_page())
		lost();
	attack_refused_by("mmap", page == MAP_FAILED ? -1 : 0);
}

/* From the application's last pages on. */
static void map_up_to(void)
{
	char *last = (char *)PORTCULLIS_APPLICATION_END - PAGE;

	if (mmap(last, (size_t)((char *)secret_page() + PAGE - last), PROT_READ | PROT_WRITE,
	         MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == MAP_FAILED)
		attack_refused_by("mmap", -1);
	lost();
}

static void unmap(void)
{
	long result = munmap(secret_page(), PAGE);

	if (!result && vault_intact() != 1)
		attack_gained("the library's data are gone");
	attack_refused_by("munmap", result);
}

static void move_away(void)
{
	void *page = mremap(secret_page(), PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, code_memory(1));

	if (page == MAP_FAILED)
		attack_refused_by("mremap", -1);
	attack_found((char *)page + ((uintptr_t)attack_secret_address() & (PAGE - 1)));
}

/* A second view of the page: an old length of 0 asks for one. */
static void move_double(void)
{
	void *page = mremap(secret_page(), 0, PAGE, MREMAP_MAYMOVE);

	if (page == MAP_FAILED)
		attack_refused_by("mremap", -1);
	attack_found((char *)page + ((uintptr_t)attack_secret_address() & (PAGE - 1)));
}

/* Twice, as map_over(). */
static void move_over(void)
{
	for (unsigned i = 0; i < 2; i++)
		if (mremap(code_memory(1), PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, secret_page()) ==
		    MAP_FAILED)
			attack_refused_by("mremap", -1);
	lost();
}

static void protect(void)
{
	if (mprotect(secret_page(), PAGE, PROT_READ | PROT_WRITE))
		attack_refused_by("mprotect", -1);
	attack_read_secret();
}

static void advise(void)
{
	long result = madvise(secret_page(), PAGE, MADV_DONTNEED);

	if (vault_intact() != 1)
		attack_gained("the library's data are gone");
	attack_refused_by("madvise", result);
}

static void grow_heap(void)
{
	uintptr_t end = (uintptr_t)secret_page() + PAGE;

	if ((uintptr_t)syscall(SYS_brk, end) == end)
		lost();
	attack_refused("brk stays where it was");
}

/* Keys are the kernel's: there are none to be had, none to be freed, and no page changes its own. */
#define KEY 1 /* of the first domain */

static void key_protect(void)
{
	if (syscall(SYS_pkey_mprotect, secret_page(), PAGE, PROT_READ | PROT_WRITE, 0))
		attack_refused_by("pkey_mprotect", -1);
	attack_read_secret();
}

static void key_reuse(void)
{
	long freed = syscall(SYS_pkey_free, KEY), key = syscall(SYS_pkey_alloc, 0, 0);

	if (freed && key < 0)
		attack_refused_by("pkey_alloc", -1);
	attack_read_secret();
}

/* The page that tells gates where the protected stacks are: readable, and that is all. */
static volatile uint64_t *thread_page(void)
{
	uint64_t slot;

	__asm__("mov %%gs:0, %0" : "=r"(slot));
	return (volatile uint64_t *)(PORTCULLIS_APPLICATION_END + slot * PAGE);
}

static void thread_page_store(void)
{
	thread_page()[32] = 0;
	attack_gained("the thread page");
}

static void thread_page_protect(void)
{
	if (mprotect((void *)thread_page(), PAGE, PROT_READ | PROT_WRITE))
		attack_refused_by("mprotect", -1);
	thread_page_store();
}

static void thread_page_map(void)
{
	for (unsigned i = 0; i < 2; i++)
		if (mmap((void *)thread_page(), PAGE, PROT_READ | PROT_WRITE,
		         MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
			attack_refused_by("mmap", -1);
	attack_gained("the thread page is gone");
}

static void low_memory(void)
{
	for (uintptr_t page = 0; page < 0x10000; page += PAGE) {
		void *got = mmap((void *)page, PAGE, PROT_READ | PROT_WRITE,
		                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

		if (got != MAP_FAILED)
			attack_gained("a page where a segment of base 0 would look for the thread page");
	}
	attack_refused_by("mmap", -1);
}

static const struct attack attacks[] = {
        {"map-over", map_over},
        {"map-not-replacing", map_not_replacing},
        {"map-hint", map_hint},
        {"map-up-to", map_up_to},
        {"unmap", unmap},
        {"move-away", move_away},
        {"move-double", move_double},
        {"move-over", move_over},
        {"protect", protect},
        {"advise", advise},
        {"grow-heap", grow_heap},
        {"key-protect", key_protect},
        {"key-reuse", key_reuse},
        {"thread-page-store", thread_page_store},
        {"thread-page-protect", thread_page_protect},
        {"thread-page-map", thread_page_map},
        {"low-memory", low_memory},
        {0},
};

int main(int argc, char **argv)
{
	return attack_main(argc, argv, attacks);
}
