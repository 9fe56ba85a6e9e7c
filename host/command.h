/* The subcommands of `portcullis`. Each registers itself; main.c finds it by name. */
#ifndef HOST_COMMAND_H
#define HOST_COMMAND_H

struct command {
	const char *name;
	const char *summary; /* for `portcullis --help` */
	/* argv[0] is the subcommand. Returns an exit status (host/status.h). */
	int (*run)(int argc, char **argv);
};

/* Registers a subcommand: COMMAND(run) = {.name = ...}; */
#define COMMAND(variable)                                                                                    \
	static const struct command variable##_command;                                                      \
	static const struct command *const variable##_entry __attribute__((used, section("commands"))) =     \
	        &variable##_command;                                                                         \
	static const struct command variable##_command

#endif
