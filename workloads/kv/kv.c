/*
 * Workload `kv`: the YCSB core workloads on a database library. Loads the records, runs the operations,
 * checks each answer, and reports for each phase ticks, entrances, bytes copied, the distribution of
 * latencies, and a digest of all answers.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/arguments.h"
#include "common/digest.h"
#include "common/histogram.h"
#include "common/records.h"
#include "common/ticks.h"
#include "kv/store.h"
#include "kv/ycsb.h"
#include "portcullis/portcullis.h"

#define FIELD_MAX    4096
#define WORKLOAD_ALL YCSB_WORKLOADS

static const char *const store_names[] = {"lmdb", "sqlite", NULL};
static const struct store *const stores[] = {&store_lmdb, &store_sqlite};
static const char *const workload_names[] = {"a", "b", "c", "d", "e", "f", "all", NULL};
static const char *const distribution_names[] = {"zipfian", "latest", "uniform", "standard", NULL};

/* Options. */
static uint64_t store_number, workload = 2, distribution = 3, records = 10000, operations = 10000,
                              field_size = 100, store_size = 64 << 20, seed = 1;

static const struct argument options[] = {
        {"--store", "database library", &store_number, 0, 0, store_names},
        {"--workload", "core workload; all: A B C F D, then E on fresh records", &workload, 0, 0,
         workload_names},
        {"--distribution", "which records; standard: the workload's own", &distribution, 0, 0,
         distribution_names},
        {"--records", "records to load", &records, 10, 10000000, NULL},
        {"--operations", "operations of each workload", &operations, 1, 1000000000, NULL},
        {"--field-length", "bytes of each of the ten fields", &field_size, 8, FIELD_MAX, NULL},
        {"--size", "bytes that the store may use", &store_size, 1 << 20, (uint64_t)1 << 30, NULL},
        {"--seed", "of all that is random", &seed, 0, UINT64_MAX, NULL},
};

static const struct store *store;
static uint32_t *versions; /* of each field of each record */
static uint64_t digest;
uint64_t store_entrances;

/* What a phase costs. */
struct account {
	struct histogram latency[OPERATIONS];
	uint64_t start, entrances, bytes; /* at its start */
	uint64_t inside;                  /* ticks of the store's functions */
};
static struct account account;
static uint64_t reading; /* ticks that one measurement itself takes */

_Noreturn void store_fail(const char *what, const char *why)
{
	fprintf(stderr, "kv: %s: %s: %s\n", store->name, what, why);
	exit(1);
}

static void wrong_answer(const char *key, const char *what)
{
	fprintf(stderr, "kv: %s: wrong answer: %s: %s\n", store->name, key, what);
	exit(1);
}

static void account_start(void)
{
	memset(&account, 0, sizeof(account));
	account.entrances = store_entrances;
	account.bytes = store->bytes_copied();
	account.start = ticks_now();
}

static uint64_t elapsed(uint64_t start)
{
	uint64_t ticks = ticks_now() - start;

	return ticks > reading ? ticks - reading : 0;
}

static void account_operation(enum operation operation, uint64_t ticks)
{
	account.inside += ticks;
	histogram_add(&account.latency[operation], ticks);
}

static void account_end(const char *phase, uint64_t count)
{
	uint64_t all = ticks_now() - account.start;
	double n = (double)count;
	double entrances = (double)(store_entrances - account.entrances) / n;
	double bytes = (double)(store->bytes_copied() - account.bytes) / n;

	records_arguments("\"case\":\"%s\",\"records\":%" PRIu64 ",\"operations\":%" PRIu64
	                  ",\"store\":\"%s\",\"field_length\":%" PRIu64,
	                  phase, records, count, store->name, field_size);
	records_number("operations", "operations", n, 1);
	records_number("operation", "ticks", (double)account.inside / n, count);
	records_number("application", "ticks", (double)(all - account.inside) / n, count);
	records_number("entrances", "entrances", entrances, count);
	records_number("bytes_copied", "bytes", bytes, count);
	records_number("digest", "hash", (double)digest_end(digest), count);
	for (unsigned i = 0; i < OPERATIONS; i++) {
		char metric[32];

		if (account.latency[i].count == 0)
			continue;
		snprintf(metric, sizeof(metric), "latency_%s", ycsb_operations[i]);
		records_histogram(metric, "ticks", &account.latency[i]);
	}
	printf("%-4s %8" PRIu64
	       " operations: %8.1f ticks in the store, %8.1f outside, %6.2f entrances, %8.1f bytes copied, "
	       "digest %012" PRIx64 "\n",
	       phase, count, (double)account.inside / n, (double)(all - account.inside) / n, entrances, bytes,
	       digest_end(digest));
}

static void measure_reading(void)
{
	reading = 0;
	for (int i = 0; i < 100; i++) {
		uint64_t ticks = elapsed(ticks_now());

		if (i == 0 || ticks < reading)
			reading = ticks;
	}
}

static uint32_t *version_of(uint64_t record, unsigned field)
{
	return &versions[record * FIELDS + field];
}

static void make_record(char *bytes, uint64_t record)
{
	for (unsigned field = 0; field < FIELDS; field++)
		ycsb_field(bytes + field * field_size, field_size, record, field, *version_of(record, field));
}

