/*
 * An engine is what executes the guest. It is one file that fills a `struct engine` and registers it with
 * ENGINE(); nothing else in the launcher knows its name.
 *
 * Life of a guest: start() makes a child process. The watcher (host/watch.c) reads the child's `output` (the
 * guest's byte stream, with whatever the engine mixes in) and `errors` until both end. When the guest must be
 * stopped, it calls interrupt(), reads on for a few seconds, and kills the child's process group whatever it
 * did. diagnose() comes last.
 */
#ifndef HOST_ENGINE_H
#define HOST_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define TRACE_MAX  64  /* frames of a backtrace */
#define REASON_MAX 512 /* bytes of a sentence */

/* Who counts what the child does (host/perf.h). */
struct engine_counting {
	/* Called once, with the child's number, before it executes anything of its own. */
	void (*open)(void *context, pid_t pid);
	void *context;
};

struct engine_config {
	int image;             /* file descriptor of the RAM image, open for reading */
	const char *rom;       /* path of the reset ROM */
	unsigned memory;       /* MiB of RAM */
	uint64_t limit_ticks;  /* 0: none; an engine that cannot count leaves it to the kernel */
	int cpu;               /* of the host, on which the guest runs; -1: any */
	bool huge_pages;       /* the guest's memory comes from the host's pool of huge pages */
	const char *uri;       /* of libvirt; NULL: the usual one */
	const char *cpu_model; /* of a domain; NULL: all that the host has */
	const char *platform;  /* what runs programs where there is no guest; NULL: the usual one */
	/* NULL, or the guest waits after each LINK_START and LINK_DONE for resume(): only if the engine
	 * `counts` */
	const struct engine_counting *counting;
	/* by probe() */
	bool kvm; /* an engine that can do without KVM uses it: the host's CPU runs the guest */
	char remark[REASON_MAX]; /* how the guest will be executed, and why; empty where there is no choice */
};

/* A started guest. */
struct guest {
	const struct engine *engine;
	pid_t pid;   /* leads a process group of its own */
	int output;  /* its standard output; -1 after the end */
	int errors;  /* its standard error; -1 after the end */
	int control; /* what the engine wants to be called for, or -1 */
	void *state; /* of the engine */
};

/* What an engine knows about the end of a guest. */
enum ending {
	ENDING_UNKNOWN,    /* nothing: the child just ended */
	ENDING_STOPPED,    /* stopped by interrupt() */
	ENDING_TICK_LIMIT, /* stopped at limit_ticks */
	ENDING_TRIPLE_FAULT,
};

struct diagnosis {
	enum ending ending;
	uint64_t ticks;            /* since reset, 0: unknown */
	unsigned depth;            /* of the trace, 0: unknown */
	uint64_t trace[TRACE_MAX]; /* addresses of the instruction pointer and its callers, innermost first */
	char registers[1024];      /* text for people, may be empty */
	char reason[REASON_MAX];   /* what the engine itself complained about, may be empty */
	char statistics[256];      /* a line for people about the run, however it ended; may be empty */
};

/* What events of the child process tell about the guest. */
enum engine_counts {
	ENGINE_COUNTS_NOTHING,   /* it is an emulator: they are the emulator's own */
	ENGINE_COUNTS_GUEST,     /* its main thread runs the guest; guest and host can be told apart */
	ENGINE_COUNTS_PROCESSES, /* it and all that come from it are the guest */
};

struct engine {
	const char *name;
	const char *summary; /* for --help */
	int rank;            /* `auto` takes the available engine with the lowest, below ENGINE_RANK_NAMED */
	unsigned memory_max; /* MiB of RAM that it can give a guest */
	bool places;         /* it knows `cpu` and `huge_pages` of the configuration */
	bool domains;        /* it knows `uri` and `cpu_model` of the configuration */
	bool platforms;      /* it knows `platform` */
	enum engine_counts counts;
	uint64_t tsc_hz;           /* of the guest's TSC, 0: the guest must measure it */
	const char *tick_unit;     /* what one TSC count is: the unit of records whose unit is "ticks" */
	const char *tick_kind;     /* their kind: "counted", ... */
	const char *kvm_tick_kind; /* ... when `kvm` of the configuration is set */

	/* False, with a sentence in `reason`, when it is not installed or cannot work here. May run a few
	 * instructions to find out, but boots no kernel. */
	bool (*probe)(struct engine_config *config, char *reason, size_t size);
	/* 0, or -1 with a sentence in `reason`. */
	int (*start)(const struct engine_config *config, struct guest *guest, char *reason, size_t size);
	/*
	 * Copies what belongs to the guest's console from `text` to `out` and returns its length; the engine
	 * keeps what is, or may be, its own. `out` has room for size + CONSOLE_KEPT_MAX bytes. `size` 0: what
	 * is kept is the guest's after all, for more of its lines came, or the stream has ended. NULL: all is
	 * the guest's.
	 */
	size_t (*filter_console)(struct guest *guest, const char *text, size_t size, char *out);
	/* Returns when the guest, whose LINK_START or LINK_DONE has come, waits. NULL: it does so by then. */
	void (*settle)(struct guest *guest);
	/* The guest, which waits at the start or the end of a run, goes on. NULL if it never waits. */
	void (*resume)(struct guest *guest);
	/* Asks for a diagnosis; the guest need not run on. */
	void (*interrupt)(struct guest *guest);
	/* `control` is readable. NULL when `control` is never used. True: the guest is dead, interrupt() it.
	 */
	bool (*control)(struct guest *guest);
	/* The child is gone; `errors` is what it wrote last on its standard error. */
	void (*diagnose)(struct guest *guest, const char *errors, struct diagnosis *diagnosis);
	/* Frees `state` and closes `control`. */
	void (*release)(struct guest *guest);
};

#define CONSOLE_KEPT_MAX 1024

/* From this rank on an engine is used when it is asked for by name alone. */
#define ENGINE_RANK_NAMED 100

/* Registers an engine: ENGINE(bochs) = {.name = ...}; */
#define ENGINE(variable)                                                                                     \
	static const struct engine variable##_engine;                                                        \
	static const struct engine *const variable##_entry __attribute__((used, section("engines"))) =       \
	        &variable##_engine;                                                                          \
	static const struct engine variable##_engine

/* All engines, in the order of their rank; NULL after the last. */
const struct engine *engine_at(unsigned index);
const struct engine *engine_find(const char *name);
/* "bochs, qemu", for messages. */
void engine_names(char *text, size_t size);

#endif
