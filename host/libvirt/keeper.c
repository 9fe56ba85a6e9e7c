/* `portcullis domain`: keeps one domain of libvirt as long as it runs. The engine starts it; see domain.h. */
#include "host/command.h"
#include "host/image.h"
#include "host/libvirt/domain.h"
#include "host/libvirt/library.h"
#include "host/options.h"
#include "host/report.h"
#include "host/status.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NAMES 1000 /* domains of a daemon at a time: names are used again, so that libvirt's logs are few */

static struct {
	const char *uri, *folder, *cpu_model;
	uint64_t memory;
	bool kvm, help;
} request;

static const struct option_row options[] = {
        {"uri", 0, OPTION_TEXT, "URI", "of libvirt", &request.uri, 0, 0},
        {"folder", 0, OPTION_TEXT, "DIR", "ROM, RAM image and sockets", &request.folder, 0, 0},
        {"memory", 0, OPTION_NUMBER, "MIB", "RAM of the guest", &request.memory, MEMORY_MIN, MEMORY_MAX},
        {"kvm", 0, OPTION_FLAG, NULL, "on the host's CPU; else QEMU translates", &request.kvm, 0, 0},
        {"cpu-model", 0, OPTION_TEXT, "NAME", "with pku, pcid and vmx (default: all that there is)",
         &request.cpu_model, 0, 0},
        {"help", 'h', OPTION_FLAG, NULL, "print this text", &request.help, 0, 0},
        {0},
};

static struct libvirt libvirt;
static char name[32];     /* of the domain */
static const char *ended; /* why it is over: a sentence */

static void ignore_error(void *context, libvirt_error *error)
{
	(void)context, (void)error;
}

static void note_close(libvirt_connection *connection, int reason, void *context)
{
	(void)connection, (void)reason, (void)context;
	ended = "the connection to libvirt broke: its daemon has ended, or is out of reach";
}

/* virConnectDomainEventCallback */
static int note_event(libvirt_connection *connection, libvirt_domain *domain, int event, int detail,
                      void *context)
{
	(void)connection, (void)context;
	if (event == LIBVIRT_EVENT_STOPPED && !strcmp(libvirt.name(domain), name))
		ended = detail == LIBVIRT_STOPPED_DESTROYED ? "the domain was destroyed, by somebody else"
		                                            : "QEMU ended, or was killed";
	return 0;
}

static int fail(const char *what)
{
	report_error("%s: %s", what, libvirt.last_error());
	return STATUS_NO_ENGINE;
}

/* A security module that would keep QEMU from the files of the folder. */
static const char *find_secmodel(libvirt_connection *connection)
{
	char *capabilities = libvirt.capabilities(connection);
	const char *found = NULL;

	if (capabilities && strstr(capabilities, "<model>apparmor</model>"))
		found = "apparmor";
	else if (capabilities && strstr(capabilities, "<model>selinux</model>"))
		found = "selinux";
	free(capabilities);
	return found;
}

static bool is_taken(libvirt_connection *connection)
{
	libvirt_domain *other = libvirt.find(connection, name);

	if (other)
		libvirt.free(other);
	return other != NULL;
}

/* Under the first name that is free; another keeper may be faster. NULL: see libvirt.last_error(). */
static libvirt_domain *create(libvirt_connection *connection)
{
	struct domain domain = {.name = name,
	                        .folder = request.folder,
	                        .memory = (unsigned)request.memory,
	                        .kvm = request.kvm,
	                        .cpu_model = request.cpu_model,
	                        .secmodel = find_secmodel(connection)};
	libvirt_domain *created = NULL;

	for (unsigned i = 1; !created && i <= NAMES; i++) {
		struct buffer xml = {0};

		snprintf(name, sizeof(name), "portcullis-%u", i);
		if (is_taken(connection))
			continue;
		domain_write(&domain, &xml);
		created = libvirt.create(connection, xml.data,
		                         LIBVIRT_START_PAUSED | LIBVIRT_START_AUTODESTROY);
		buffer_free(&xml);
		if (!created && !strstr(libvirt.last_error(), "already"))
			break;
	}
	return created;
}

static int keep(void)
{
	libvirt_connection *connection;

	libvirt.set_error_function(NULL, ignore_error);
	if (libvirt.register_loop() < 0)
		return fail("libvirt has no event loop");
	connection = libvirt.open(request.uri);
	if (!connection) {
		report_error("libvirt cannot be reached at %s: %s", request.uri, libvirt.last_error());
		return STATUS_NO_ENGINE;
	}
	if (libvirt.on_close(connection, note_close, NULL, NULL) < 0 ||
	    libvirt.on_event(connection, NULL, LIBVIRT_EVENT_LIFECYCLE, (libvirt_event_function *)note_event,
	                     NULL, NULL) < 0)
		return fail("libvirt tells no events");
	if (!create(connection))
		return fail("libvirt starts no domain");
	if (write_all(STDOUT_FILENO, DOMAIN_STARTED, strlen(DOMAIN_STARTED)) < 0)
		return STATUS_DIED;
	while (!ended)
		if (libvirt.run_loop() < 0)
			return fail("libvirt's event loop");
	report_error("%s", ended);
	return STATUS_DIED;
}

static int run(int argc, char **argv)
{
	char reason[512];

	options_parse(options, "domain", argc, argv);
	if (request.help) {
		printf("Usage: portcullis domain --uri URI --folder DIR --memory MIB [OPTION ...]\n\n"
		       "Keeps one domain of libvirt; `portcullis run --engine libvirt` starts it.\n\n");
		options_help(options);
		return STATUS_OK;
	}
	if (!request.uri || !request.folder || !request.memory) {
		report_error("--uri, --folder and --memory are needed");
		return STATUS_USAGE;
	}
	if (!libvirt_load(&libvirt, reason, sizeof(reason))) {
		report_error("%s", reason);
		return STATUS_NO_ENGINE;
	}
	return keep();
}

COMMAND(domain) = {.name = "domain",
                   .summary = "one guest as a domain of libvirt (what engine libvirt starts)",
                   .run = run};
