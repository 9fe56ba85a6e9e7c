/*
 * Workload `tx`: TPC-C on SQLite. Loads the warehouses, runs transactions one after the other, checks the
 * consistency conditions, and reports ticks, entrances, bytes copied, the distribution of latencies, and a
 * digest of all answers.
 */
#include "tx/tpcc.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/arguments.h"
#include "common/digest.h"
#include "common/histogram.h"
#include "common/records.h"
#include "common/ticks.h"
#include "portcullis/portcullis.h"
#include "tx/database.h"

#define DECK 23 /* cards, clause 5.2.4.2 */

static const char *const mix_names[] = {"new-order", "payment", "order-status", "delivery", "stock-level",
                                        "standard",  NULL};
static bool (*const transactions[TRANSACTIONS])(void) = {tpcc_new_order, tpcc_payment, tpcc_order_status,
                                                         tpcc_delivery, tpcc_stock_level};
static const unsigned cards_of[TRANSACTIONS] = {10, 10, 1, 1, 1};

static uint64_t warehouses = 1, reduction = 100, count = 500, mix = TRANSACTIONS, size = 96 << 20, seed = 1;

static const struct argument options[] = {
        {"--warehouses", "warehouses", &warehouses, 1, 100, NULL},
        {"--reduction", "divides the numbers of items, customers and orders", &reduction, 1, 300, NULL},
        {"--transactions", "transactions to run", &count, 1, 100000000, NULL},
        {"--mix", "which transactions; standard: all, as clause 5.2.4.2 deals them", &mix, 0, 0, mix_names},
        {"--size", "bytes that the database may use", &size, 1 << 20, 400 << 20, NULL},
        {"--seed", "of all that is random", &seed, 0, UINT64_MAX, NULL},
};

struct scale scale;
struct random tpcc_random;
uint64_t tpcc_digest;
int64_t tpcc_date, tpcc_delivered;

/* What a phase costs. */
static struct account {
	struct histogram latency[TRANSACTIONS];
	uint64_t start, library, entrances, bytes; /* at its start */
} account;

void answer_number(int64_t number)
{
	tpcc_digest = digest_word(tpcc_digest, (uint64_t)number);
}

void answer_text(const char *text)
{
	tpcc_digest = digest_bytes(tpcc_digest, text, strlen(text));
}

void tpcc_begin(void)
{
	static struct statement begin = {.sql = "BEGIN"};

	execute(&begin);
}

void tpcc_commit(void)
{
	static struct statement commit = {.sql = "COMMIT"};

	execute(&commit);
}

void tpcc_rollback(void)
{
	static struct statement rollback = {.sql = "ROLLBACK"};

	execute(&rollback);
}

static void account_start(void)
{
	memset(&account, 0, sizeof(account));
	account.library = database_ticks;
	account.entrances = database_entrances;
	account.bytes = database_bytes_copied();
	account.start = ticks_now();
}

static void account_end(const char *phase, uint64_t n)
{
	double all = (double)(ticks_now() - account.start) / (double)n;
	double library = (double)(database_ticks - account.library) / (double)n;
	double entrances = (double)(database_entrances - account.entrances) / (double)n;
	double bytes = (double)(database_bytes_copied() - account.bytes) / (double)n;

	records_arguments("\"case\":\"%s\",\"warehouses\":%" PRIu64 ",\"reduction\":%" PRIu64
	                  ",\"operations\":%" PRIu64,
	                  phase, warehouses, reduction, n);
	records_number("operations", "operations", (double)n, 1);
	records_number("operation", "ticks", all, n);
	records_number("library", "ticks", library, n);
	records_number("application", "ticks", all - library, n);
	records_number("entrances", "entrances", entrances, n);
	records_number("bytes_copied", "bytes", bytes, n);
	records_number("digest", "hash", (double)digest_end(tpcc_digest), n);
	for (unsigned i = 0; i < TRANSACTIONS; i++) {
		char metric[32];

		if (account.latency[i].count == 0)
			continue;
		snprintf(metric, sizeof(metric), "latency_%s", mix_names[i]);
		records_histogram(metric, "ticks", &account.latency[i]);
	}
	printf("%-12s %8" PRIu64 " operations: %9.1f ticks in the library, %8.1f outside, %7.2f entrances, "
	       "%8.1f bytes copied, digest %012" PRIx64 "\n",
	       phase, n, library, all - library, entrances, bytes, digest_end(tpcc_digest));
}

/* The next transaction: the top of a deck that is shuffled when it is empty. */
static enum transaction deal(void)
{
	static enum transaction deck[DECK];
	static unsigned left;

	if (mix != TRANSACTIONS)
		return (enum transaction)mix;
	if (left > 0)
		return deck[--left];
	for (enum transaction kind = 0; kind < TRANSACTIONS; kind++) {
		for (unsigned card = 0; card < cards_of[kind]; card++) {
			unsigned place = (unsigned)random_below(&tpcc_random, left + 1);

			deck[left++] = deck[place];
			deck[place] = kind;
		}
	}
	return deck[--left];
}

static void run(void)
{
	uint64_t rolled_back = 0;

	account_start();
	for (uint64_t i = 0; i < count; i++) {
		enum transaction kind = deal();
		uint64_t start = ticks_now();

		tpcc_date++;
		rolled_back += !transactions[kind]();
		histogram_add(&account.latency[kind], ticks_now() - start);
	}
	account_end(mix_names[mix], count);
	records_number("rolled_back", "operations", (double)rolled_back, 1);
	for (unsigned i = 0; i < TRANSACTIONS; i++)
		if (account.latency[i].count > 0)
			printf("%-12s %8" PRIu64 " operations: %9.1f ticks\n", mix_names[i],
			       account.latency[i].count,
			       (double)account.latency[i].sum / (double)account.latency[i].count);
	printf("%" PRIu64 " new orders rolled back\n", rolled_back);
}

int main(int argc, char **argv)
{
	struct record_source source = {"db-tx", "tx", portcullis_backend(), 0};

	arguments_parse("tx", "Runs TPC-C on SQLite; writes records to /dev/records.", options,
	                sizeof(options) / sizeof(options[0]), argc, argv);
	source.seed = seed;
	records_open(&source);
	scale = (struct scale){(int64_t)warehouses, 100000 / (int64_t)reduction, 3000 / (int64_t)reduction};
	random_seed(&tpcc_random, seed);
	tpcc_digest = seed;
	database_open(size);
	account_start();
	tpcc_load();
	account_end("load", warehouses);
	run();
	printf("%u consistency conditions hold\n", tpcc_check());
	database_close();
	return 0;
}
