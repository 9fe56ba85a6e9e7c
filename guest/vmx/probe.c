/* Can this CPU run the monitor? Intel SDM vol. 3D, appendix A. */
#include "options.h"
#include "vmx/monitor.h"
#include "x86/cpu.h"
#include "x86/features.h"

/* Controls that may be 1: the upper half of the MSR. */
static uint32_t allowed(uint32_t msr)
{
	return (uint32_t)(read_msr(msr) >> 32);
}

uint32_t vmx_controls(uint32_t msr, uint32_t true_msr, uint32_t wanted)
{
	uint64_t limits = read_msr(read_msr(MSR_VMX_BASIC) & VMX_BASIC_TRUE_CONTROLS ? true_msr : msr);

	return (wanted | (uint32_t)limits) & (uint32_t)(limits >> 32);
}

/* Tests hide what this CPU has by the option without=NAME. */
static bool hidden(const char *name)
{
	return option_holds("without", name);
}

static bool locked_off(void)
{
	uint64_t control = read_msr(MSR_FEATURE_CONTROL);

	return (control & FEATURE_CONTROL_LOCK && !(control & FEATURE_CONTROL_VMX)) || hidden("vmx-unlocked");
}

static const char *probe_ept(struct vmx_abilities *abilities)
{
	const uint64_t needed = EPT_CAP_WALK_4 | EPT_CAP_WRITE_BACK | EPT_CAP_2MIB | EPT_CAP_INVEPT |
	                        EPT_CAP_INVEPT_ALL | EPT_CAP_INVVPID | EPT_CAP_INVVPID_ALL;
	uint64_t capabilities = read_msr(MSR_VMX_EPT_VPID_CAP);

	abilities->huge_pages = capabilities & EPT_CAP_1GIB && !hidden("ept-1g");
	if ((capabilities & needed) != needed || hidden("invept"))
		return "EPT on this CPU lacks four levels, write-back, 2 MiB pages, INVEPT or INVVPID";
	return NULL;
}

const char *vmx_probe(struct vmx_abilities *abilities)
{
	uint32_t secondary;

	if (!features.vmx)
		return "this CPU has no VMX (CPUID leaf 1, ECX bit 5)";
	if (locked_off())
		return "the firmware has locked VMX off (IA32_FEATURE_CONTROL)";
	if (!(allowed(MSR_VMX_PROCBASED) & PROC_SECONDARY))
		return "VMX on this CPU has no secondary controls, so no EPT";
	if (vmx_controls(MSR_VMX_PROCBASED, MSR_VMX_TRUE_PROCBASED, 0) & (PROC_CR3_LOAD | PROC_CR3_STORE))
		return "VMX on this CPU exits at every write of CR3";
	secondary = allowed(MSR_VMX_PROCBASED2);
	abilities->exceptions = secondary & PROC2_EXCEPTIONS && !hidden("ve");
	if (!(secondary & PROC2_EPT) || hidden("ept"))
		return "VMX on this CPU has no EPT";
	if (!(secondary & PROC2_VPID) || hidden("vpid"))
		return "VMX on this CPU has no VPID";
	if (!(secondary & PROC2_VMFUNC) || !(read_msr(MSR_VMX_VMFUNC) & VMFUNC_EPTP_SWITCHING) ||
	    hidden("vmfunc"))
		return "VMX on this CPU has no VMFUNC with EPTP switching";
	return probe_ept(abilities);
}
