/*
 * rights: what a program must not be able to do to the kernel. Each row of the table runs in a process of its
 * own, which must die of the given signal or, with signal 0, return true. Prints `ok NAME` or `not ok NAME:
 * why` for each.
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#define PAGE          4096UL
#define KERNEL_TEXT   0xffffffff80100000UL
#define DIRECT_MAP    0xffff800000000000UL
#define NON_CANONICAL 0x0000800000000000UL
#define LOW_END       0x10000UL /* nothing is mapped below */
#define ARCH_SET_GS   0x1001
#define ARCH_SET_FS   0x1002
#define FLAG_TF       0x100UL
#define FLAG_IF       0x200UL
#define FLAG_DF       0x400UL
#define FLAG_IOPL     0x3000UL
#define FLAG_NT       0x4000UL
#define FLAG_AC       0x40000UL
#define KERNEL_CODE   0x08
#define KERNEL_DATA   0x10

#define ANY_SIGNAL -1 /* in the table: #SS gives SIGBUS, but QEMU raises #GP */

/* ---- privileged instructions ------------------------------------------------------------------------------
 */

static bool clear_interrupts(void)
{
	__asm__ volatile("cli");
	return false;
}

static bool halt(void)
{
	__asm__ volatile("hlt");
	return false;
}

static bool write_port(void)
{
	__asm__ volatile("outb %%al, $0xe9" : : "a"('!'));
	return false;
}

static bool read_cr3(void)
{
	uint64_t value;

	__asm__ volatile("mov %%cr3, %0" : "=r"(value));
	return false;
}

static bool write_cr4(void)
{
	__asm__ volatile("mov %0, %%cr4" : : "r"(0UL));
	return false;
}

static bool write_debug_register(void)
{
	__asm__ volatile("mov %0, %%dr0" : : "r"(0UL));
	return false;
}

static bool write_msr(void)
{
	__asm__ volatile("wrmsr" : : "c"(0xc0000082), "a"(0), "d"(0)); /* IA32_LSTAR */
	return false;
}

static bool load_gdt(void)
{
	char pointer[10] = {0};

	__asm__ volatile("lgdt %0" : : "m"(pointer));
	return false;
}

static bool write_xcr0(void)
{
	__asm__ volatile("xsetbv" : : "c"(0), "a"(0x207), "d"(0)); /* with PKRU */
	return false;
}

static bool swap_gs(void)
{
	__asm__ volatile("swapgs");
	return false;
}

static bool write_gs_base(void)
{
	__asm__ volatile("wrgsbase %0" : : "r"(0UL));
	return false;
}

static bool write_fs_base(void)
{
	__asm__ volatile("wrfsbase %0" : : "r"(0UL));
	return false;
}

static bool return_from_call(void)
{
	__asm__ volatile("sysretq" : : "c"(0), "r"(0UL) : "r11");
	return false;
}

/* ---- other ways into the kernel ---------------------------------------------------------------------------
 */

static bool call_by_interrupt(void)
{
	long result;

	__asm__ volatile("int $0x80" : "=a"(result) : "a"(20L) : "memory");
	return false;
}

static bool raise_vector(void)
{
	__asm__ volatile("int $0x20"); /* the timer's */
	return false;
}

static bool far_jump(void)
{
	struct {
		uint32_t offset;
		uint16_t selector;
	} __attribute__((packed)) target = {0, 0x23}; /* where Linux has its 32-bit code segment */

	__asm__ volatile("ljmp *%0" : : "m"(target));
	return false;
}

static bool jump_to_kernel(void)
{
	((void (*)(void))KERNEL_TEXT)();
	return false;
}

/* ---- memory -----------------------------------------------------------------------------------------------
 */

static bool read_at(uint64_t address)
{
	(void)*(char volatile *)address;
	return false;
}

static bool read_kernel(void)
{
	return read_at(KERNEL_TEXT);
}

static bool read_direct_map(void)
{
	return read_at(DIRECT_MAP + 0x100000);
}

static bool write_own_text(void)
{
	*(char volatile *)(uintptr_t)write_own_text = 0;
	return false;
}

static bool execute_stack(void)
{
	char volatile code[16] = {(char)0xc3}; /* ret */

	((void (*)(void))(uintptr_t)code)();
	return false;
}

static bool execute_heap(void)
{
	char *code = malloc(16);

	*code = (char)0xc3;
	((void (*)(void))(uintptr_t)code)();
	return false;
}

static bool is_refused(long result, int error)
{
	if (result == -1 && errno == error)
		return true;
	printf("%ld, error %d, not %d; ", result, errno, error);
	return false;
}

static bool map_low(void)
{
	long flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;

	for (uint64_t address = 0; address < LOW_END; address += PAGE)
		if (!is_refused(syscall(SYS_mmap, address, PAGE, PROT_READ, flags, -1, 0), EPERM))
			return false;
	return syscall(SYS_mmap, LOW_END, PAGE, PROT_READ, flags, -1, 0) == (long)LOW_END;
}

