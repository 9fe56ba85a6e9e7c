#include "x86/features.h"

#include "lib/lib.h"
#include "options.h"
#include "x86/cpu.h"

/* CPUID bits: SDM vol. 2A, CPUID. */
#define LEAF1_ECX_PCID         (1U << 17)
#define LEAF1_ECX_VMX          (1U << 5)
#define LEAF1_ECX_TSC_DEADLINE (1U << 24)
#define LEAF1_ECX_XSAVE        (1U << 26)
#define LEAF1_ECX_AVX          (1U << 28)
#define LEAF1_ECX_HYPERVISOR   (1U << 31) /* reserved by the SDM; set by all hypervisors */
#define LEAF7_EBX_SMEP         (1U << 7)
#define LEAF7_EBX_INVPCID      (1U << 10)
#define LEAF7_EBX_SMAP         (1U << 20)
#define LEAF7_ECX_UMIP         (1U << 2)
#define LEAF7_ECX_PKU          (1U << 3)
#define EXT1_EDX_NX            (1U << 20)
#define EXT1_EDX_1GB           (1U << 26)
#define LEAF_POWER             0x80000007
#define POWER_EDX_INVARIANT    (1U << 8)

struct features features;

static void read_model(char *to, size_t size)
{
	char brand[49] = "";
	const char *start = brand;
	size_t length;

	if (cpuid(0x80000000, 0).eax >= 0x80000004)
		for (uint32_t i = 0; i < 3; i++) {
			struct cpuid part = cpuid(0x80000002 + i, 0);

			memcpy(brand + 16 * i, &part, sizeof(part));
		}
	while (*start == ' ')
		start++;
	strlcpy(to, *start ? start : "unknown x86-64", size);
	for (length = strlen(to); length && to[length - 1] == ' '; length--)
		to[length - 1] = '\0';
}

const char *features_init(void)
{
	struct cpuid one = cpuid(1, 0), seven = {0}, extended = cpuid(0x80000001, 0);
	uint64_t cr4 = read_cr4() | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_PGE;

	if (cpuid(0, 0).eax >= 7)
		seven = cpuid(7, 0);
	read_model(features.model, sizeof(features.model));
	features.smep = seven.ebx & LEAF7_EBX_SMEP;
	features.smap = seven.ebx & LEAF7_EBX_SMAP;
	features.umip = seven.ecx & LEAF7_ECX_UMIP;
	features.pcid = one.ecx & LEAF1_ECX_PCID && !option_holds("without", "pcid");
	features.invpcid = seven.ebx & LEAF7_EBX_INVPCID;
	features.pku = seven.ecx & LEAF7_ECX_PKU && !option_holds("without", "pku");
	features.vmx = one.ecx & LEAF1_ECX_VMX && !option_holds("without", "vmx");
	features.hypervisor = one.ecx & LEAF1_ECX_HYPERVISOR || option_holds("without", "bare-metal");
	features.huge_pages = extended.edx & EXT1_EDX_1GB;
	features.tsc_deadline = one.ecx & LEAF1_ECX_TSC_DEADLINE;
	features.tsc_invariant =
	        cpuid(0x80000000, 0).eax >= LEAF_POWER && cpuid(LEAF_POWER, 0).edx & POWER_EDX_INVARIANT;

	if (!(extended.edx & EXT1_EDX_NX))
		return "NX";
	if (!(one.ecx & LEAF1_ECX_XSAVE))
		return "XSAVE";
	if (!(one.ecx & LEAF1_ECX_AVX))
		return "AVX";
	if (!features.smep)
		return "SMEP";
	if (!features.smap)
		return "SMAP";

	cr4 |= CR4_OSXSAVE | CR4_SMEP | CR4_SMAP;
	if (features.umip)
		cr4 |= CR4_UMIP;
	if (features.pku)
		cr4 |= CR4_PKE;
	if (features.pcid && features.invpcid)
		cr4 |= CR4_PCIDE; /* the page tables in use lie on a page boundary: PCID 0 */
	/* Without FSGSBASE and PKRU in XCR0: programs may set neither by an instruction that is no gate's. */
	write_cr4(option_holds("weaken", "fsgsbase") ? cr4 | CR4_FSGSBASE : cr4 & ~CR4_FSGSBASE);
	write_xcr0(XCR0_X87 | XCR0_SSE | XCR0_AVX | (option_holds("weaken", "xcr0") ? XCR0_PKRU : 0));
	features.xsave_size = cpuid(0xd, 0).ebx;
	return NULL;
}
