/*
 * Bochs 2.7 with its debugger. The guest's debug console (port 0xE9) and the debugger share standard output.
 * The debugger's commands run the guest, and once it has stopped, for whatever reason, print its state after
 * a random number that marks where the guest's bytes ended.
 */
#include "guest/abi/boot.h"
#include "host/buffer.h"
#include "host/engine.h"
#include "host/process.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#define CPU_MODEL      "corei7_icelake_u" /* has VMX with EPT and VMFUNC, and PKU */
#define TICKS_A_SECOND 100000000 /* of the emulated timers: how Bochs converts its ticks to guest time */
#define DIAGNOSIS_MAX  65536

/* What the debugger prints when the guest stops, before the mark. */
static const char *const stop_texts[] = {"(0) Caught time breakpoint", "(0).[", "Next at t="};

#define STOP_TEXT_COUNT (sizeof(stop_texts) / sizeof(stop_texts[0]))

struct bochs {
	int settings, commands; /* memory files */
	char mark[24];          /* the random number as the debugger prints it */
	char kept[CONSOLE_KEPT_MAX];
	size_t kept_size;
	enum { BEFORE_GUEST, IN_MARK_LINE, IN_GUEST, AFTER_GUEST } phase;
	struct buffer diagnosis;
};

static const char *find_program(char *path, size_t size)
{
	static const char *const programs[] = {"bochs-bin", "bochs"};

	for (unsigned i = 0; i < sizeof(programs) / sizeof(programs[0]); i++)
		if (process_find(programs[i], path, size))
			return programs[i];
	return NULL;
}

static bool probe(struct engine_config *config, char *reason, size_t size)
{
	char path[512];

	(void)config;
	if (find_program(path, sizeof(path)))
		return true;
	snprintf(reason, size, "bochs-bin is not in PATH (package bochs)");
	return false;
}

/* ---- start ----------------------------------------------------------------------------------- */

static void write_settings(struct buffer *text, const struct engine_config *config)
{
	buffer_printf(
	        text,
	        "plugin_ctrl: unmapped=true, biosdev=true, speaker=false, extfpuirq=true, parallel=false, "
	        "serial=true, e1000=false\n"
	        "config_interface: textconfig\n"
	        "display_library: term\n");
	buffer_printf(text, "romimage: file=\"%s\", address=0xffff0000\n", config->rom);
	buffer_printf(text, "optramimage1: file=/proc/self/fd/%d, address=%#x\n", config->image,
	              IMAGE_ADDRESS);
	buffer_printf(text, "megs: %u\n", config->memory);
	buffer_printf(text, "cpu: model=" CPU_MODEL ", count=1, ips=%d, reset_on_triple_fault=0\n",
	              TICKS_A_SECOND);
	/*
	 * A panic of the CPU is a triple fault: it enters the debugger. Without magic_break: programs could
	 * end the machine. The kernel uses the shutdown port, which is a panic of another device.
	 */
	buffer_printf(
	        text,
	        "clock: sync=none\n"
	        "port_e9_hack: enabled=1\n"
	        "sound: waveoutdrv=dummy, waveout=none, waveindrv=dummy, wavein=none, midioutdrv=dummy, "
	        "midiout=none\n"
	        "log: -\n"
	        "panic: action=fatal, cpu0=report\n"
	        "error: action=ignore\n"
	        "info: action=ignore\n"
	        "debug: action=ignore\n");
}

static void write_commands(struct buffer *text, const struct engine_config *config, uint64_t mark)
{
	if (config->limit_ticks)
		buffer_printf(text, "sba %lu\n", config->limit_ticks);
	buffer_printf(text, "? 0x%016lx\nc\n? 0x%016lx\nr\nbt %d\nq\n", mark, mark, TRACE_MAX);
}

/* A memory file with the text, which is freed; -1 without. */
static int store(struct buffer *text)
{
	int fd = memfd_create("portcullis-bochs", MFD_CLOEXEC);

	if (fd >= 0 && write_all(fd, text->data, text->size) < 0) {
		close(fd);
		fd = -1;
	}
	buffer_free(text);
	return fd;
}

static void release(struct guest *guest)
{
	struct bochs *bochs = guest->state;

	close(bochs->settings);
	close(bochs->commands);
	buffer_free(&bochs->diagnosis);
	free(bochs);
}

/* A random number that the debugger prints with all its digits. */
static uint64_t choose_mark(void)
{
	uint64_t mark = 0;

	while (getrandom(&mark, sizeof(mark), 0) != sizeof(mark) && errno == EINTR)
		;
	return mark | 1UL << 63;
}

