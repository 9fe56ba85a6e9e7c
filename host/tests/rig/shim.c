/*
 * Preloaded into Debian's Bochs 2.7 (bochs-bin exports its C++ symbols for its plugins), so that it runs
 * Linux with KVM and protection keys:
 *
 * 1. calls from the guest (call.h);
 * 2. CPUID: leaf 0DH.9 is empty in Bochs 2.7 although it saves PKRU; XSAVEC and XSAVES write the compacted
 * format wrongly; FSRM without ERMS (Linux drops ERMS there) breaks Linux's memmove; leaf 0AH promises
 * counters that do not exist;
 * 3. PKRU: supervisor accesses to user pages obey it, those to supervisor pages do not (SDM vol. 3A, 4.6.2).
 * Bochs 2.7 has access-disable for user mode only, and write-disable for supervisor pages, too. The machine
 * code is patched after its bytes were checked.
 */
#define _GNU_SOURCE
#include "call.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MODEL    "corei7_icelake_t"
#define VTABLE   "_ZTV16" MODEL
#define GET_LEAF "_ZNK16" MODEL "14get_cpuid_leafEjjP16cpuid_function_t"

#define PAGE 4096UL

static void *bochs; /* handle of the program itself */

static void *symbol(const char *name)
{
	void *address = dlsym(bochs, name);

	if (!address) {
		fprintf(stderr, "rig: this Bochs has no %s: another version than 2.7?\n", name);
		_exit(98);
	}
	return address;
}

static void write_code(uint8_t *at, const void *bytes, size_t size)
{
	void *page = (void *)((uintptr_t)at & -PAGE);

	mprotect(page, 2 * PAGE, PROT_READ | PROT_WRITE | PROT_EXEC);
	memcpy(at, bytes, size);
	mprotect(page, 2 * PAGE, PROT_READ | PROT_EXEC);
}

/* ---- calls ------------------------------------------------------------------------------------ */

struct leaf {
	uint32_t eax, ebx, ecx, edx;
};

/* Members of Bochs; `bool` results are in AL alone. */
static int (*translate)(void *cpu, uint64_t linear, uint64_t *physical, uint64_t *mask, int verbose);
static int (*fetch_memory)(void *cpu, uint64_t physical, unsigned size, void *bytes);
static int (*set_memory)(void *cpu, uint64_t physical, unsigned size, void *bytes);

static int copy(void *cpu, uint64_t linear, void *bytes, unsigned size,
                int (*access)(void *, uint64_t, unsigned, void *))
{
	for (uint8_t *at = bytes; size;) {
		unsigned count = PAGE - linear % PAGE < size ? (unsigned)(PAGE - linear % PAGE) : size;
		uint64_t physical = 0, mask = 0;

		if (!(translate(cpu, linear, &physical, &mask, 0) & 1) ||
		    !(access(cpu, physical, count, at) & 1))
			return -1;
		linear += count;
		at += count;
		size -= count;
	}
	return 0;
}

static void keep_status(int status)
{
	const char *path = getenv("RIG_STATUS");
	FILE *file = path ? fopen(path, "w") : NULL;

	if (file) {
		fprintf(file, "%d\n", status);
		fclose(file);
	}
}

static _Noreturn void save(void)
{
	const char *folder = getenv("RIG_SAVE");
	int (*save_state)(void *, const char *) = symbol("_ZN13bx_real_sim_c10save_stateEPKc");
	void **simulator = symbol("SIM");

	if (!folder) { /* a restored machine has started again: Linux died */
		keep_status(125);
		_exit(125);
	}
	mkdir(folder, 0755);
	_exit(save_state(*simulator, folder) & 1 ? 0 : 99);
}

static uint32_t send_out(void *cpu, const struct call_request *request)
{
	static uint8_t bytes[CALL_BYTES_MAX];
	uint32_t done = 0;
	ssize_t count;

	if (request->size > sizeof(bytes) || request->stream - 1 > 1 ||
	    copy(cpu, request->address, bytes, request->size, fetch_memory) < 0)
		return UINT32_MAX;
	while (done < request->size && (count = write(CALL_STREAM_FIRST + (int)request->stream - 1,
	                                              bytes + done, request->size - done)) > 0)
		done += (uint32_t)count;
	return done;
}

