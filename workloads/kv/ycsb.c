#include "kv/ycsb.h"

#include <string.h>

#define PERCENT 100

const char *const ycsb_operations[OPERATIONS] = {"read", "update", "insert", "scan", "modify"};

const struct ycsb_mix ycsb_mixes[YCSB_WORKLOADS] = {
        {'a', {[OPERATION_READ] = 50, [OPERATION_UPDATE] = 50}, DISTRIBUTION_ZIPFIAN},
        {'b', {[OPERATION_READ] = 95, [OPERATION_UPDATE] = 5}, DISTRIBUTION_ZIPFIAN},
        {'c', {[OPERATION_READ] = 100}, DISTRIBUTION_ZIPFIAN},
        {'d', {[OPERATION_READ] = 95, [OPERATION_INSERT] = 5}, DISTRIBUTION_LATEST},
        {'e', {[OPERATION_SCAN] = 95, [OPERATION_INSERT] = 5}, DISTRIBUTION_ZIPFIAN},
        {'f', {[OPERATION_READ] = 50, [OPERATION_MODIFY] = 50}, DISTRIBUTION_ZIPFIAN},
};

void ycsb_start(struct ycsb *ycsb, const struct ycsb_mix *mix, enum distribution distribution, uint64_t count,
                uint64_t seed)
{
	*ycsb = (struct ycsb){.mix = mix, .distribution = distribution, .count = count};
	random_seed(&ycsb->random, seed ^ (uint64_t)mix->letter << 56);
	if (distribution != DISTRIBUTION_UNIFORM)
		zipfian_init(&ycsb->zipfian, count, ZIPFIAN_THETA);
}

enum operation ycsb_operation(struct ycsb *ycsb)
{
	unsigned draw = (unsigned)random_below(&ycsb->random, PERCENT);
	enum operation operation = 0;

	while (draw >= ycsb->mix->percent[operation])
		draw -= ycsb->mix->percent[operation++];
	return operation;
}

uint64_t ycsb_record(struct ycsb *ycsb)
{
	switch (ycsb->distribution) {
	case DISTRIBUTION_ZIPFIAN: /* popular records lie anywhere */
		return random_mix(zipfian_next(&ycsb->zipfian, &ycsb->random)) % ycsb->count;
	case DISTRIBUTION_LATEST:
		return ycsb->count - 1 - zipfian_next(&ycsb->zipfian, &ycsb->random);
	default:
		return random_below(&ycsb->random, ycsb->count);
	}
}

uint64_t ycsb_insert(struct ycsb *ycsb)
{
	if (ycsb->distribution == DISTRIBUTION_LATEST)
		zipfian_grow(&ycsb->zipfian, ycsb->count + 1);
	return ycsb->count++;
}

void ycsb_key(char key[static KEY_SIZE], uint64_t record)
{
	static const char digits[16] = "abcdefghijklmnop";
	uint64_t number = random_mix(record + 1);

	memcpy(key, "user", 4);
	for (char *digit = key + 4; digit < key + KEY_SIZE - 1; digit++, number <<= 4)
		*digit = digits[number >> 60];
	key[KEY_SIZE - 1] = 0;
}

/* Every word depends on all of record, field and version, at the cost of one multiplication. */
void ycsb_field(void *field, size_t size, uint64_t record, unsigned number, uint32_t version)
{
	uint64_t word = ycsb_word(record, number, version);
	char *at = field;

	for (; size >= sizeof(word); size -= sizeof(word), at += sizeof(word)) {
		memcpy(at, &word, sizeof(word));
		word *= 0xd1342543de82ef95;
	}
	memcpy(at, &word, size);
}
