/*
 * Engine `libvirt`: a guest as a transient domain of libvirt, in QEMU.
 *
 * The launcher's end (engine.c) makes a folder with ROM, RAM image and two sockets that it listens on, and
 * starts itself again as `portcullis domain` (keeper.c). That process connects to libvirt, creates the domain
 * from generated XML (xml.c) and waits for its end. libvirt destroys the domain when the keeper's connection
 * ends, whatever the way. QEMU connects to the sockets, its debug console and a monitor (host/qmp.h), before
 * it does anything else, and the folder is removed when the domain is there.
 */
#ifndef HOST_LIBVIRT_DOMAIN_H
#define HOST_LIBVIRT_DOMAIN_H

#include "host/buffer.h"

#include <stdbool.h>

/* Names in the folder. */
#define DOMAIN_ROM     "rom"
#define DOMAIN_IMAGE   "image"
#define DOMAIN_CONSOLE "console"
#define DOMAIN_MONITOR "monitor"

#define DOMAIN_STARTED "started\n" /* what the keeper says when the domain is there, paused */

struct domain {
	const char *name;
	const char *folder;    /* absolute path */
	unsigned memory;       /* MiB */
	bool kvm;              /* else QEMU translates */
	const char *cpu_model; /* of libvirt's list, which gets pku, pcid and vmx; NULL: all that there is */
	const char *secmodel;  /* of a security module that confines QEMU, or NULL */
};

/* Appends the domain's XML (libvirt.org, "Domain XML format"). */
void domain_write(const struct domain *domain, struct buffer *xml);

#endif
