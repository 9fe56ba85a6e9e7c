/* The VMM against a guest that lies: addresses, the ring, what KVM may say of it. KVM itself is not needed.
 */
#include "guest/abi/link.h"
#include "host/kvm/vmm.h"
#include "host/tests/unit.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MEMORY   0x200000UL
#define RUN_SIZE 12288
#define ROUNDS   200000

static uint8_t memory[MEMORY] __attribute__((aligned(4096)));
static struct vmm_report report;
static union {
	struct kvm_run run;
	uint8_t bytes[RUN_SIZE];
} shared;
static char reason[REASON_MAX];

static struct vmm make_vmm(int output)
{
	memset(memory, 0, sizeof(memory));
	memset(&report, 0, sizeof(report));
	memset(&shared, 0, sizeof(shared));
	return (struct vmm){.run = &shared.run,
	                    .run_size = sizeof(shared),
	                    .memory = memory,
	                    .memory_size = sizeof(memory),
	                    .ring = (struct ring *)(memory + RING_ADDRESS),
	                    .output = output,
	                    .draining = PTHREAD_MUTEX_INITIALIZER,
	                    .report = &report};
}

static int open_file(void)
{
	int file = memfd_create("output", 0);

	CHECK(file >= 0);
	return file;
}

static uint64_t random64(void)
{
	return (uint64_t)random() << 42 ^ (uint64_t)random() << 21 ^ (uint64_t)random();
}

static void addresses(void)
{
	struct vmm vmm = make_vmm(-1);

	CHECK(memory_at(&vmm, 0, MEMORY) == memory);
	CHECK(memory_at(&vmm, MEMORY - 1, 1) == memory + MEMORY - 1);
	CHECK(!memory_at(&vmm, MEMORY, 1));
	CHECK(!memory_at(&vmm, MEMORY - 1, 2));
	CHECK(!memory_at(&vmm, 1, MEMORY));
	CHECK(!memory_at(&vmm, UINT64_MAX, 2));
	CHECK(!memory_at(&vmm, 2, UINT64_MAX));
	for (unsigned i = 0; i < ROUNDS; i++) {
		uint64_t address = random64() >> random() % 64, size = random64() >> random() % 64;
		bool inside = (unsigned __int128)address + size <= MEMORY;

		CHECK(!memory_at(&vmm, address, size) == !inside);
	}
}

/* What the guest writes arrives whole and in order, across the ring's end and the counters' wrap. */
static void ring_order(void)
{
	int file = open_file();
	struct vmm vmm = make_vmm(file);
	uint8_t written = 0, read_back[RING_SIZE];
	uint32_t head = UINT32_MAX - 70000;

	vmm.taken = vmm.ring->head = vmm.ring->tail = head;
	for (unsigned round = 0; round < 40; round++) {
		uint32_t count = (uint32_t)random() % (RING_SIZE + 1);
		uint8_t first = written;

		for (uint32_t i = 0; i < count; i++)
			vmm.ring->data[(head + i) % RING_SIZE] = (char)written++;
		vmm.ring->head = head += count;
		CHECK(ftruncate(file, 0) == 0 && lseek(file, 0, SEEK_SET) == 0);
		CHECK(ring_drain(&vmm, reason, sizeof(reason)) == 0);
		CHECK(pread(file, read_back, sizeof(read_back), 0) == (ssize_t)count);
		for (uint32_t i = 0; i < count; i++)
			CHECK(read_back[i] == (uint8_t)(first + i));
		CHECK(vmm.ring->tail == head);
	}
	close(file);
}

static void ring_lies(void)
{
	int file = open_file();
	struct vmm vmm = make_vmm(file);

	for (unsigned i = 0; i < 1000; i++) {
		uint32_t count = RING_SIZE + 1 + (uint32_t)random() % (UINT32_MAX - RING_SIZE);

		vmm.ring->head = vmm.taken + count;
		vmm.ring->tail = (uint32_t)random();
		if (count > RING_SIZE)
			CHECK(ring_drain(&vmm, reason, sizeof(reason)) < 0);
	}
	CHECK(lseek(file, 0, SEEK_END) == 0);
	CHECK(strstr(reason, "the guest claims to have written"));
	close(file);
}

/* Any exit, with any values: nothing outside kvm_run and the ring is touched, and each death has its
 * sentence. */
