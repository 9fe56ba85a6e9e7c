/*
 * Zipf-distributed ranks by the rejection-free method of Gray et al., "Quickly generating billion-record
 * synthetic databases" (SIGMOD 1994), which YCSB (SoCC 2010) uses too: rank r, from 0, has a probability
 * proportional to 1 / (r + 1)^theta.
 */
#ifndef COMMON_ZIPFIAN_H
#define COMMON_ZIPFIAN_H

#include <stdint.h>

#include "common/random.h"

#define ZIPFIAN_THETA 0.99 /* of the YCSB core workloads */

struct zipfian {
	uint64_t count;
	double theta, zeta, alpha, eta, second;
};

/* For ranks below `count`, which is at least 3; theta between 0 and 1. Takes time in proportion to count. */
void zipfian_init(struct zipfian *zipfian, uint64_t count, double theta);

/* Ranks below a larger `count` from now on. Takes time in proportion to the increase. */
void zipfian_grow(struct zipfian *zipfian, uint64_t count);

uint64_t zipfian_next(const struct zipfian *zipfian, struct random *random);

#endif
