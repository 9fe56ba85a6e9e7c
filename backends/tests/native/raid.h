/* The two halves of raid: code that raises rights, and ways around the gate. */
#ifndef TESTS_RAID_H
#define TESTS_RAID_H

#include <stdbool.h>

extern long *raid_address; /* of the library's secret */
extern long raid_secret;
extern const char *raid_backend;

/* A case: true if it has got at the secret. Faults and refusals end it as well. */
struct raid_case {
	const char *name;
	bool (*attack)(void);
};

extern const struct raid_case raid_text[], raid_ways[]; /* each ends with a NULL name */

#endif