static int start(const struct engine_config *config, struct guest *guest, char *reason, size_t size)
{
	struct bochs *bochs = calloc(1, sizeof(*bochs));
	char path[512], settings[32], commands[32];
	struct buffer text = {0};
	struct process process = {.environment = (const char *[]){"TERM=dumb", NULL}};
	const char *program = find_program(path, sizeof(path));
	uint64_t mark = choose_mark();

	if (!bochs || !program) {
		snprintf(reason, size, bochs ? "bochs-bin is no longer in PATH" : "out of memory");
		free(bochs);
		return -1;
	}
	snprintf(bochs->mark, sizeof(bochs->mark), "0x%016lx", mark);
	write_settings(&text, config);
	bochs->settings = store(&text);
	write_commands(&text, config, mark);
	bochs->commands = store(&text);
	snprintf(settings, sizeof(settings), "/proc/self/fd/%d", bochs->settings);
	snprintf(commands, sizeof(commands), "/proc/self/fd/%d", bochs->commands);
	process.argv = (const char *[]){program, "-q", "-f", settings, "-rc", commands, NULL};
	process.keep[process.keep_count++] = config->image;
	process.keep[process.keep_count++] = bochs->settings;
	process.keep[process.keep_count++] = bochs->commands;
	guest->state = bochs;
	guest->control = -1;
	if (bochs->settings < 0 || bochs->commands < 0)
		snprintf(reason, size, "no memory file for the settings: %s", strerror(errno));
	else if (process_start(&process, &guest->pid, &guest->output, &guest->errors, reason, size) == 0)
		return 0;
	release(guest);
	return -1;
}

/* ---- the console ----------------------------------------------------------------------------- */

enum match { MATCH_NONE, MATCH_PART, MATCH_WHOLE };

/* Do the kept bytes begin with one of the debugger's texts, or may they when more come? */
static enum match match_stop(const struct bochs *bochs)
{
	enum match best = MATCH_NONE;

	for (unsigned i = 0; i < STOP_TEXT_COUNT; i++) {
		size_t length = strlen(stop_texts[i]);

		if (bochs->kept_size >= length && !memcmp(bochs->kept, stop_texts[i], length))
			return MATCH_WHOLE;
		if (bochs->kept_size < length && !memcmp(bochs->kept, stop_texts[i], bochs->kept_size))
			best = MATCH_PART;
	}
	return best;
}

static bool ends_with_mark(const struct bochs *bochs)
{
	size_t length = strlen(bochs->mark);

	return bochs->kept_size >= length &&
	       !memcmp(bochs->kept + bochs->kept_size - length, bochs->mark, length);
}

/* Gives up the first `size` kept bytes: they were the guest's. */
static size_t give_up(struct bochs *bochs, size_t size, char *out)
{
	memcpy(out, bochs->kept, size);
	bochs->kept_size -= size;
	memmove(bochs->kept, bochs->kept + size, bochs->kept_size);
	return size;
}

static void add_diagnosis(struct bochs *bochs, const char *text, size_t size)
{
	if (bochs->diagnosis.size + size <= DIAGNOSIS_MAX)
		buffer_append(&bochs->diagnosis, text, size);
}

/*
 * Where the debugger's own text begins in the kept bytes, which end with the mark: at its last "Next at t=",
 * and at the line before that one where it says why.
 */
static size_t find_stop(const struct bochs *bochs)
{
	size_t next = 0, why = 0;

	for (size_t at = 0; at < bochs->kept_size; at++) {
		for (unsigned i = 0; i < STOP_TEXT_COUNT; i++) {
			size_t length = strlen(stop_texts[i]);

			if (at + length > bochs->kept_size || memcmp(bochs->kept + at, stop_texts[i], length))
				continue;
			if (i < STOP_TEXT_COUNT - 1)
				why = at;
			else
				next = at;
		}
	}
	if (why < next && memchr(bochs->kept + why, '\n', next - why) == bochs->kept + next - 1)
		return why;
	return next;
}

static size_t take_guest_byte(struct bochs *bochs, char *out)
{
	size_t given = 0;

	if (match_stop(bochs) == MATCH_WHOLE) {
		if (ends_with_mark(bochs)) {
			given = give_up(bochs, find_stop(bochs), out);
			add_diagnosis(bochs, bochs->kept, bochs->kept_size);
			bochs->kept_size = 0;
			bochs->phase = AFTER_GUEST;
		} else if (bochs->kept_size == CONSOLE_KEPT_MAX) {
			given = give_up(bochs, 1, out); /* the guest printed such a text itself */
		}
	}
	while (bochs->kept_size && match_stop(bochs) == MATCH_NONE)
		given += give_up(bochs, 1, out + given);
	return given;
}

