/* `portcullis symbols`: the guest kernel's symbols, for perf on the host. */
#include "host/command.h"
#include "host/install.h"
#include "host/options.h"
#include "host/records.h"
#include "host/report.h"
#include "host/status.h"
#include "host/symbols.h"

#include <stdio.h>

static const char *kernel;
static struct output_file output = {.path = "-", .fd = -1};
static bool want_help;

static const struct option_row options[] = {
        {"output", 'o', OPTION_TEXT, "FILE", "where the map goes (`-`: standard output, default)",
         &output.path, 0, 0},
        {"kernel", 0, OPTION_TEXT, "FILE",
         "the kernel with its symbols (default: guest/kernel.elf beside the\nlauncher)", &kernel, 0, 0},
        {"help", 'h', OPTION_FLAG, NULL, "print this text", &want_help, 0, 0},
        {0},
};

static int run(int argc, char **argv)
{
	struct buffer map = {0};
	struct symbols *symbols;
	char reason[REASON_MAX];
	enum status status = STATUS_OK;

	options_parse(options, "symbols", argc, argv);
	if (want_help) {
		printf("Usage: portcullis symbols [OPTION ...]\n\n"
		       "Writes the guest kernel's symbols in the format of /proc/kallsyms, so that\n"
		       "`perf kvm --guest --guestkallsyms=FILE` names its functions (host/README.md).\n\n");
		options_help(options);
		return STATUS_OK;
	}
	if (!kernel)
		kernel = install_path("guest/kernel.elf");
	symbols = symbols_load(kernel);
	if (!symbols_write_map(symbols, &map)) {
		report_error("%s is no kernel with symbols", kernel);
		status = STATUS_USAGE;
	} else if (output_open(&output, reason, sizeof(reason)) < 0 ||
	           output_write(&output, map.data, map.size, reason, sizeof(reason)) < 0 ||
	           output_close(&output, reason, sizeof(reason)) < 0) {
		report_error("%s", reason);
		status = STATUS_DATA_LOST;
	}
	symbols_free(symbols);
	buffer_free(&map);
	return status;
}

COMMAND(symbols) = {
        .name = "symbols", .summary = "the guest kernel's symbols, for perf on the host", .run = run};
