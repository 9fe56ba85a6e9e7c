/* x87, SSE and AVX registers across switches, signals and fork. */
#include "case.h"

#include <sys/time.h>
#include <sys/wait.h>

#define SUBJECT "vectors"

static volatile int counter;

static bool has_avx(void)
{
	uint32_t a = 1, b, c, d;

	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "=c"(c), "=d"(d));
	return (c & (1u << 28)) && (c & (1u << 27));
}

static int vector_wrong(uint64_t seed, bool avx)
{
	uint64_t in[4] = {seed, ~seed, seed * 3, seed * 5}, out[8] = {0};
	double x87 = (double)seed, back = 0;

	if (avx)
		__asm__ volatile("vmovdqu %2, %%ymm1; vmovdqu %2, %%ymm14; fldl %3; mov $100000, %%ecx; 1: "
		                 "dec %%ecx; jnz 1b;"
		                 "vmovdqu %%ymm1, %0; vmovdqu %%ymm14, %1; fstpl %4; vzeroupper"
		                 : "=m"(*(uint64_t(*)[4])out), "=m"(*(uint64_t(*)[4])(out + 4))
		                 : "m"(in), "m"(x87), "m"(back)
		                 : "ecx", "xmm1", "xmm14", "memory");
	else
		__asm__ volatile("movdqu %2, %%xmm1; movdqu %2, %%xmm14; fldl %3; mov $100000, %%ecx; 1: dec "
		                 "%%ecx; jnz 1b;"
		                 "movdqu %%xmm1, %0; movdqu %%xmm14, %1; fstpl %4"
		                 : "=m"(*(uint64_t(*)[4])out), "=m"(*(uint64_t(*)[4])(out + 4))
		                 : "m"(in), "m"(x87), "m"(back)
		                 : "ecx", "xmm1", "xmm14", "memory");
	return memcmp(in, out, avx ? 32 : 16) != 0 || memcmp(in, out + 4, avx ? 32 : 16) != 0 || x87 != back;
}

static void *keep_vectors(void *argument)
{
	uint64_t seed = (uint64_t)(uintptr_t)argument * 0x123456789abcdefUL;
	bool avx = has_avx();
	intptr_t wrong = 0;

	for (int i = 0; i < 30; i++) {
		wrong += vector_wrong(seed + i, avx);
		if (i % 10 == 0)
			sched_yield();
	}
	return (void *)wrong;
}

static void keep_vectors_in_child(void *argument)
{
	_exit(keep_vectors(argument) != NULL);
}

CASE(vector_registers_across_switches)
{
	pthread_t threads[3];
	intptr_t wrong = 0;
	void *result;
	pid_t pid = start_child(keep_vectors_in_child, (void *)9);

	for (uintptr_t i = 0; i < 3; i++)
		threads[i] = start_thread(keep_vectors, (void *)(i + 1));
	for (int i = 0; i < 3; i++) {
		pthread_join(threads[i], &result);
		wrong += (intptr_t)result;
	}
	say("%d wrong\n", (int)wrong);
	finish_child("child", pid);
}

static void clobber_vectors(int number)
{
	(void)number;
	counter++;
	if (has_avx())
		__asm__ volatile("vpcmpeqd %%xmm1, %%xmm1, %%xmm1; vinsertf128 $1, %%xmm1, %%ymm1, %%ymm1;"
		                 "vmovaps %%ymm1, %%ymm14; vzeroall; fninit"
		                 :
		                 :
		                 : "xmm1", "xmm14");
	else
		__asm__ volatile("pcmpeqd %%xmm1, %%xmm1; movaps %%xmm1, %%xmm14; fninit"
		                 :
		                 :
		                 : "xmm1", "xmm14");
}

CASE(vector_registers_across_signals)
{
	struct itimerval timer = {{0, 1000}, {0, 1000}};
	int wrong = 0;
	bool avx = has_avx();

	handle(SIGALRM, clobber_vectors, 0);
	must("setitimer", setitimer(ITIMER_REAL, &timer, NULL));
	for (uint64_t i = 1; counter < 20; i++)
		wrong += vector_wrong(i * 0x987654321, avx);
	say("%d wrong\n", wrong);
}

static void check_inherited(void *argument)
{
	uint64_t value;
	uint32_t mxcsr;

	(void)argument;
	__asm__ volatile("stmxcsr %0" : "=m"(mxcsr));
	__asm__ volatile("mov $0x1f80, %%eax; push %%rax; ldmxcsr (%%rsp); pop %%rax" : "=a"(value));
	say("child: mxcsr %x\n", mxcsr);
}

CASE(floating_point_state_after_fork)
{
	uint32_t mxcsr = 0x9fc0;
	uint64_t xmm = 0x1122334455667788, pid;
	int status;

	__asm__ volatile("movq %2, %%xmm9; mov $57, %%eax; syscall; movq %%xmm9, %1" /* fork */
	                 : "=&a"(pid), "+m"(xmm)
	                 : "r"(xmm)
	                 : "rcx", "r11", "xmm9", "memory");
	if (pid == 0)
		_exit(xmm == 0x1122334455667788 ? 0 : 1);
	say("parent: %lx\n", (unsigned long)xmm);
	waitpid((pid_t)pid, &status, 0);
	say_status("child", status);
	__asm__ volatile("ldmxcsr %0" : : "m"(mxcsr));
	in_child("child", check_inherited, NULL);
}
