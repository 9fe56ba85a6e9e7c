#include "panic.h"

#include "channel.h"
#include "mm/layout.h"
#include "vmx/vmx.h"
#include "x86/cpu.h"

#define TRACE_DEPTH 32

/* Debug-exit value on QEMU: its exit status is value * 2 + 1. */
#define DEBUG_EXIT_VALUE 0x10

static _Noreturn void stop(void)
{
	interrupts_off();
	outl(PORT_DEBUG_EXIT, DEBUG_EXIT_VALUE);
	for (const char *word = "Shutdown"; *word; word++)
		outb(PORT_BOCHS_SHUTDOWN, (uint8_t)*word);
	for (;;)
		__asm__ volatile("cli; hlt");
}

void machine_end(unsigned status)
{
	char text[12];

	snprintf(text, sizeof(text), "%u", status);
	vmx_stop();
	channel_line(LINK_END, text, strlen(text));
	stop();
}

static void trace_line(uint64_t address)
{
	char text[20];

	snprintf(text, sizeof(text), "%016lx", address);
	channel_line(LINK_TRACE, text, strlen(text));
}

static bool is_kernel_address(uint64_t address)
{
	return address >= DIRECT_MAP_BASE;
}

static _Noreturn void report(const char *format, va_list list, uint64_t rip, const uint64_t *frame)
{
	static bool panicking;
	char text[256];

	interrupts_off();
	if (panicking)
		stop();
	panicking = true;
	vsnprintf(text, sizeof(text), format, list);
	channel_line(LINK_PANIC, text, strlen(text));
	if (rip)
		trace_line(rip);
	for (unsigned i = 0; i < TRACE_DEPTH && is_kernel_address((uint64_t)frame) && frame[1]; i++) {
		trace_line(frame[1]);
		if (frame[0] <= (uint64_t)frame)
			break;
		frame = (const uint64_t *)frame[0];
	}
	stop();
}

void panic(const char *format, ...)
{
	va_list list;

	va_start(list, format);
	report(format, list, 0, __builtin_frame_address(0));
}

void panic_at(const struct regs *regs, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	report(format, list, regs->rip, (const uint64_t *)regs->rbp);
}