static void random_exits(void)
{
	static const uint32_t reasons[] = {KVM_EXIT_IO,         KVM_EXIT_MMIO,           KVM_EXIT_SHUTDOWN,
	                                   KVM_EXIT_FAIL_ENTRY, KVM_EXIT_INTERNAL_ERROR, KVM_EXIT_HYPERCALL,
	                                   KVM_EXIT_DEBUG,      KVM_EXIT_SYSTEM_EVENT};
	int file = open("/dev/null", O_WRONLY);
	struct vmm vmm = make_vmm(file);

	for (unsigned i = 0; i < ROUNDS; i++) {
		for (unsigned word = 0; word < 32; word++)
			((uint32_t *)shared.bytes)[word] = (uint32_t)random64();
		shared.run.exit_reason = random() % 8 ? reasons[(size_t)random() % 8] : (uint32_t)random();
		if (random() % 2) { /* closer to what KVM says */
			static const uint16_t ports[] = {PORT_RING, PORT_DEBUG_EXIT, 0x80, 0xffff};

			shared.run.io.port = ports[random() % 4];
			shared.run.io.direction = random() % 2;
			shared.run.io.data_offset = (uint64_t)random() % (2 * RUN_SIZE);
			shared.run.io.count = (uint32_t)random() % 8192;
		}
		vmm.ring->head =
		        random() % 16 ? vmm.taken + (uint32_t)random() % (RING_SIZE + 1) : (uint32_t)random();
		report.heard = report.waited + 1; /* a guest that waits goes on at once */
		*reason = '\0';
		if (exit_handle(&vmm, reason, sizeof(reason)) == VERDICT_DEAD)
			CHECK(*reason);
	}
	close(file);
}

static void *hear(void *argument)
{
	while (!__atomic_load_n(&report.waited, __ATOMIC_ACQUIRE))
		usleep(1000);
	__atomic_fetch_add(&report.heard, 1, __ATOMIC_RELEASE);
	syscall(SYS_futex, &report.heard, FUTEX_WAKE, 1, NULL, NULL, 0);
	return argument;
}

/* Writes RING_HOLD to the ring's port. */
static void hold(struct vmm *vmm)
{
	shared.run.exit_reason = KVM_EXIT_IO;
	shared.run.io.direction = KVM_EXIT_IO_OUT;
	shared.run.io.port = PORT_RING;
	shared.run.io.data_offset = 4096;
	shared.bytes[4096] = RING_HOLD;
	CHECK(exit_handle(vmm, reason, sizeof(reason)) == VERDICT_RUN);
}

static void held(void)
{
	int file = open("/dev/null", O_WRONLY);
	struct vmm vmm = make_vmm(file);
	pthread_t launcher;

	CHECK(pthread_create(&launcher, NULL, hear, NULL) == 0);
	hold(&vmm);
	CHECK(report.waited == 1 && report.heard == 1 && report.ring_writes == 0);
	pthread_join(launcher, NULL);
	report.heard = 2; /* it was heard before it waits */
	hold(&vmm);
	CHECK(report.waited == 2);
	shared.run.immediate_exit = 1; /* as a signal does */
	hold(&vmm);
	CHECK(report.waited == 3 && report.heard == 2);
	close(file);
}

static void verdicts(void)
{
	int file = open("/dev/null", O_WRONLY);
	struct vmm vmm = make_vmm(file);

	shared.run.exit_reason = KVM_EXIT_IO;
	shared.run.io.direction = KVM_EXIT_IO_OUT;
	shared.run.io.port = PORT_RING;
	CHECK(exit_handle(&vmm, reason, sizeof(reason)) == VERDICT_RUN);
	shared.run.io.port = 0x3f8;
	CHECK(exit_handle(&vmm, reason, sizeof(reason)) == VERDICT_RUN);
	shared.run.io.port = PORT_DEBUG_EXIT;
	CHECK(exit_handle(&vmm, reason, sizeof(reason)) == VERDICT_END);
	shared.run.io.direction = KVM_EXIT_IO_IN;
	shared.run.io.size = 4;
	shared.run.io.count = 1;
	shared.run.io.data_offset = 4096;
	CHECK(exit_handle(&vmm, reason, sizeof(reason)) == VERDICT_RUN);
	CHECK(*(uint32_t *)(shared.bytes + 4096) == UINT32_MAX && shared.bytes[4100] == 0);
	shared.run.exit_reason = KVM_EXIT_SHUTDOWN;
	CHECK(exit_handle(&vmm, reason, sizeof(reason)) == VERDICT_DEAD);
	CHECK(report.diagnosis.ending == ENDING_TRIPLE_FAULT);
	shared.run.exit_reason = KVM_EXIT_MMIO;
	shared.run.mmio.phys_addr = 0xc0000000;
	shared.run.mmio.is_write = 1;
	CHECK(exit_handle(&vmm, reason, sizeof(reason)) == VERDICT_DEAD);
	CHECK_TEXT(reason, "the guest wrote to physical address 0xc0000000, where it has no memory");
	close(file);
}

UNIT_MAIN({"guest addresses are checked at both ends", addresses},
          {"the ring's bytes arrive in order, across every wrap", ring_order},
          {"a ring that claims too much ends the guest", ring_lies},
          {"what ends a guest, and what does not", verdicts},
          {"a guest that is held goes on when it was heard, or is to stop", held},
          {"random exits touch nothing they must not", random_exits})
