/* From boot to the first program. */
#include "channel.h"
#include "domain/backend.h"
#include "mm/heap.h"
#include "mm/space.h"
#include "options.h"
#include "panic.h"
#include "plan/plan_text.h"
#include "plan/run.h"
#include "proc/clock.h"
#include "proc/sched.h"
#include "random.h"
#include "vmx/vmx.h"
#include "x86/boot_info.h"
#include "x86/descriptors.h"
#include "x86/features.h"
#include "x86/pmu.h"
#include "x86/timer.h"

#define BOOT_MAPPED  (1UL << 30) /* what the boot page tables map */
#define SEED_DEFAULT 1

extern char __kernel_end[];

static struct cpu boot_cpu;
static struct boot_info boot_info;

_Noreturn void kernel_main(uint32_t magic, uint32_t information);

const char *plan_text(size_t *size)
{
	*size = boot_info.plan.size;
	return boot_info.plan.address ? phys_to_virt(boot_info.plan.address) : NULL;
}

/* ---- memory -----------------------------------------------------------------------------------------------
 */

/* Ranges that memory given to the allocator must leave alone. */
struct reserved {
	uint64_t start, end;
};

/* Gives [start, end) to the allocator, but for what is reserved (sorted by address). */
static void add_range(uint64_t start, uint64_t end, const struct reserved *reserved, unsigned count)
{
	for (unsigned i = 0; i < count && start < end; i++) {
		if (reserved[i].end <= start || reserved[i].start >= end)
			continue;
		if (reserved[i].start > start)
			frame_add_range(start, reserved[i].start);
		start = reserved[i].end;
	}
	if (start < end)
		frame_add_range(start, end);
}

static struct reserved pages_of(struct boot_module module)
{
	return (struct reserved){ALIGN_DOWN(module.address, PAGE_SIZE),
	                         ALIGN_UP(module.address + module.size, PAGE_SIZE)};
}

static void add_memory(const struct boot_info *info, uint64_t from, uint64_t to)
{
	struct reserved reserved[] = {
	        {IMAGE_ADDRESS, (uint64_t)__kernel_end - KERNEL_BASE},
	        pages_of(info->archive.address < info->plan.address ? info->archive : info->plan),
	        pages_of(info->archive.address < info->plan.address ? info->plan : info->archive),
	};

	for (unsigned i = 0; i < info->memory_count; i++)
		add_range(MAX(info->memory[i].start, from), MIN(info->memory[i].end, to), reserved,
		          ARRAY_SIZE(reserved));
}

static void memory_init(const struct boot_info *info)
{
	uint64_t end = 0;

	for (unsigned i = 0; i < info->memory_count; i++)
		end = MAX(end, info->memory[i].end);
	add_memory(info, 0, BOOT_MAPPED);
	space_init(end);
	add_memory(info, BOOT_MAPPED, UINT64_MAX);
}

/* ---- start ------------------------------------------------------------------------------------------------
 */

static void unpack_archive(const struct boot_module *archive)
{
	const char *reason;

	if (!archive->address)
		return;
	if (cpio_unpack(phys_to_virt(archive->address), archive->size, &reason))
		panic("the archive cannot be unpacked: %s", reason);
	frame_add_range(pages_of(*archive).start, pages_of(*archive).end);
}

static void start_plan(void)
{
	struct process *process = process_create(NULL);
	struct thread *thread;

	process->pid = process->pgid = process->sid = 1;
	process->fs = fs_context_create();
	thread = thread_create(process, NULL, plan_thread);
	if (!thread)
		panic("no memory for the first thread");
	thread_wake(thread);
}

static void announce(void)
{
	char text[1024], missing[512];
	const char *remark = vmx_remark();

	backends_missing(missing, sizeof(missing), "\\n");
	snprintf(text, sizeof(text),
	         "{\"cpu\":\"%s\",\"memory\":%lu,\"tsc_hz\":%lu,\"ticks\":%lu,\"pku\":%d,\"vmx\":%d,\"pcid\":"
	         "%d,\"remarks\":\"%s%s%s\"}",
	         features.model, frame_total_count() * PAGE_SIZE, tsc_hz, read_tsc() - tsc_boot, features.pku,
	         features.vmx, features.pcid, missing, remark ? "VMX monitor: " : "", remark ? remark : "");
	channel_line(LINK_BOOT, text, strlen(text));
}

/* What only the kernel can try: the option probe=1. */
static void try_machine(void)
{
	char text[160];
	unsigned version;

	if (!option_number("probe", 0))
		return;
	version = pmu_version();
	snprintf(text, sizeof(text),
	         "{\"tsc_invariant\":%d,\"pmu_version\":%u,\"pmu_executed\":%d,\"pmu_counted\":%lu}",
	         features.tsc_invariant, version, PMU_LOOP, version ? pmu_try() : 0);
	channel_line(LINK_PROBE, text, strlen(text));
}

void kernel_main(uint32_t magic, uint32_t information)
{
	const char *problem, *missing;

	tsc_boot = read_tsc();
	channel_init();
	problem = boot_info_read(magic, information, &boot_info);
	if (problem)
		panic("%s", problem);
	options_init(boot_info.command);
	descriptors_init(&boot_cpu);
	missing = features_init();
	if (missing)
		panic("this CPU (%s) lacks %s, which the kernel needs", features.model, missing);
	memory_init(&boot_info);
	tsc_hz = timer_init(option_number("tsc_hz", 0));
	random_init(option_number("seed", SEED_DEFAULT));
	sched_init();
	fs_init();
	unpack_archive(&boot_info.archive);
	announce();
	try_machine();
	vmx_boot();
	start_plan();
	sched_idle();
}
