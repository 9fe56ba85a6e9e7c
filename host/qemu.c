/*
 * QEMU: on the host's CPU where KVM runs guests and QEMU can use it, else with its binary translator (TCG).
 * The guest's debug console is standard output.
 */
#include "guest/abi/boot.h"
#include "guest/abi/link.h"
#include "host/engine.h"
#include "host/image.h"
#include "host/kvm/probe.h"
#include "host/process.h"
#include "host/qmp.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PROGRAM "qemu-system-x86_64"

/* The host's CPU with all that KVM gives, but for its paravirtual interface: the kernel is to run as on the
 * bare CPU. */
#define CPU_KVM "host,migratable=off,kvm=off"
#define CPU_TCG "max"

/* ---- does QEMU's KVM run guests? ------------------------------------------------------------- */

#define TRIAL_SECONDS 5
#define TRIAL_VALUE   0x10
#define TRIAL_STATUS  (TRIAL_VALUE << 1 | 1) /* of QEMU after a write of it to isa-debug-exit */

/* A ROM whose first instructions, at the reset vector, end the machine. A descriptor, or -1. */
static int make_trial_rom(void)
{
	static const uint8_t code[16] = {0xb0, TRIAL_VALUE,     /* mov $TRIAL_VALUE, %al */
	                                 0xe6, PORT_DEBUG_EXIT, /* out %al, $PORT_DEBUG_EXIT */
	                                 0xfa,                  /* cli */
	                                 0xf4,                  /* 1: hlt */
	                                 0xeb, 0xfd};           /* jmp 1b */
	int rom = memfd_create("portcullis-trial", MFD_CLOEXEC);

	if (rom >= 0 && ftruncate(rom, ROM_SIZE) == 0 &&
	    pwrite(rom, code, sizeof(code), ROM_SIZE - sizeof(code)) == sizeof(code))
		return rom;
	if (rom >= 0)
		close(rom);
	return -1;
}

/* Reads a stream until its end or the deadline (seconds of CLOCK_MONOTONIC), and keeps the last bytes. */
static void read_until(int stream, time_t deadline, struct buffer *text)
{
	struct pollfd wait = {.fd = stream, .events = POLLIN};
	struct timespec now;
	char bytes[1024];
	ssize_t size;

	while (clock_gettime(CLOCK_MONOTONIC, &now) == 0 && now.tv_sec < deadline) {
		if (poll(&wait, 1, 100) <= 0)
			continue;
		size = read(stream, bytes, sizeof(bytes));
		if (size <= 0)
			return;
		buffer_append(text, bytes, (size_t)size);
		buffer_keep_tail(text, REASON_MAX);
	}
}

/* The first line of what QEMU complains about. */
static void take_complaint(const char *errors, char *reason, size_t size)
{
	const char *complaint = strstr(errors, PROGRAM ": ");

	if (!complaint)
		complaint = errors;
	snprintf(reason, size, "%.*s", (int)strcspn(complaint, "\n"), complaint);
}

/* Runs a guest of three instructions. */
static bool try_qemu(char *reason, size_t size)
{
	char rom[48], complaint[REASON_MAX], how[64];
	struct process process = {.argv = (const char *[]){PROGRAM, "-nodefaults", "-no-user-config",
	                                                   "-display", "none", "-accel", "kvm", "-cpu",
	                                                   CPU_KVM, "-m", "16M", "-bios", rom, "-device",
	                                                   "isa-debug-exit,iobase=0xf4,iosize=4", NULL},
	                          .keep = {make_trial_rom()},
	                          .keep_count = 1};
	struct buffer errors = {0};
	int output, error_stream, status, started;
	struct timespec now;
	pid_t pid;

	snprintf(rom, sizeof(rom), "/proc/self/fd/%d", process.keep[0]);
	started = process_start(&process, &pid, &output, &error_stream, reason, size);
	if (process.keep[0] >= 0)
		close(process.keep[0]);
	if (started < 0)
		return false;
	clock_gettime(CLOCK_MONOTONIC, &now);
	read_until(error_stream, now.tv_sec + TRIAL_SECONDS, &errors);
	status = process_kill(pid);
	close(output);
	close(error_stream);
	take_complaint(errors.data ? errors.data : "", complaint, sizeof(complaint));
	buffer_free(&errors);
	if (WIFEXITED(status) && WEXITSTATUS(status) == TRIAL_STATUS)
		return true;
	process_describe_end(status, how, sizeof(how));
	snprintf(reason, size, "a trial guest of QEMU on KVM %s%s%.300s", how, *complaint ? ": " : "",
	         complaint);
	return false;
}