/* Without MAP_FIXED a low address is a hint that cannot be followed. */
static bool hint_low(void)
{
	return syscall(SYS_mmap, PAGE, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) >= (long)LOW_END;
}

static bool grow_into_low(void)
{
	long at =
	        syscall(SYS_mmap, 1UL << 30, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

	return is_refused(syscall(SYS_mremap, at, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, PAGE), EINVAL);
}

/* By the bare system call: the C library turns EPERM of an anonymous mapping into ENOMEM. */
static bool write_and_execute(void)
{
	const long flags = MAP_PRIVATE | MAP_ANONYMOUS, all = PROT_READ | PROT_WRITE | PROT_EXEC;
	char *page = mmap(NULL, PAGE, PROT_READ | PROT_EXEC, flags, -1, 0);

	return is_refused(syscall(SYS_mmap, 0, PAGE, all, flags, -1, 0), EPERM) &&
	       is_refused(mprotect(page, PAGE, all), EPERM) &&
	       mprotect(page, PAGE, PROT_READ | PROT_WRITE) == 0 &&
	       mprotect(page, PAGE, PROT_READ | PROT_EXEC) == 0;
}

/* ---- segment bases ----------------------------------------------------------------------------------------
 */

static bool set_gs(void)
{
	return is_refused(syscall(SYS_arch_prctl, ARCH_SET_GS, (uint64_t)&errno), EPERM);
}

static bool set_fs_to(uint64_t address)
{
	return is_refused(syscall(SYS_arch_prctl, ARCH_SET_FS, address), EPERM);
}

static bool set_fs_to_kernel(void)
{
	return set_fs_to(KERNEL_TEXT) && set_fs_to(DIRECT_MAP) && set_fs_to(NON_CANONICAL);
}

/* ---- flags at the entry -----------------------------------------------------------------------------------
 */

static long call_with_flags(uint64_t flags, long number, uint64_t argument)
{
	long result;

	__asm__ volatile("pushfq\n\t"
	                 "orq %[flags], (%%rsp)\n\t"
	                 "popfq\n\t"
	                 "syscall\n\t"
	                 "pushfq\n\t"
	                 "andq %[mask], (%%rsp)\n\t"
	                 "popfq"
	                 : "=a"(result)
	                 : "a"(number), "D"(argument), [flags] "r"(flags), [mask] "r"(~flags)
	                 : "rcx", "r11", "memory", "cc");
	return result;
}

/* DF would turn the kernel's copies round, NT would break its iretq, AC would switch SMAP off. */
static bool call_with_odd_flags(void)
{
	static const uint64_t flags[] = {FLAG_DF, FLAG_NT, FLAG_AC, FLAG_DF | FLAG_NT | FLAG_AC};
	char name[6 * 65];

	for (unsigned i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		memset(name, 0, sizeof(name));
		if (call_with_flags(flags[i], SYS_getpid, 0) != getpid() ||
		    call_with_flags(flags[i], SYS_uname, (uint64_t)name) != 0 || strcmp(name, "Linux") != 0)
			return false;
	}
	return true;
}

static bool call_with_trap_flag(void)
{
	call_with_flags(FLAG_TF, SYS_getpid, 0);
	return false;
}

static bool raise_iopl(void)
{
	uint64_t flags;

	__asm__ volatile("pushfq\n\t"
	                 "orq %1, (%%rsp)\n\t"
	                 "popfq\n\t"
	                 "pushfq\n\t"
	                 "popq %0"
	                 : "=r"(flags)
	                 : "i"(FLAG_IOPL)
	                 : "cc");
	return !(flags & FLAG_IOPL);
}

/* The last two bytes of the application's addresses hold `syscall`: it would return to an address that is not
 * canonical. */
static bool call_from_last_bytes(void)
{
	uint64_t last = 0x7ffffffff000; /* of the whole lower half; the application ends below */

	return is_refused(syscall(SYS_mmap, last, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
	                          -1, 0),
	                  EPERM) ||
	       errno == ENOMEM;
}

/* ---- forged signal frames ---------------------------------------------------------------------------------
 */

static void (*forge)(ucontext_t *context);

static void forging_handler(int number, siginfo_t *info, void *context)
{
	(void)number, (void)info;
	forge(context);
}

/* Lets a handler change its frame, and so what sigreturn loads. */
static void return_with(void (*change)(ucontext_t *context))
{
	struct sigaction action = {.sa_sigaction = forging_handler, .sa_flags = SA_SIGINFO};

	forge = change;
	sigaction(SIGUSR1, &action, NULL);
	raise(SIGUSR1);
}

static void forge_address(ucontext_t *context)
{
	context->uc_mcontext.gregs[REG_RIP] = (greg_t)NON_CANONICAL;
}

static void forge_kernel_address(ucontext_t *context)
{
	context->uc_mcontext.gregs[REG_RIP] = (greg_t)KERNEL_TEXT;
}

static void forge_stack(ucontext_t *context)
{
	context->uc_mcontext.gregs[REG_RSP] = (greg_t)NON_CANONICAL;
}

static void forge_segments(ucontext_t *context)
{
	context->uc_mcontext.gregs[REG_CSGSFS] = KERNEL_CODE | (uint64_t)KERNEL_DATA << 48;
}

static void forge_flags(ucontext_t *context)
{
	context->uc_mcontext.gregs[REG_EFL] =
	        (greg_t)((uint64_t)context->uc_mcontext.gregs[REG_EFL] | FLAG_IOPL | FLAG_NT);
	context->uc_mcontext.gregs[REG_EFL] &= (greg_t)~FLAG_IF;
}

static bool return_non_canonical(void)
{
	return_with(forge_address);
	return false;
}

static bool return_to_kernel(void)
{
	return_with(forge_kernel_address);
	return false;
}

static bool return_without_stack(void)
{
	return_with(forge_stack);
	return false;
}

/* The frame's selectors with RPL 3 forced on them: no user segment is there. */
static bool return_to_ring_0(void)
{
	return_with(forge_segments);
	return false;
}

static bool return_with_flags(void)
{
	uint64_t flags;

	return_with(forge_flags);
	__asm__ volatile("pushfq\n\tpopq %0" : "=r"(flags));
	return (flags & FLAG_IF) && !(flags & FLAG_IOPL);
}

static bool return_from_nothing(void)
{
	__asm__ volatile("mov $0x10000, %%rsp\n\tmov $15, %%eax\n\tsyscall" : : : "memory");
	return false;
}

/* ---- the table --------------------------------------------------------------------------------------------
 */

static const struct right {
	const char *name;
	bool (*run)(void);
	int signal; /* 0: returns true */
} table[] = {
        {"cli faults", clear_interrupts, SIGSEGV},
        {"hlt faults", halt, SIGSEGV},
        {"a port cannot be written", write_port, SIGSEGV},
        {"CR3 cannot be read", read_cr3, SIGSEGV},
        {"CR4 cannot be written", write_cr4, SIGSEGV},
        {"a debug register cannot be written", write_debug_register, SIGSEGV},
        {"an MSR cannot be written", write_msr, SIGSEGV},
        {"the GDT cannot be loaded", load_gdt, SIGSEGV},
        {"XCR0 cannot be written", write_xcr0, SIGSEGV},
        {"swapgs faults", swap_gs, SIGSEGV},
        {"sysret faults", return_from_call, SIGSEGV},
        {"wrgsbase does not exist", write_gs_base, SIGILL},
        {"wrfsbase does not exist", write_fs_base, SIGILL},
        {"int 0x80 is no system call", call_by_interrupt, SIGSEGV},
        {"the timer's vector cannot be raised", raise_vector, SIGSEGV},
        {"there is no 32-bit code segment", far_jump, SIGSEGV},
        {"the kernel's text cannot be entered", jump_to_kernel, SIGSEGV},
        {"the kernel's text cannot be read", read_kernel, SIGSEGV},
        {"the direct map cannot be read", read_direct_map, SIGSEGV},
        {"a program's text cannot be written", write_own_text, SIGSEGV},
        {"the stack cannot be executed", execute_stack, SIGSEGV},
        {"the heap cannot be executed", execute_heap, SIGSEGV},
        {"nothing is mapped below 64 KiB", map_low, 0},
        {"a hint below 64 KiB is not followed", hint_low, 0},
        {"nothing is moved below 64 KiB", grow_into_low, 0},
        {"no page is writable and executable", write_and_execute, 0},
        {"ARCH_SET_GS is refused", set_gs, 0},
        {"ARCH_SET_FS beyond the application is refused", set_fs_to_kernel, 0},
        {"DF, NT and AC do not reach the kernel", call_with_odd_flags, 0},
        {"TF across a system call traps in the program", call_with_trap_flag, SIGTRAP},
        {"IOPL stays 0", raise_iopl, 0},
        {"no system call can return to a non-canonical address", call_from_last_bytes, 0},
        {"sigreturn to a non-canonical address faults", return_non_canonical, SIGSEGV},
        {"sigreturn to the kernel faults", return_to_kernel, SIGSEGV},
        {"sigreturn to a non-canonical stack faults", return_without_stack, ANY_SIGNAL},
        {"sigreturn does not load kernel segments", return_to_ring_0, SIGSEGV},
        {"sigreturn keeps IF and IOPL", return_with_flags, 0},
        {"sigreturn without a frame faults", return_from_nothing, SIGSEGV},
};

static bool ends_as(int status, int number)
{
	if (number == 0)
		return status == 0;
	return WIFSIGNALED(status) && (number == ANY_SIGNAL || WTERMSIG(status) == number);
}

static void check(const struct right *right)
{
	int status;
	pid_t child = fork();

	if (child < 0) {
		perror("rights: fork");
		exit(1);
	}
	if (child == 0)
		_exit(right->run() ? 0 : 1);
	waitpid(child, &status, 0);
	if (ends_as(status, right->signal))
		printf("ok %s\n", right->name);
	else
		printf("not ok %s: wait status 0x%x\n", right->name, (unsigned)status);
}

int main(void)
{
	setvbuf(stdout, NULL, _IONBF, 0);
	for (unsigned i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		check(&table[i]);
	return 0;
}