static uint32_t receive(void *cpu, const struct call_request *request)
{
	static uint8_t bytes[CALL_BYTES_MAX];
	static int input = -1;
	ssize_t count;

	if (input < 0)
		input = open(getenv("RIG_INPUT") ? getenv("RIG_INPUT") : "/dev/null", O_RDONLY);
	if (request->size > sizeof(bytes))
		return UINT32_MAX;
	count = read(input, bytes, request->size);
	if (count > 0 && copy(cpu, request->address, bytes, (unsigned)count, set_memory) < 0)
		return UINT32_MAX;
	return (uint32_t)count;
}

static void answer(void *cpu, uint32_t number, uint32_t argument, struct leaf *leaf)
{
	struct call_request request;

	memset(leaf, 0, sizeof(*leaf));
	switch (number) {
	case CALL_SAVE:
		save();
	case CALL_EXIT:
		keep_status(argument & 255);
		_exit(argument & 255);
	case CALL_OUT:
	case CALL_IN:
		if (copy(cpu, argument, &request, sizeof(request), fetch_memory) < 0)
			leaf->eax = UINT32_MAX;
		else
			leaf->eax = number == CALL_OUT ? send_out(cpu, &request) : receive(cpu, &request);
	}
}

/* ---- CPUID ------------------------------------------------------------------------------------ */

#define XSAVE_PKRU    0x200 /* bit of XCR0 */
#define PKRU_OFFSET   2688  /* in the standard format */
#define PKRU_SIZE     8
#define ONLY_XSAVEOPT 1 /* of leaf 0DH.1 */
#define FSRM          0x10

static void (*get_leaf)(void *self, uint32_t function, uint32_t subfunction, struct leaf *leaf);

static void correct_xsave(void *self, uint32_t subfunction, struct leaf *leaf)
{
	struct leaf main;

	get_leaf(self, 0xd, 0, &main);
	if (subfunction == 1)
		*leaf = (struct leaf){.eax = leaf->eax & ONLY_XSAVEOPT};
	if (!(main.eax & XSAVE_PKRU))
		return;
	if (subfunction == 0) {
		if (leaf->ebx > PKRU_OFFSET)
			leaf->ebx = PKRU_OFFSET + PKRU_SIZE;
		leaf->ecx = PKRU_OFFSET + PKRU_SIZE;
	}
	if (subfunction == 9)
		*leaf = (struct leaf){.eax = PKRU_SIZE, .ebx = PKRU_OFFSET};
}

static void cpuid(void *self, uint32_t function, uint32_t subfunction, struct leaf *leaf)
{
	if ((function & 0xffff0000) == CALL) {
		answer(((void **)self)[1], function & 0xffff, subfunction, leaf);
		return;
	}
	get_leaf(self, function, subfunction, leaf);
	if (function == 0xd)
		correct_xsave(self, subfunction, leaf);
	if (function == 7 && subfunction == 0)
		leaf->edx &= ~FSRM;
	if (function == 0xa || function == 0x15 || function == 0x16)
		memset(leaf, 0, sizeof(*leaf)); /* no counters; the TSC's frequency is not what it says */
}

static void replace_cpuid(void)
{
	void **table = symbol(VTABLE), *function = symbol(GET_LEAF), *ours = (void *)cpuid;

	get_leaf = function;
	for (unsigned i = 2; i < 11; i++)
		if (table[i] == function) {
			write_code((uint8_t *)(table + i), &ours, sizeof(ours));
			mprotect((void *)((uintptr_t)(table + i) & -PAGE), 2 * PAGE, PROT_READ | PROT_WRITE);
			return;
		}
	fprintf(stderr, "rig: Bochs's CPU model has another shape\n");
	_exit(98);
}

/* ---- PKRU ------------------------------------------------------------------------------------- */

/* Places in BX_CPU_C of this build. */
#define CPU_CR0_BYTE2 0x29e /* bit 0: WP */
#define CPU_CR4       0x2b0
#define CPU_PKRU      0x2d8
#define CR4_PKE_BIT   22

#define FETCH      2    /* `access` of a page walk: 0 read, 1 write */
#define USER_PAGE  4    /* bit of the walk's result */
#define PKEY_FAULT 0x21 /* error code: present, protection key */

static uint64_t (*walk)(void *cpu, uint64_t linear, uint32_t *mask, uint32_t *key, unsigned user,
                        unsigned access);
static void (*page_fault)(void *cpu, unsigned error, uint64_t linear, unsigned user, unsigned access);

