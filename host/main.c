#include "host/command.h"
#include "host/commit.h"
#include "host/report.h"
#include "host/status.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

const char status_help[] =
        "Exit status:\n"
        "  0        every run exited with status 0\n"
        "  1        some run did not\n"
        "  2        wrong option, or bad kernel, archive, folder or plan; nothing was started\n"
        "  3        the engine, or the serial line, is not available here\n"
        "  4        the guest kernel panicked\n"
        "  5        the guest died: triple fault, or the emulator ended early\n"
        "  6        --limit-ticks was reached\n"
        "  7        --timeout was reached\n"
        "  8        lines of the guest were lost or damaged, or a file could not be written\n"
        "  129-143  interrupted: 128 and the signal's number\n";

/* The linker collects the entries of all subcommands here. */
extern const struct command *const __start_commands[], *const __stop_commands[];

static void print_help(void)
{
	printf("Usage: portcullis COMMAND [OPTION ...]\n\n"
	       "Runs static Linux programs in a small guest kernel that compares ways to protect "
	       "libraries.\n\n");
	for (const struct command *const *entry = __start_commands; entry < __stop_commands; entry++)
		printf("  %-10s %s\n", (*entry)->name, (*entry)->summary);
	printf("\n`portcullis COMMAND --help` explains one of them; `portcullis --version` names the "
	       "commit.\n\n%s",
	       status_help);
}

int main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN); /* a closed output is an error of write() */
	if (argc < 2) {
		report_error("a command is needed; see `portcullis --help`");
		return STATUS_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
		print_help();
		return STATUS_OK;
	}
	if (!strcmp(argv[1], "--version")) {
		printf("portcullis %s\n", PORTCULLIS_COMMIT);
		return STATUS_OK;
	}
	for (const struct command *const *entry = __start_commands; entry < __stop_commands; entry++)
		if (!strcmp(argv[1], (*entry)->name))
			return (*entry)->run(argc - 1, argv + 1);
	report_error("unknown command \"%s\"; see `portcullis --help`", argv[1]);
	return STATUS_USAGE;
}
