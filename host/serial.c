#include "host/serial.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#define TCP "tcp:"

static const struct {
	unsigned bits;
	speed_t code;
} speeds[] = {
        {9600, B9600}, {19200, B19200}, {38400, B38400}, {57600, B57600}, {115200, B115200},
};

static bool find_speed(unsigned bits, speed_t *code)
{
	for (unsigned i = 0; i < sizeof(speeds) / sizeof(speeds[0]); i++) {
		*code = speeds[i].code;
		if (speeds[i].bits == bits)
			return true;
	}
	return false;
}

bool serial_has_speed(unsigned speed)
{
	speed_t code;

	return find_speed(speed, &code);
}

/* ---- a terminal ------------------------------------------------------------------------------ */

/* Bytes as they come: an echo would go to the guest, a translated newline would break its sums. */
static bool set_line(int fd, unsigned speed)
{
	struct termios line;
	speed_t code;

	if (!find_speed(speed, &code)) {
		errno = EINVAL;
		return false;
	}
	if (tcgetattr(fd, &line) < 0)
		return false;
	cfmakeraw(&line);
	line.c_cflag &= ~(tcflag_t)(CSTOPB | CRTSCTS);
	line.c_cflag |= CLOCAL | CREAD; /* no modem whose carrier matters */
	line.c_cc[VMIN] = 1;
	line.c_cc[VTIME] = 0;
	cfsetspeed(&line, code);
	return tcsetattr(fd, TCSANOW, &line) == 0;
}

static bool can_listen(int fd)
{
	struct stat status;

	if (fstat(fd, &status) < 0)
		return false;
	errno = S_ISDIR(status.st_mode) ? EISDIR : EINVAL;
	return S_ISCHR(status.st_mode) || S_ISREG(status.st_mode);
}

static int open_path(const char *path, unsigned speed, char *reason, size_t size)
{
	/* O_NONBLOCK: a port without a carrier would hold open() for ever. */
	int fd = open(path, O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);

	if (fd >= 0 && can_listen(fd) && (!isatty(fd) || set_line(fd, speed)))
		return fd;
	snprintf(reason, size, "%s cannot be %s: %s", path, fd < 0 ? "opened" : "set up", strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

/* ---- TCP ------------------------------------------------------------------------------------- */

/* "HOST:PORT" or "[HOST]:PORT", for the HOSTs of IPv6. */
static bool split(const char *address, char *host, size_t size, const char **port)
{
	const char *colon = strrchr(address, ':');
	size_t length = colon ? (size_t)(colon - address) : 0;

	if (length > 2 && address[0] == '[' && address[length - 1] == ']') {
		address++;
		length -= 2;
	}
	if (!length || !colon[1] || length >= size)
		return false;
	memcpy(host, address, length);
	host[length] = '\0';
	*port = colon + 1;
	return true;
}

static int connect_any(const struct addrinfo *list)
{
	int error = EADDRNOTAVAIL;

	for (const struct addrinfo *at = list; at; at = at->ai_next) {
		int fd = socket(at->ai_family, at->ai_socktype | SOCK_CLOEXEC, at->ai_protocol);

		if (fd >= 0 && connect(fd, at->ai_addr, at->ai_addrlen) == 0)
			return fd;
		error = errno;
		if (fd >= 0)
			close(fd);
	}
	errno = error;
	return -1;
}

static int open_tcp(const char *name, char *reason, size_t size)
{
	static const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	struct addrinfo *list;
	const char *port;
	char host[256];
	int error, fd;

	if (!split(name + strlen(TCP), host, sizeof(host), &port)) {
		snprintf(reason, size, "%s: expected " TCP "HOST:PORT", name);
		return -1;
	}
	error = getaddrinfo(host, port, &hints, &list);
	if (error) {
		snprintf(reason, size, "%s: %s", name, gai_strerror(error));
		return -1;
	}
	fd = connect_any(list);
	if (fd < 0)
		snprintf(reason, size, "%s: no connection: %s", name, strerror(errno));
	freeaddrinfo(list);
	return fd;
}

int serial_open(const char *name, unsigned speed, char *reason, size_t size)
{
	if (!strncmp(name, TCP, strlen(TCP)))
		return open_tcp(name, reason, size);
	return open_path(name, speed, reason, size);
}