static bool probe(struct engine_config *config, char *reason, size_t size)
{
	char path[512], obstacle[REASON_MAX];

	if (!process_find(PROGRAM, path, sizeof(path))) {
		snprintf(reason, size, PROGRAM " is not in PATH (package qemu-system-x86)");
		return false;
	}
	config->kvm = kvm_probe(obstacle, sizeof(obstacle)) && try_qemu(obstacle, sizeof(obstacle));
	if (config->kvm)
		snprintf(config->remark, sizeof(config->remark), "on KVM, which ran a trial guest of QEMU's");
	else
		snprintf(config->remark, sizeof(config->remark), "translated, not on KVM: %.480s", obstacle);
	return true;
}

/* ---- start ----------------------------------------------------------------------------------- */

static int start_process(const struct engine_config *config, struct guest *guest, int monitor, char *reason,
                         size_t size)
{
	char loader[96], memory[16], socket[48];
	struct process process = {
	        .argv =
	                (const char *[]){
	                        PROGRAM, "-nodefaults", "-no-user-config", "-display", "none", "-accel",
	                        config->kvm ? "kvm" : "tcg", "-cpu", config->kvm ? CPU_KVM : CPU_TCG, "-m",
	                        memory, "-bios", config->rom, "-device", loader,
	                        /* A reset, which a triple fault asks for, stops the machine as it is. */
	                        "-action", "reboot=shutdown,shutdown=pause", "-S", "-chardev",
	                        "stdio,id=console,signal=off", "-device",
	                        "isa-debugcon,iobase=0xe9,chardev=console", "-device",
	                        "isa-debug-exit,iobase=0xf4,iosize=4", "-chardev", socket, "-mon",
	                        "chardev=monitor,mode=control", NULL},
	        .keep = {config->image, monitor},
	        .keep_count = 2,
	};

	snprintf(loader, sizeof(loader), "loader,file=/proc/self/fd/%d,addr=%#x,force-raw=on", config->image,
	         IMAGE_ADDRESS);
	snprintf(memory, sizeof(memory), "%uM", config->memory);
	snprintf(socket, sizeof(socket), "socket,id=monitor,fd=%d", monitor);
	return process_start(&process, &guest->pid, &guest->output, &guest->errors, reason, size);
}

static int start(const struct engine_config *config, struct guest *guest, char *reason, size_t size)
{
	struct qmp *qmp = calloc(1, sizeof(*qmp));
	int pair[2], result;

	if (!qmp || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
		free(qmp);
		snprintf(reason, size, "no socket for the monitor: %s", strerror(errno));
		return -1;
	}
	result = start_process(config, guest, pair[1], reason, size);
	close(pair[1]);
	if (result < 0) {
		close(pair[0]);
		free(qmp);
		return -1;
	}
	guest->state = qmp;
	guest->control = pair[0];
	qmp_open(qmp, &guest->control);
	qmp_send(qmp, "{\"execute\": \"cont\"}\n"); /* after -S */
	return 0;
}

static bool control(struct guest *guest)
{
	return qmp_read(guest->state);
}

static void interrupt(struct guest *guest)
{
	qmp_examine(guest->state);
	kill(guest->pid, SIGKILL);
}

static void diagnose(struct guest *guest, const char *errors, struct diagnosis *diagnosis)
{
	qmp_diagnose(guest->state, diagnosis);
	take_complaint(errors, diagnosis->reason, sizeof(diagnosis->reason));
}

static void release(struct guest *guest)
{
	qmp_close(guest->state);
	free(guest->state);
}

ENGINE(qemu) = {
        .name = "qemu",
        .summary =
                "QEMU: on KVM where that runs guests; else translated, PKU but no VMX, fast, counts nothing",
        .rank = 2,
        .memory_max = MEMORY_MAX,
        .tick_unit = "tsc",
        .tick_kind = "uncalibrated",
        .kvm_tick_kind = "measured",
        .probe = probe,
        .start = start,
        .interrupt = interrupt,
        .control = control,
        .diagnose = diagnose,
        .release = release,
};