/* The first word of a field depends on all that the field depends on; the digest covers the rest. */
static void check_record(const char *key, uint64_t record, const struct row *row)
{
	const char *bytes = row->record;
	uint64_t word;

	if (row->size != FIELDS * field_size)
		wrong_answer(key, "the record has another size");
	for (unsigned field = 0; field < FIELDS; field++) {
		word = ycsb_word(record, field, *version_of(record, field));
		if (memcmp(bytes + field * field_size, &word, sizeof(word)) != 0)
			wrong_answer(key, "a field is not what was stored");
	}
	digest = digest_bytes(digest, bytes, row->size);
}

static uint64_t insert(uint64_t record)
{
	static char bytes[FIELDS * FIELD_MAX];
	char key[KEY_SIZE];
	uint64_t start;

	ycsb_key(key, record);
	make_record(bytes, record);
	start = ticks_now();
	store->insert(key, bytes);
	return elapsed(start);
}

static uint64_t read_one(uint64_t record)
{
	uint64_t start, ticks;
	char key[KEY_SIZE];
	struct row row;

	ycsb_key(key, record);
	start = ticks_now();
	if (!store->read(key, &row))
		wrong_answer(key, "the record is not there");
	ticks = elapsed(start);
	check_record(key, record, &row);
	start = ticks_now();
	store->done();
	return ticks + elapsed(start);
}

static uint64_t update(struct ycsb *ycsb, uint64_t record)
{
	unsigned field = (unsigned)random_below(&ycsb->random, FIELDS);
	static char bytes[FIELD_MAX];
	char key[KEY_SIZE];
	uint64_t start;

	ycsb_key(key, record);
	ycsb_field(bytes, field_size, record, field, ++*version_of(record, field));
	start = ticks_now();
	store->update(key, field, bytes);
	return elapsed(start);
}

static uint64_t scan(struct ycsb *ycsb, uint64_t record)
{
	unsigned count = 1 + (unsigned)random_below(&ycsb->random, SCAN_MAX), found;
	static struct row rows[SCAN_MAX];
	uint64_t start, ticks;
	char key[KEY_SIZE];

	ycsb_key(key, record);
	start = ticks_now();
	found = store->scan(key, count, rows);
	ticks = elapsed(start);
	if (found == 0 || rows[0].key_size != strlen(key) || memcmp(rows[0].key, key, rows[0].key_size) != 0)
		wrong_answer(key, "a scan does not begin with it");
	check_record(key, record, &rows[0]);
	for (unsigned i = 1; i < found; i++) {
		if (memcmp(rows[i - 1].key, rows[i].key, rows[i].key_size) >= 0)
			wrong_answer(key, "a scan is out of order");
		digest = digest_bytes(digest, rows[i].key, rows[i].key_size);
		digest = digest_bytes(digest, rows[i].record, rows[i].size);
	}
	start = ticks_now();
	store->done();
	return ticks + elapsed(start);
}

static uint64_t perform(struct ycsb *ycsb, enum operation operation)
{
	uint64_t record;

	if (operation == OPERATION_INSERT)
		return insert(ycsb_insert(ycsb));
	record = ycsb_record(ycsb);
	switch (operation) {
	case OPERATION_UPDATE:
		return update(ycsb, record);
	case OPERATION_SCAN:
		return scan(ycsb, record);
	case OPERATION_MODIFY:
		return read_one(record) + update(ycsb, record);
	default:
		return read_one(record);
	}
}

static void load(void)
{
	versions = calloc((records + operations * YCSB_WORKLOADS) * FIELDS, sizeof(*versions));
	if (!versions) {
		fprintf(stderr, "kv: out of memory\n");
		exit(1);
	}
	digest = seed;
	store->open(store_size, field_size);
	account_start();
	store->start_load();
	for (uint64_t record = 0; record < records; record++)
		account_operation(OPERATION_INSERT, insert(record));
	store->end_load();
	account_end("load", records);
}

static void unload(void)
{
	store->close();
	free(versions);
}

/* Runs a workload over `count` records; returns how many there are then. */
static uint64_t run(const struct ycsb_mix *mix, uint64_t count)
{
	char phase[2] = {mix->letter, 0};
	struct ycsb ycsb;

	ycsb_start(&ycsb, mix,
	           distribution <= DISTRIBUTION_UNIFORM ? (enum distribution)distribution : mix->distribution,
	           count, seed);
	digest = seed;
	account_start();
	for (uint64_t i = 0; i < operations; i++) {
		enum operation operation = ycsb_operation(&ycsb);

		account_operation(operation, perform(&ycsb, operation));
	}
	account_end(phase, operations);
	return ycsb.count;
}

/* In the order that YCSB recommends, so that each workload finds the records that it expects. */
static void run_all(void)
{
	static const char order[] = "abcfd";
	uint64_t count = records;

	load();
	for (const char *letter = order; *letter; letter++)
		count = run(&ycsb_mixes[*letter - 'a'], count);
	unload();
	load();
	run(&ycsb_mixes['e' - 'a'], records);
	unload();
}

int main(int argc, char **argv)
{
	struct record_source source = {"db-kv", "kv", portcullis_backend(), 0};

	arguments_parse("kv",
	                "Runs YCSB core workloads on a database library; writes records to /dev/records.",
	                options, sizeof(options) / sizeof(options[0]), argc, argv);
	source.seed = seed;
	store = stores[store_number];
	records_open(&source);
	measure_reading();
	if (workload == WORKLOAD_ALL) {
		run_all();
		return 0;
	}
	load();
	run(&ycsb_mixes[workload], records);
	unload();
	return 0;
}
