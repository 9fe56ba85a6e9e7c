/* Executes a plan: what guest/plan/run.c does in the guest. */
#include "guest/plan/plan.h"

#include "native/broker.h"
#include "guest/abi/boot.h"
#include "guest/abi/link.h"
#include "native/native.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define END_ALL_GOOD 0
#define END_SOME_BAD 1
#define END_NO_PLAN  2

#define RECORD_MAX   14000 /* bytes of one record */
#define POLL_MILLIS  10    /* how often limits are looked at */
#define CAPABILITIES 64    /* more than there are */

enum reason { EXITED, SIGNAL, TICKS, START };
static const char *const reason_names[] = {"exited", "signal", "ticks", "start"};

/* How a run ended: what its first process tells the runner. */
struct end {
	enum reason reason;
	int status; /* exit status, signal number or errno */
	uint64_t user_micros, system_micros, peak_bytes;
};

static struct tsc_rate rate;
static uint64_t boot_tsc, limit_ticks; /* 0: none */
static int records = -1;
static uint64_t secret;        /* of this process and its runs: filter.c */
static unsigned weaken;        /* NATIVE_WEAKEN_* */
static char options_mode[128]; /* what is missing then, for records; "": nothing */
static char mode[256]; /* the same of the run that is going on, and what its backend cannot close here */

/* Programs run on one CPU, as in the guest, so that nothing moves them while they measure. */
static cpu_set_t place;
static bool placed; /* false: on any */

/* ---- in the run's process tree ----------------------------------------------------------------------------
 */

