/* Can this CPU run the monitor? Intel SDM vol. 3D, appendix A. */
#include "options.h"
#include "vmx/monitor.h"
#include "vmx/vmcs.h"
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

static const char *probe_ept(bool *huge)
{
	const uint64_t needed =
	        EPT_CAP_WALK_4 | EPT_CAP_WRITE_BACK | EPT_CAP_2MIB | EPT_CAP_INVEPT | EPT_CAP_INVEPT_ALL;
	uint64_t capabilities = read_msr(MSR_VMX_EPT_VPID_CAP);

	*huge = capabilities & EPT_CAP_1GIB && !option_number("vmx_no_1g", 0);
	return (capabilities & needed) == needed
	               ? NULL
	               : "EPT on this CPU lacks four levels, write-back, 2 MiB pages or INVEPT";
}

const char *vmx_probe(bool *huge)
{
	uint64_t control;
	uint32_t secondary;

	if (!features.vmx)
		return "this CPU has no VMX (CPUID leaf 1, ECX bit 5)";
	control = read_msr(MSR_FEATURE_CONTROL);
	if (control & FEATURE_CONTROL_LOCK && !(control & FEATURE_CONTROL_VMX))
		return "the firmware has locked VMX off (IA32_FEATURE_CONTROL)";
	if (!(allowed(MSR_VMX_PROCBASED) & PROC_SECONDARY))
		return "VMX on this CPU has no secondary controls, so no EPT";
	if (vmx_controls(MSR_VMX_PROCBASED, MSR_VMX_TRUE_PROCBASED, 0) & (PROC_CR3_LOAD | PROC_CR3_STORE))
		return "VMX on this CPU exits at every write of CR3";
	secondary = allowed(MSR_VMX_PROCBASED2);
	if (!(secondary & PROC2_EPT))
		return "VMX on this CPU has no EPT";
	if (!(secondary & PROC2_VPID))
		return "VMX on this CPU has no VPID";
	if (!(secondary & PROC2_VMFUNC) || !(read_msr(MSR_VMX_VMFUNC) & VMFUNC_EPTP_SWITCHING))
		return "VMX on this CPU has no VMFUNC with EPTP switching";
	return probe_ept(huge);
}