static size_t take_byte(struct bochs *bochs, char byte, char *out)
{
	switch (bochs->phase) {
	case BEFORE_GUEST:
		if (bochs->kept_size == CONSOLE_KEPT_MAX)
			give_up(bochs, 1, out); /* overwritten: it is not the guest's */
		bochs->kept[bochs->kept_size++] = byte;
		if (ends_with_mark(bochs))
			bochs->phase = IN_MARK_LINE;
		return 0;
	case IN_MARK_LINE:
		bochs->kept_size = 0;
		if (byte == '\n')
			bochs->phase = IN_GUEST;
		return 0;
	case IN_GUEST:
		bochs->kept[bochs->kept_size++] = byte;
		return take_guest_byte(bochs, out);
	default:
		add_diagnosis(bochs, &byte, 1);
		return 0;
	}
}

static size_t filter_console(struct guest *guest, const char *text, size_t size, char *out)
{
	struct bochs *bochs = guest->state;
	size_t given = 0;

	for (size_t i = 0; i < size; i++)
		given += take_byte(bochs, text[i], out + given);
	if (!size && bochs->phase == IN_GUEST)
		given = give_up(bochs, bochs->kept_size, out);
	return given;
}

/* ---- the end --------------------------------------------------------------------------------- */

static void interrupt(struct guest *guest)
{
	kill(guest->pid, SIGINT); /* enters the debugger, whose next commands print the state and quit */
}

/* The 64-bit register that the debugger prints as "rip: 00000000_0010001d". */
static bool read_register(const char *text, const char *name, uint64_t *value)
{
	char label[8];
	const char *at;
	unsigned high, low;

	snprintf(label, sizeof(label), "%s: ", name);
	at = strstr(text, label);
	if (!at || sscanf(at + strlen(label), "%8x_%8x", &high, &low) != 2)
		return false;
	*value = (uint64_t)high << 32 | low;
	return true;
}

/* The call stack: lines "FRAME -> RETURN (symbol)", the first of which repeats the instruction pointer. */
static void read_stack(const char *text, struct diagnosis *diagnosis)
{
	bool first = true;

	for (const char *line = text; line && diagnosis->depth < TRACE_MAX; line = strchr(line, '\n')) {
		unsigned long frame, address;

		line += *line == '\n';
		if (sscanf(line, "%lx -> %lx (", &frame, &address) != 2)
			continue;
		if (!address)
			break;
		if (!first)
			diagnosis->trace[diagnosis->depth++] = address;
		first = false;
	}
}

static void copy_registers(const char *text, struct diagnosis *diagnosis)
{
	const char *start = strstr(text, "CPU0:\n"), *end = start ? strstr(start, "eflags") : NULL;

	if (!end)
		return;
	start += strlen("CPU0:\n");
	end += strcspn(end, "\n");
	snprintf(diagnosis->registers, sizeof(diagnosis->registers), "%.*s", (int)(end - start), start);
}

/*
 * What Bochs complained about: "00000000000p[MEM0  ] >>PANIC<< ROM: couldn't open ...", or else the last line
 * that is no progress report of its own.
 */
static void copy_complaint(const char *errors, struct diagnosis *diagnosis)
{
	static const char label[] = ">>PANIC<< ";
	const char *panic = strstr(errors, label), *last = "";

	for (const char *line = errors; *line; line += strcspn(line, "\n") + (strchr(line, '\n') != NULL))
		if (*line != '\n' && strncmp(line, "0000", 4) && strncmp(line, "Bochs connected", 15))
			last = line;
	if (panic)
		last = panic + strlen(label);
	snprintf(diagnosis->reason, sizeof(diagnosis->reason), "%.*s", (int)strcspn(last, "\n"), last);
}

static void diagnose(struct guest *guest, const char *errors, struct diagnosis *diagnosis)
{
	struct bochs *bochs = guest->state;
	const char *text = bochs->diagnosis.data ? bochs->diagnosis.data : "", *at;
	uint64_t rip;

	copy_complaint(errors, diagnosis);
	if (strstr(diagnosis->reason, "exception with no resolution"))
		diagnosis->ending = ENDING_TRIPLE_FAULT;
	else if (strstr(text, "Caught time breakpoint"))
		diagnosis->ending = ENDING_TICK_LIMIT;
	else if (*text)
		diagnosis->ending = ENDING_STOPPED;
	at = strstr(text, "Next at t=");
	if (at)
		diagnosis->ticks = strtoul(at + strlen("Next at t="), NULL, 10);
	if (read_register(text, "rip", &rip))
		diagnosis->trace[diagnosis->depth++] = rip;
	read_stack(text, diagnosis);
	copy_registers(text, diagnosis);
}

ENGINE(bochs) = {
        .name = "bochs",
        .summary = "Bochs, CPU model " CPU_MODEL ": every backend, works on any machine, counts instructions",
        .rank = 1,
        .memory_max = 2048,
        .tsc_hz = TICKS_A_SECOND,
        .tick_unit = "instructions",
        .tick_kind = "counted",
        .probe = probe,
        .start = start,
        .filter_console = filter_console,
        .interrupt = interrupt,
        .diagnose = diagnose,
        .release = release,
};
