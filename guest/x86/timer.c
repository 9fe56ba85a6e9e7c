#include "x86/timer.h"

#include "lib/lib.h"
#include "mm/layout.h"
#include "x86/cpu.h"

#define APIC_ENABLE (1U << 11) /* in IA32_APIC_BASE */

/* Registers: offsets from the APIC's page. */
#define APIC_EOI           0x0b0
#define APIC_SPURIOUS      0x0f0
#define APIC_LVT_TIMER     0x320
#define APIC_LVT_LINT0     0x350
#define APIC_LVT_LINT1     0x360
#define APIC_INITIAL_COUNT 0x380
#define APIC_CURRENT_COUNT 0x390
#define APIC_DIVIDE        0x3e0
#define APIC_SOFTWARE_ON   (1U << 8)
#define APIC_DIVIDE_BY_1   0xb
#define LVT_MASKED         (1U << 16)
#define LVT_NMI            (4U << 8)

#define PIC_MASTER_MASK 0x21
#define PIC_SLAVE_MASK  0xa1

#define PIT_HZ       1193182
#define PIT_CHANNEL2 0x42
#define PIT_COMMAND  0x43
#define PIT_GATE     0x61
#define PIT_MODE0    0xb0 /* channel 2, low byte then high, mode 0 */
#define PIT_OUT2     0x20
#define PIT_SAMPLE   11932 /* counts: 10 ms */

#define CALIBRATION_TICKS 50000 /* TSC ticks over which the APIC timer is measured */
#define MAX_COUNT         0xf0000000UL

/* APIC timer counts per TSC tick, in 32.32 fixed point. */
static uint64_t counts_per_tick;

static volatile uint32_t *apic(uint32_t offset)
{
	return (volatile uint32_t *)(DEVICE_BASE + offset);
}

static uint64_t tsc_hz_by_cpuid(void)
{
	struct cpuid r;

	if (cpuid(0, 0).eax < 0x15)
		return 0;
	r = cpuid(0x15, 0); /* TSC / crystal = EBX / EAX, crystal = ECX Hz */
	if (!r.eax || !r.ebx || !r.ecx)
		return 0;
	return (uint64_t)r.ecx * r.ebx / r.eax;
}

static uint64_t tsc_hz_by_pit(void)
{
	uint64_t start, ticks;

	outb(PIT_GATE, (inb(PIT_GATE) & ~2) | 1); /* gate on, speaker off */
	outb(PIT_COMMAND, PIT_MODE0);
	outb(PIT_CHANNEL2, PIT_SAMPLE & 0xff);
	outb(PIT_CHANNEL2, PIT_SAMPLE >> 8);
	start = read_tsc();
	while (!(inb(PIT_GATE) & PIT_OUT2))
		;
	ticks = read_tsc() - start;
	return ticks * PIT_HZ / PIT_SAMPLE;
}

uint64_t timer_init(uint64_t hz)
{
	uint64_t start, ticks;
	uint32_t counts;

	outb(PIC_MASTER_MASK, 0xff);
	outb(PIC_SLAVE_MASK, 0xff);
	if (!hz)
		hz = tsc_hz_by_cpuid();
	if (!hz)
		hz = tsc_hz_by_pit();

	write_msr(MSR_APIC_BASE, read_msr(MSR_APIC_BASE) | APIC_ENABLE);
	*apic(APIC_SPURIOUS) = APIC_SOFTWARE_ON | VECTOR_SPURIOUS;
	*apic(APIC_LVT_LINT0) = LVT_MASKED;
	*apic(APIC_LVT_LINT1) = LVT_NMI;
	*apic(APIC_DIVIDE) = APIC_DIVIDE_BY_1;
	*apic(APIC_LVT_TIMER) = LVT_MASKED | VECTOR_TIMER;
	*apic(APIC_INITIAL_COUNT) = UINT32_MAX;
	start = read_tsc();
	while ((ticks = read_tsc() - start) < CALIBRATION_TICKS)
		;
	counts = UINT32_MAX - *apic(APIC_CURRENT_COUNT);
	counts_per_tick = ((uint64_t)counts << 32) / ticks;
	if (!counts_per_tick)
		panic("the local APIC timer does not count");
	*apic(APIC_INITIAL_COUNT) = 0;
	*apic(APIC_LVT_TIMER) = VECTOR_TIMER;
	return hz;
}

void timer_arm(uint64_t deadline)
{
	uint64_t now = read_tsc(), ticks = deadline > now ? deadline - now : 1, count;

	if (ticks > MAX_COUNT)
		ticks = MAX_COUNT;
	count = (unsigned __int128)ticks * counts_per_tick >> 32;
	*apic(APIC_INITIAL_COUNT) = MAX(MIN(count, MAX_COUNT), 1UL);
}

void timer_acknowledge(void)
{
	*apic(APIC_EOI) = 0;
}
