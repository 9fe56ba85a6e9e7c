/*
 * A /dev/kvm that is made up, preloaded into the launcher: FAKE_KVM says what is wrong with it.
 *
 *     works         a guest of a few instructions ends at once
 *     emulates      it takes much longer than the CPU would
 *     lacks=N       KVM_CHECK_EXTENSION denies capability N
 *     fails=N       KVM_RUN returns with exit reason N
 *     denied        the device may not be opened
 *     absent        there is none
 */
#include "guest/abi/link.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define RUN_SIZE 12288
#define SLOW     10000 /* microseconds of a guest that takes too long */

static const char *wrong(void)
{
	const char *text = getenv("FAKE_KVM");

	return text ? text : "";
}

static long number_after(const char *word)
{
	return strncmp(wrong(), word, strlen(word)) ? -1 : atol(wrong() + strlen(word));
}

static int refuse(int error)
{
	errno = error;
	return -1;
}

int open(const char *path, int flags, ...)
{
	int (*next)(const char *, int, ...) = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, "open");
	va_list list;
	mode_t mode;

	va_start(list, flags);
	mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(list, mode_t) : 0;
	va_end(list);
	if (strcmp(path, "/dev/kvm"))
		return next(path, flags, mode);
	if (!strcmp(wrong(), "denied"))
		return refuse(EACCES);
	if (!strcmp(wrong(), "absent"))
		return refuse(ENOENT);
	return memfd_create("fake-kvm", MFD_CLOEXEC);
}

/* A CPU is a file that holds its struct kvm_run. */
static int make_cpu(void)
{
	int cpu = memfd_create("fake-kvm-cpu", MFD_CLOEXEC);

	return cpu >= 0 && ftruncate(cpu, RUN_SIZE) == 0 ? cpu : refuse(ENOMEM);
}

static int run(int cpu)
{
	struct kvm_run *state = mmap(NULL, RUN_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, cpu, 0);
	long reason = number_after("fails=");

	if (state == MAP_FAILED)
		return refuse(EFAULT);
	state->exit_reason = reason < 0 ? KVM_EXIT_IO : (uint32_t)reason;
	state->io.port = PORT_DEBUG_EXIT;
	munmap(state, RUN_SIZE);
	if (!strcmp(wrong(), "emulates"))
		usleep(SLOW);
	return 0;
}

int ioctl(int descriptor, unsigned long request, ...)
{
	int (*next)(int, unsigned long, ...) = (int (*)(int, unsigned long, ...))dlsym(RTLD_NEXT, "ioctl");
	va_list list;
	void *argument;

	va_start(list, request);
	argument = va_arg(list, void *);
	va_end(list);
	switch (request) {
	case KVM_GET_API_VERSION:
		return KVM_API_VERSION;
	case KVM_CHECK_EXTENSION:
		return number_after("lacks=") != (long)argument;
	case KVM_CREATE_VM:
		return memfd_create("fake-kvm-machine", MFD_CLOEXEC);
	case KVM_CREATE_VCPU:
		return make_cpu();
	case KVM_GET_VCPU_MMAP_SIZE:
		return RUN_SIZE;
	case KVM_GET_TSC_KHZ:
		return 1000000;
	case KVM_GET_SUPPORTED_CPUID:
		((struct kvm_cpuid2 *)argument)->nent = 0;
		return 0;
	case KVM_RUN:
		return run(descriptor);
	default:
		return (request >> _IOC_TYPESHIFT & 0xff) == KVMIO ? 0 : next(descriptor, request, argument);
	}
}
