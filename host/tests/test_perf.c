/* Counters: scaling of made-up readings, words for what cannot be counted, lists of names. */
#include "host/perf.h"

#include "host/tests/unit.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

static struct perf_count difference(uint64_t value, uint64_t enabled, uint64_t running)
{
	const struct perf_reading before = {1000, 500, 400};
	const struct perf_reading after = {1000 + value, 500 + enabled, 400 + running};

	return perf_difference(&before, &after);
}

static void whole(void)
{
	struct perf_count count = difference(7, 100, 100);

	CHECK(count.result == PERF_EXACT && count.value == 7 && count.factor == 1);
	count = difference(0, 100, 100);
	CHECK(count.result == PERF_EXACT && count.value == 0);
}

static void shared(void)
{
	struct perf_count count = difference(30, 300, 100);

	CHECK(count.result == PERF_SCALED && count.value == 90 && count.factor == 3);
	CHECK(count.enabled == 300 && count.running == 100);
	count = difference(1, 3, 2);
	CHECK(count.result == PERF_SCALED && count.value == 2 && count.factor == 1.5);
	count = difference(1UL << 52, 4, 1);
	CHECK(count.value == 1UL << 54);
}

static void never(void)
{
	struct perf_count count = difference(0, 100, 0);

	CHECK(count.result == PERF_NEVER && count.value == 0);
	count = difference(0, 0, 0);
	CHECK(count.result == PERF_NEVER);
	count = difference(5, 100, 0);
	CHECK(count.result == PERF_NEVER && count.value == 0);
}

/* A counter that can no longer be read gives zeroes. */
static void unreadable(void)
{
	const struct perf_reading before = {1000, 500, 400}, zero = {0};

	CHECK(perf_difference(&before, &zero).result == PERF_NEVER);
}

static void expect_reason(int error, int paranoid, const char *text)
{
	char reason[REASON_MAX];

	perf_explain(error, paranoid, reason, sizeof(reason));
	CHECK_TEXT(reason, text);
}

static void reasons(void)
{
	expect_reason(ENOENT, 2, "neither CPU nor hypervisor counts this here (No such file or directory)");
	expect_reason(EOPNOTSUPP, 2, "neither CPU nor hypervisor counts this here (Operation not supported)");
	expect_reason(EACCES, 3,
	              "the kernel allows it to root alone: /proc/sys/kernel/perf_event_paranoid is 3 "
	              "(Permission denied)");
	expect_reason(EPERM, -9, "the kernel allows it to root alone (Operation not permitted)");
	expect_reason(ENOSYS, -9, "this kernel has no perf_event_open (Function not implemented)");
	expect_reason(EMFILE, 2, "the launcher may open no more files (Too many open files)");
	expect_reason(EINVAL, 2, "perf_event_open fails (Invalid argument)");
}

static uint64_t chosen(const char *list)
{
	char reason[REASON_MAX];
	uint64_t bits;

	CHECK(perf_choose(list, &bits, reason, sizeof(reason)) == 0);
	return bits;
}

static void lists(void)
{
	char reason[REASON_MAX];
	uint64_t bits, all = 0;
	unsigned count = 0;

	CHECK(chosen("none") == 0);
	while (perf_events[count].name) {
		CHECK(chosen(perf_events[count].name) == 1UL << count);
		all |= 1UL << count++;
	}
	CHECK(2 * count <= PERF_COUNTERS_MAX);
	CHECK(chosen("all") == all && chosen("cycles,all") == all);
	CHECK(chosen("cycles,page-faults") == (chosen("cycles") | chosen("page-faults")));
	CHECK(chosen("cycles,") == chosen("cycles"));
	CHECK(perf_choose("cycle", &bits, reason, sizeof(reason)) < 0);
	CHECK(perf_choose("none,cycles", &bits, reason, sizeof(reason)) < 0);
	CHECK(perf_choose(",cycles", &bits, reason, sizeof(reason)) < 0);
	CHECK(perf_choose("", &bits, reason, sizeof(reason)) < 0);
}

/* Counters of this process itself, where the kernel allows it; else each is named in a remark. */
static void own_faults(void)
{
	struct perf perf = {.chosen = chosen("page-faults,task-clock,kvm-exits"),
	                    .counts = ENGINE_COUNTS_PROCESSES};
	struct perf_count count = {0};
	struct buffer text = {0};
	const size_t size = 64 * 4096;
	volatile char *pages;

	perf_open(&perf, getpid());
	CHECK(perf.count + (perf.remarks.data && strstr(perf.remarks.data, "page-faults")) +
	              (perf.remarks.data && strstr(perf.remarks.data, "task-clock")) +
	              (perf.remarks.data && strstr(perf.remarks.data, "kvm-exits")) ==
	      3);
	pages = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(pages != MAP_FAILED && madvise((void *)pages, size, MADV_NOHUGEPAGE) == 0);
	perf_start(&perf);
	for (size_t at = 0; at < size; at += 4096)
		pages[at] = 1;
	for (unsigned i = 0; i < perf.count; i++)
		if (!strcmp(perf.counters[i].metric, "page_faults")) {
			count = perf_read(&perf, i);
			CHECK(count.result == PERF_EXACT && count.value >= 64 && count.value < 1000);
		}
	perf_describe(&perf, &text);
	CHECK(!perf.count || text.size);
	buffer_free(&text);
	munmap((void *)pages, size);
	perf_close(&perf);
	CHECK(perf.count == 0 && !perf.remarks.data);
}

/* A process that is gone: a remark, no failure. */
static void no_process(void)
{
	struct perf perf = {.chosen = chosen("task-clock"), .counts = ENGINE_COUNTS_GUEST};

	perf_open(&perf, 0x7ffffffe);
	CHECK(perf.count == 0 && strstr(perf.remarks.data, "not counted: task-clock: "));
	perf_close(&perf);
}

UNIT_MAIN({"a counter that had the CPU all the time is exact", whole},
          {"one that shared it is scaled by enabled over running", shared},
          {"one that never ran has no number", never}, {"nor has one that cannot be read", unreadable},
          {"a refusal is one clause that names the error", reasons},
          {"a list names events, and mistakes are found", lists},
          {"a process's own faults are counted", own_faults},
          {"counters of no process are remarks", no_process})
