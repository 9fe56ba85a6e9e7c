/*
 * What the launcher uses of libvirt's C API (libvirt.org, "Reference manual for libvirt"), found in
 * libvirt.so.0 when it is asked for: the launcher runs where there is none.
 */
#ifndef HOST_LIBVIRT_LIBRARY_H
#define HOST_LIBVIRT_LIBRARY_H

#include <stdbool.h>
#include <stddef.h>

typedef struct libvirt_connection libvirt_connection; /* virConnect */
typedef struct libvirt_domain libvirt_domain;         /* virDomain */
typedef struct libvirt_error libvirt_error;           /* virError */

typedef void libvirt_event_function(void); /* virConnectDomainEventGenericCallback */

/* Flags of virDomainCreateXML. */
#define LIBVIRT_START_PAUSED      1U
#define LIBVIRT_START_AUTODESTROY 2U /* the domain ends with the connection */

/* Events of a domain's life, and how it stopped. */
#define LIBVIRT_EVENT_LIFECYCLE   0
#define LIBVIRT_EVENT_STOPPED     5
#define LIBVIRT_STOPPED_DESTROYED 1

struct libvirt {
	int (*register_loop)(void); /* virEventRegisterDefaultImpl: before the connection */
	int (*run_loop)(void);      /* virEventRunDefaultImpl: once */
	void (*set_error_function)(void *context, void (*function)(void *context, libvirt_error *error));
	const char *(*last_error)(void);
	libvirt_connection *(*open)(const char *uri);
	char *(*capabilities)(libvirt_connection *connection); /* to be freed */
	int (*on_close)(libvirt_connection *connection,
	                void (*function)(libvirt_connection *connection, int reason, void *context),
	                void *context, void (*free_context)(void *context));
	int (*on_event)(libvirt_connection *connection, libvirt_domain *domain, int event,
	                libvirt_event_function *function, void *context, void (*free_context)(void *context));
	libvirt_domain *(*create)(libvirt_connection *connection, const char *xml, unsigned flags);
	libvirt_domain *(*find)(libvirt_connection *connection, const char *name);
	const char *(*name)(libvirt_domain *domain);
	int (*free)(libvirt_domain *domain);
};

/* Loads the library. False, with a sentence in `reason`: it is not here, or lacks something. */
bool libvirt_load(struct libvirt *libvirt, char *reason, size_t size);

#endif
