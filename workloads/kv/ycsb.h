/*
 * The core workloads of YCSB (Cooper et al., "Benchmarking cloud serving systems with YCSB", SoCC 2010): what
 * each operation is and which record it is about.
 */
#ifndef KV_YCSB_H
#define KV_YCSB_H

#include <stddef.h>
#include <stdint.h>

#include "common/zipfian.h"
#include "kv/store.h"

enum operation {
	OPERATION_READ,
	OPERATION_UPDATE,
	OPERATION_INSERT,
	OPERATION_SCAN,
	OPERATION_MODIFY,
	OPERATIONS
};
enum distribution { DISTRIBUTION_ZIPFIAN, DISTRIBUTION_LATEST, DISTRIBUTION_UNIFORM };

struct ycsb_mix {
	char letter;
	unsigned percent[OPERATIONS];
	enum distribution distribution;
};

#define YCSB_WORKLOADS 6
extern const struct ycsb_mix ycsb_mixes[YCSB_WORKLOADS]; /* A to F */
extern const char *const ycsb_operations[OPERATIONS];    /* their names */

/* A run of one workload over the records 0 to count - 1. */
struct ycsb {
	const struct ycsb_mix *mix;
	enum distribution distribution;
	uint64_t count;
	struct zipfian zipfian;
	struct random random;
};

/* `count` is at least 3. */
void ycsb_start(struct ycsb *ycsb, const struct ycsb_mix *mix, enum distribution distribution, uint64_t count,
                uint64_t seed);

enum operation ycsb_operation(struct ycsb *ycsb);
uint64_t ycsb_record(struct ycsb *ycsb); /* one that is there */
uint64_t ycsb_insert(struct ycsb *ycsb); /* the next one, which is there from then on */

/* The key of a record: "user" and the digits of a scrambled number, so that neighbours by number are not
 * neighbours by key.
 */
void ycsb_key(char key[static KEY_SIZE], uint64_t record);

/* The first word of a field in its `version`; the others follow from it. */
static inline uint64_t ycsb_word(uint64_t record, unsigned field, uint32_t version)
{
	return random_mix(record * 0x9e3779b97f4a7c15 + field * 0xd1b54a32d192ed03 + version);
}

/* The contents of a field in its `version`, `size` bytes, at least 8. */
void ycsb_field(void *field, size_t size, uint64_t record, unsigned number, uint32_t version);

#endif
