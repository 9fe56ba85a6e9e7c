#include "host/install.h"

#include "host/buffer.h"

#include <limits.h>
#include <string.h>
#include <unistd.h>

const char *install_path(const char *name)
{
	struct buffer path = {0};
	char executable[PATH_MAX];
	ssize_t size = readlink("/proc/self/exe", executable, sizeof(executable) - 1);
	const char *slash;

	executable[size > 0 ? size : 0] = '\0';
	slash = strrchr(executable, '/');
	buffer_printf(&path, "%.*s%s", slash ? (int)(slash - executable + 1) : 0, executable, name);
	return path.data;
}

const char *install_sibling(const char *path, const char *ending)
{
	struct buffer sibling = {0};
	const char *name = strrchr(path, '/'), *dot = strrchr(name ? name : path, '.');

	buffer_printf(&sibling, "%.*s%s", dot ? (int)(dot - path) : (int)strlen(path), path, ending);
	return sibling.data;
}
