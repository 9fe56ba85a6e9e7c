#include "x86/fpu.h"

#include "mm/heap.h"
#include "x86/cpu.h"
#include "x86/features.h"

#define COMPONENTS (XCR0_X87 | XCR0_SSE | XCR0_AVX)

void *fpu_create(void)
{
	void *area = kmalloc(features.xsave_size);

	if (area)
		fpu_reset(area);
	return area;
}

void fpu_free(void *area)
{
	kfree(area);
}

void fpu_reset(void *area)
{
	memset(area, 0, features.xsave_size);
	*(uint16_t *)area = X87_CONTROL_DEFAULT;
	*(uint32_t *)((char *)area + XSAVE_MXCSR) = MXCSR_DEFAULT;
}

void fpu_save(void *area)
{
	__asm__ volatile("xsave64 (%0)" : : "r"(area), "a"((uint32_t)COMPONENTS), "d"(0) : "memory");
}

void fpu_load(const void *area)
{
	__asm__ volatile("xrstor64 (%0)" : : "r"(area), "a"((uint32_t)COMPONENTS), "d"(0) : "memory");
}

void fpu_switch(void *save, const void *load)
{
	if (save)
		fpu_save(save);
	fpu_load(load);
}

void fpu_sanitise(void *area)
{
	uint64_t *header = (uint64_t *)((char *)area + XSAVE_BV);
	uint32_t *mxcsr = (uint32_t *)((char *)area + XSAVE_MXCSR);

	header[0] &= COMPONENTS;
	memset(header + 1, 0, XSAVE_HEADER_SIZE - sizeof(*header));
	*mxcsr &= MXCSR_MASK;
}