/* Nothing of root's power is left, even where the launcher runs as root, but to become another user. */
static void drop_rights(void)
{
	for (int i = 0; i < CAPABILITIES; i++)
		if (i != CAP_SETUID && i != CAP_SETGID)
			prctl(PR_CAPBSET_DROP, i, 0, 0, 0);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

static int enter_place(const struct plan_line *line, int console)
{
	int input = open(line->input, O_RDONLY);

	if (input < 0)
		return errno;
	if (dup2(input, 0) < 0 || dup2(console, 1) < 0 || dup2(console, 2) < 0 || chdir(line->cwd) < 0)
		return errno;
	if (input > 2)
		close(input);
	if (line->uid && (setgroups(0, NULL) < 0 || setresgid(line->uid, line->uid, line->uid) < 0 ||
	                  setresuid(line->uid, line->uid, line->uid) < 0))
		return errno;
	return 0;
}

/* The program; `failure` closes when it has started. */
static _Noreturn void become(const struct plan_line *line, const struct broker *broker, int console,
                             int failure)
{
	static const char *argv[WORDS_BEFORE + PLAN_WORDS_MAX + 1];
	struct native_options options = {.secret = secret, .scrub = line->scrub, .weaken = weaken};
	int error = native_backend_find(line->backend) ? 0 : EOPNOTSUPP;
	static char word[NATIVE_OPTIONS_SIZE];
	unsigned count = 0;

	if (!error && native_backend_missing(line->backend))
		error = EOPNOTSUPP;
	if (!error)
		error = enter_place(line, console);
	if (!error)
		error = (int)-program_check(line->argv[0]);
	if (!error) {
		if (placed)
			sched_setaffinity(0, sizeof(place), &place);
		drop_rights();
		argv[WORD_NAME] = "portcullis-native";
		argv[WORD_EXEC] = "exec";
		argv[WORD_BACKEND] = line->backend;
		argv[WORD_PATH] = line->argv[0];
		argv[WORD_BROKER] = broker->name;
		argv[WORD_SECRET] = broker->secret;
		native_call(SYS_rt_sigprocmask, SIG_BLOCK, 0, (long)&options.mask, sizeof(options.mask), 0,
		            0);
		options_write(&options, word);
		argv[WORD_OPTIONS] = word;
		argv[WORD_SEPARATOR] = "--";
		while (line->argv[count]) {
			argv[WORDS_BEFORE + count] = line->argv[count];
			count++;
		}
		execve(NATIVE_PATH, (char **)argv, (char **)line->envp);
		error = errno;
	}
	(void)!write(failure, &error, sizeof(error));
	_exit(127);
}

static uint64_t micros(const struct timeval *time)
{
	return (uint64_t)time->tv_sec * 1000000 + (uint64_t)time->tv_usec;
}

/* Process 1 of the run: starts the program, waits for it and takes all that is left with it when it ends. */
static _Noreturn void watch_program(const struct plan_line *line, const struct broker *broker, int console,
                                    int report)
{
	struct end end = {0};
	struct rusage usage;
	int failure[2], status = 0, error = 0;
	pid_t program, gone;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (pipe2(failure, O_CLOEXEC) < 0)
		_exit(1);
	program = fork();
	if (program == 0)
		become(line, broker, console, failure[1]);
	close(failure[1]);
	if (program < 0)
		error = errno;
	else if (read(failure[0], &error, sizeof(error)) != sizeof(error))
		error = 0;
	do
		gone = wait(&status);
	while (gone != program && (gone > 0 || errno == EINTR));
	getrusage(RUSAGE_CHILDREN, &usage);
	end.reason = error ? START : WIFSIGNALED(status) ? SIGNAL : EXITED;
	end.status = error ? error : WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
	end.user_micros = micros(&usage.ru_utime);
	end.system_micros = micros(&usage.ru_stime);
	end.peak_bytes = (uint64_t)usage.ru_maxrss * 1024;
	(void)!write(report, &end, sizeof(end));
	_exit(0);
}

/* ---- in the runner ----------------------------------------------------------------------------------------
 */

/* What is there to read from the console. False: its last writer is gone. */
static bool copy_console(int console)
{
	char text[4096];
	ssize_t size = read(console, text, sizeof(text));

	if (size > 0)
		stream_console(text, (size_t)size);
	return size > 0 || (size < 0 && (errno == EAGAIN || errno == EINTR));
}

static void set_mode(const struct plan_line *line)
{
	const char *weaker = native_backend_weaker(line->backend);

	snprintf(mode, sizeof(mode), "%s%s%s", options_mode, *options_mode && weaker ? "; " : "",
	         weaker ? weaker : "");
}

/* Records say in what weaker mode they were made. */
static void send_record(const char *record)
{
	if (*mode && *record == '{')
		stream_line(LINK_RECORD, "{\"mode\":\"%s\",%s", mode, record + 1);
	else
		stream_line(LINK_RECORD, "%s", record);
}

/* Whole lines become records. Pieces of a line that is longer than RECORD_MAX are not one. */
static void copy_records(void)
{
	static char text[RECORD_MAX + 1];
	static size_t used;
	ssize_t size;

	while ((size = read(records, text + used, RECORD_MAX - used)) > 0) {
		char *start = text, *end;

		used += (size_t)size;
		while ((end = memchr(start, '\n', used - (size_t)(start - text)))) {
			*end = '\0';
			send_record(start);
			start = end + 1;
		}
		used -= (size_t)(start - text);
		memmove(text, start, used);
		if (used == RECORD_MAX)
			used = 0;
	}
}

static void stop_at_limit(void)
{
	if (!limit_ticks || tsc_read() - boot_tsc < limit_ticks)
		return;
	stream_line(LINK_PANIC, LINK_PANIC_TICK_LIMIT " of %lu reached", limit_ticks);
	exit(0);
}

/* Passes on what the run says until it ends. */
static struct end follow(pid_t first, int console, int report, uint64_t ticks)
{
	struct pollfd sources[] = {{console, POLLIN, 0}, {records, POLLIN, 0}, {report, POLLIN, 0}};
	uint64_t start = tsc_read();
	struct end end = {.reason = SIGNAL, .status = SIGKILL};
	bool ended = false, stopped = false;

	while (!ended) {
		poll(sources, 3, POLL_MILLIS);
		if (sources[0].revents && !copy_console(console))
			sources[0].fd = -1;
		if (sources[1].revents)
			copy_records();
		if (sources[2].revents)
			ended = read(report, &end, sizeof(end)) >= 0;
		stop_at_limit();
		if (ticks && tsc_read() - start >= ticks && !ended) {
			kill(first, SIGKILL);
			ended = stopped = true;
		}
	}
	waitpid(first, NULL, 0); /* and with it all others */
	fcntl(console, F_SETFL, O_NONBLOCK);
	while (copy_console(console) && errno != EAGAIN)
		;
	copy_records();
	if (stopped)
		end.reason = TICKS;
	return end;
}

static uint64_t ticks_of(uint64_t microseconds)
{
	return (uint64_t)((double)microseconds * (double)rate.median / 1e6);
}

static void send_number(const struct plan_line *line, uint64_t repetition, const char *metric,
                        const char *unit, uint64_t value)
{
	char record[512];

	snprintf(record, sizeof(record),
	         "{\"schema\":1,\"workload\":\"%s\",\"repetition\":%lu,\"backend\":\"%s\",\"metric\":\"%s\","
	         "\"unit\":\"%s\",\"value\":%lu,\"n\":1,\"kind\":\"measured\"}",
	         line->id, repetition, line->backend, metric, unit, value);
	send_record(record);
}

static void send_done(const struct plan_line *line, uint64_t repetition, const struct end *end,
                      uint64_t ticks)
{
	char detail[128] = "";

	if (end->reason == EXITED || end->reason == START)
		snprintf(detail, sizeof(detail), "\"status\":%d,", end->status);
	if (end->reason == SIGNAL)
		snprintf(detail, sizeof(detail),
		         "\"signal\":%d,\"address\":\"0\",\"instruction\":\"0\",\"symbol\":\"\",",
		         end->status);
	send_number(line, repetition, "user_time", "ticks", ticks_of(end->user_micros));
	send_number(line, repetition, "system_time", "ticks", ticks_of(end->system_micros));
	send_number(line, repetition, "tsc_rate", "Hz", rate.median);
	stream_line(LINK_DONE,
	            "{\"id\":\"%s\",\"repetition\":%lu,\"reason\":\"%s\",%s\"user_ticks\":%lu,\"system_"
	            "ticks\":%lu,"
	            "\"ticks\":%lu,\"peak_memory\":%lu}",
	            line->id, repetition, reason_names[end->reason], detail, ticks_of(end->user_micros),
	            ticks_of(end->system_micros), ticks, end->peak_bytes);
}

static void say(const char *format, const char *a, const char *b)
{
	char text[512];

	snprintf(text, sizeof(text), format, a, b);
	stream_console(text, strlen(text));
}

/* Settings of the guest that nothing here obeys are named. */
static void say_what_is_missing(const struct plan_line *line)
{
	const char *missing = native_backend_missing(line->backend);

	if (!native_backend_find(line->backend))
		say("backend %s: there is none of that name on Linux%s\n", line->backend, "");
	else if (missing)
		say("backend %s: %s\n", line->backend, missing);
	if (line->memory)
		say("%s: memory= limits nothing on Linux%s\n", line->id, "");
	if (line->budget)
		say("%s: budget= limits nothing on Linux%s\n", line->id, "");
	if (line->defer == PLAN_DEFER_FLAG)
		say("%s: defer= changes nothing on Linux%s\n", line->id, "");
}

/* Executes one run. True when its program exited with status 0. */
static bool execute(const struct plan_line *line, uint64_t repetition, unsigned number, unsigned of)
{
	int console[2], report[2];
	struct broker broker;
	struct rusage usage = {0};
	uint64_t start;
	struct end end;
	pid_t first;
	int error;

	stream_line(LINK_START, "{\"id\":\"%s\",\"repetition\":%lu,\"line\":%u,\"of\":%u}", line->id,
	            repetition, number, of);
	stream_hold();
	say_what_is_missing(line);
	set_mode(line);
	if (pipe2(console, O_CLOEXEC) < 0 || pipe2(report, O_CLOEXEC) < 0) {
		fprintf(stderr, "portcullis-native: no pipe: %s\n", strerror(errno));
		exit(1);
	}
	error = broker_start(&broker, line->backend);
	if (error) {
		fprintf(stderr, "portcullis-native: no broker: %s\n", strerror(-error));
		exit(1);
	}
	start = tsc_read();
	first = (pid_t)syscall(SYS_clone, CLONE_NEWPID | SIGCHLD, 0, 0, 0, 0);
	if (first == 0)
		watch_program(line, &broker, console[1], report[1]);
	if (first < 0) {
		fprintf(stderr, "portcullis-native: no process tree of its own: %s\n", strerror(errno));
		exit(1);
	}
	close(console[1]);
	close(report[1]);
	end = follow(first, console[0], report[0], line->ticks);
	close(console[0]);
	close(report[0]);
	broker_stop(&broker, &usage);
	end.user_micros += micros(&usage.ru_utime);
	end.system_micros += micros(&usage.ru_stime);
	send_done(line, repetition, &end, tsc_read() - start);
	stream_hold();
	return end.reason == EXITED && end.status == 0;
}

static unsigned count_runs(const char *text, const char *end, struct plan_line *line)
{
	char error[256];
	unsigned number = 0, count = 0;

	while (plan_next(&text, end, &number, line, error, sizeof(error)) == PLAN_LINE)
		count += (unsigned)line->repeat;
	return count;
}

static int execute_all(const char *text, const char *end)
{
	static struct plan_line line;
	unsigned number = 0, done = 0, of = count_runs(text, end, &line);
	int status = END_ALL_GOOD;
	enum plan_result result;
	char error[256];

	while ((result = plan_next(&text, end, &number, &line, error, sizeof(error))) == PLAN_LINE)
		for (uint64_t repetition = 0; repetition < line.repeat; repetition++)
			if (!execute(&line, repetition, ++done, of))
				status = END_SOME_BAD;
	return result == PLAN_END ? status : END_NO_PLAN;
}

/* ---- the start --------------------------------------------------------------------------------------------
 */

/* The text of /proc/cpuinfo's first "model name"; characters that JSON would need to escape are left out. */
static void read_cpu(char *model, size_t size)
{
	FILE *file = fopen("/proc/cpuinfo", "re");
	char line[256], *colon;
	size_t used = 0;

	while (file && fgets(line, sizeof(line), file)) {
		if (strncmp(line, "model name", 10) || !(colon = strchr(line, ':')))
			continue;
		for (colon += 2; *colon >= ' ' && used + 1 < size; colon++)
			if (*colon != '"' && *colon != '\\')
				model[used++] = *colon;
		break;
	}
	model[used] = '\0';
	if (file)
		fclose(file);
}

/*
 * Chooses `place`: the CPU that option cpu=N names, any for cpu=any, else the last that the runner may use;
 * the first serves most interrupts. NULL, or a sentence on why programs are on any CPU.
 */
static const char *choose_place(const char *option)
{
	static char reason[128];
	cpu_set_t allowed;
	long number = 0;

	if (option && !strncmp(option, "any", 3))
		return NULL;
	if (sched_getaffinity(0, sizeof(allowed), &allowed) == 0) {
		for (long i = 0; i < CPU_SETSIZE; i++)
			if (CPU_ISSET(i, &allowed))
				number = i;
		if (option)
			number = strtol(option, NULL, 10);
		CPU_ZERO(&place);
		if (number >= 0 && number < CPU_SETSIZE)
			CPU_SET(number, &place);
		placed = sched_setaffinity(0, sizeof(place), &place) == 0;
	}
	if (placed && sched_setaffinity(0, sizeof(allowed), &allowed) == 0)
		return NULL;
	snprintf(reason, sizeof(reason), "programs cannot be kept on CPU %ld: %s", number, strerror(errno));
	return reason;
}

static void send_boot(const char *remark)
{
	char cpu[128];

	read_cpu(cpu, sizeof(cpu));
	stream_line(LINK_BOOT,
	            "{\"cpu\":\"%s\",\"tsc_hz\":%lu,\"tsc_hz_least\":%lu,\"tsc_hz_most\":%lu,\"pku\":%d,"
	            "\"remarks\":\"%s\"}",
	            cpu, rate.median, rate.least, rate.most, __builtin_cpu_supports("pku") ? 1 : 0,
	            remark ? remark : "");
}

/* Neither half may look like a descriptor's (filter.c). */
static void make_secret(void)
{
	while (!(uint32_t)(secret >> 32) || (uint32_t)(secret >> 32) == 0xffffffff || !(uint32_t)secret)
		if (getrandom(&secret, sizeof(secret), 0) != sizeof(secret)) {
			fprintf(stderr, "portcullis-native: no random numbers: %s\n", strerror(errno));
			exit(1);
		}
}

static void read_options(const char *command)
{
	const char *limit = strstr(command, "limit="), *names = strstr(command, "weaken="), *unknown;
	int found;

	limit_ticks = limit ? strtoull(limit + strlen("limit="), NULL, 10) : 0;
	if (!names)
		return;
	found = options_weaken(names + strlen("weaken="), &unknown);
	if (found < 0) {
		fprintf(stderr, "portcullis-native: weaken=%.*s: there is no such defence on Linux\n",
		        (int)strcspn(unknown, ", "), unknown);
		exit(1);
	}
	weaken = (unsigned)found;
	if (weaken)
		snprintf(options_mode, sizeof(options_mode), "without %.*s",
		         (int)strcspn(names, " ") - (int)strlen("weaken="), names + strlen("weaken="));
}

/* A part of the image, NULL: it lies outside. */
static const char *module_at(const char *image, size_t size, const struct boot_module *module)
{
	uint64_t offset = module->address - IMAGE_ADDRESS;

	if (!module->address || offset > size || module->size > size - offset)
		return NULL;
	return image + offset;
}

int plan_main(int file)
{
	const struct boot_header *header;
	const char *image, *archive, *plan, *cpu;
	struct stat status;
	int result;

	if (fstat(file, &status) < 0 || (size_t)status.st_size < BOOT_HEADER_OFFSET + sizeof(*header)) {
		fprintf(stderr, "portcullis-native: there is no image\n");
		return 1;
	}
	image = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, file, 0);
	if (image == MAP_FAILED) {
		fprintf(stderr, "portcullis-native: the image cannot be mapped: %s\n", strerror(errno));
		return 1;
	}
	header = (const struct boot_header *)(image + BOOT_HEADER_OFFSET);
	archive = module_at(image, (size_t)status.st_size, &header->archive);
	plan = module_at(image, (size_t)status.st_size, &header->plan);
	read_options(header->command);
	make_secret();
	cpu = strstr(header->command, "cpu=");
	rate = tsc_calibrate();
	boot_tsc = tsc_read();
	send_boot(choose_place(cpu ? cpu + strlen("cpu=") : NULL));
	if (root_make(archive, archive ? header->archive.size : 0) < 0)
		return 1;
	records = open(ROOT_RECORDS, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (records < 0) {
		fprintf(stderr, "portcullis-native: %s: %s\n", ROOT_RECORDS, strerror(errno));
		return 1;
	}
	result = plan ? execute_all(plan, plan + header->plan.size) : END_ALL_GOOD;
	stream_line(LINK_END, "%d", result);
	return 0;
}