static uint32_t word_of(const uint8_t *cpu, size_t offset)
{
	uint32_t word;

	memcpy(&word, cpu + offset, sizeof(word));
	return word;
}

static uint64_t walk_with_keys(uint8_t *cpu, uint64_t linear, uint32_t *mask, uint32_t *key, unsigned user,
                               unsigned access)
{
	uint64_t result = walk(cpu, linear, mask, key, user, access);
	uint32_t rights = word_of(cpu, CPU_PKRU) >> 2 * *key;

	if (!user && access != FETCH && word_of(cpu, CPU_CR4) >> CR4_PKE_BIT & 1 && result & USER_PAGE &&
	    (rights & 1 || (access & 1 && rights & 2 && cpu[CPU_CR0_BYTE2] & 1)))
		page_fault(cpu, PKEY_FAULT, linear, user, access);
	return result;
}

/* The walk's first 16 bytes go to a page of their own, followed by a jump to its rest; in their place a jump
 * to ours. */
static void replace_walk(uint8_t *original)
{
	static const uint8_t jump[] = {0xff, 0x25, 0, 0, 0, 0}; /* jmp *0(%rip) */
	uint8_t *copy =
	        mmap(NULL, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint8_t *rest = original + 16, code[sizeof(jump) + 8];
	void *ours = (void *)walk_with_keys;

	memcpy(copy, original, 16);
	memcpy(copy + 16, jump, sizeof(jump));
	memcpy(copy + 16 + sizeof(jump), &rest, 8);
	walk = (void *)copy;
	memcpy(code, jump, sizeof(jump));
	memcpy(code + sizeof(jump), &ours, 8);
	write_code(original, code, sizeof(code));
}

static void correct_keys(void)
{
	/* translate_linear_long_mode(): its first instructions, and its check of write-disable, which goes.
	 */
	static const uint8_t entry[] = {0x49, 0xba, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	                                0,    0,    0x41, 0x57, 0x66, 0x0f, 0xef, 0xc0};
	static const uint8_t check[] = {0x44, 0x8d, 0x61, 1, 0x44, 0x0f, 0xa3, 0xe2, 0x0f,
	                                0x83, 0xc0, 0,    0, 0,    0x40, 0x84, 0xff};
	static const uint8_t no_check[] = {0xe9, 0xc1, 0, 0, 0, 0x90}; /* at check + 8: jmp instead of jae */
	/* set_PKeys(): what a supervisor may do with access-disable; 5 becomes 0, so that such accesses walk.
	 */
	static const uint8_t rights[] = {0xc7, 0, 5, 0, 0, 0, 0xba, 5, 0, 0, 0, 0xc7, 0x40, 0x40, 5, 0, 0, 0};
	static const unsigned fives[] = {2, 7, 14};
	uint8_t *walk_code = symbol("_ZN8BX_CPU_C26translate_linear_long_modeEmRjS0_jj");
	uint8_t *check_code = memmem(walk_code, 0x747, check, sizeof(check));
	uint8_t *rights_code = memmem(symbol("_ZN8BX_CPU_C9set_PKeysEjj"), 0x177, rights, sizeof(rights));

	page_fault = symbol("_ZN8BX_CPU_C10page_faultEjmjj");
	if (!check_code || !rights_code || memcmp(walk_code, entry, sizeof(entry)) != 0) {
		fprintf(stderr, "rig: another build of Bochs: its protection keys cannot be corrected\n");
		_exit(98);
	}
	replace_walk(walk_code);
	write_code(check_code + 8, no_check, sizeof(no_check));
	for (unsigned i = 0; i < sizeof(fives) / sizeof(fives[0]); i++)
		write_code(rights_code + fives[i], "", 1);
}

__attribute__((constructor)) static void init(void)
{
	bochs = dlopen(NULL, RTLD_NOW);
	if (!dlsym(bochs, VTABLE))
		return; /* another program that was started on the way */
	translate = symbol("_ZN8BX_CPU_C20dbg_xlate_linear2phyEmPmS0_b");
	fetch_memory = symbol("_ZN8BX_MEM_C13dbg_fetch_memEP8BX_CPU_CmjPh");
	set_memory = symbol("_ZN8BX_MEM_C11dbg_set_memEP8BX_CPU_CmjPh");
	replace_cpuid();
	correct_keys();
	unsetenv("LD_PRELOAD");
}
