#include "host/hostinfo.h"

#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

void host_cpu_model(char *model, size_t size)
{
	FILE *file = fopen("/proc/cpuinfo", "re");
	char line[256];

	snprintf(model, size, "unknown CPU");
	while (file && fgets(line, sizeof(line), file)) {
		const char *colon = strchr(line, ':');

		if (strncmp(line, "model name", 10) || !colon)
			continue;
		snprintf(model, size, "%.*s", (int)strcspn(colon + 2, "\n"), colon + 2);
		break;
	}
	if (file)
		fclose(file);
}

void host_describe(char *text, size_t size)
{
	struct utsname name;
	char model[128];

	host_cpu_model(model, sizeof(model));
	if (uname(&name) < 0)
		snprintf(text, size, "%s", model);
	else
		snprintf(text, size, "%s %s %s, %s", name.sysname, name.release, name.machine, model);
}
