/* Memory objects against an array of bytes. */
#include "lib/errno.h"
#include "mm/memobj.h"
#include "tests/unit/unit.h"

#define MEMORY (16UL << 20)
#define SIZE   (600 * PAGE_SIZE)

static uint8_t model[SIZE];

static void add_memory(void)
{
	static bool added;

	if (!added) {
		unit_memory(MEMORY);
		frame_add_range(1UL << 20, MEMORY);
		added = true;
	}
}

static void random_operations(void)
{
	static uint8_t buffer[3 * 4096];
	struct account account = {.references = 1, .limit = UINT64_MAX};
	struct memobj *object;

	add_memory();
	object = memobj_create(&account);
	memset(model, 0, sizeof(model));
	for (unsigned step = 0; step < 20000; step++) {
		size_t size = unit_random_below(sizeof(buffer)), offset = unit_random_below(SIZE - size);

		switch (unit_random_below(8)) {
		case 0:
			memobj_truncate(object, offset);
			memset(model + offset, 0, SIZE - offset);
			CHECK(account.frames <= (offset + PAGE_SIZE - 1) >> PAGE_SHIFT);
			break;
		case 1:
		case 2:
		case 3:
			for (size_t i = 0; i < size; i++)
				buffer[i] = (uint8_t)unit_random();
			CHECK(memobj_write(object, offset, buffer, size) == 0);
			memcpy(model + offset, buffer, size);
			break;
		default:
			memobj_read(object, offset, buffer, size);
			CHECK(memcmp(buffer, model + offset, size) == 0);
		}
	}
	memobj_get(object);
	memobj_put(object);
	memobj_put(object);
	CHECK(account.frames == 0);
}

/* Pages of a sparse object, walked by memobj_next_page, are those that were made. */
static void pages_are_found(void)
{
	static bool present[5000];
	struct account account = {.references = 1, .limit = UINT64_MAX};
	struct memobj *object;
	uint64_t index, count = 0;

	add_memory();
	object = memobj_create(&account);
	CHECK(memobj_next_page(object, 0) == MEMOBJ_NO_PAGE);
	memset(present, 0, sizeof(present));
	for (unsigned i = 0; i < 60; i++) {
		index = unit_random_below(ARRAY_SIZE(present));
		CHECK(memobj_page(object, index, true));
		count += !present[index];
		present[index] = true;
		CHECK(memobj_page_count(object) == count);
	}
	index = memobj_next_page(object, 0);
	for (uint64_t i = 0; i < ARRAY_SIZE(present); i++) {
		CHECK(memobj_next_page(object, i) == index);
		if (!present[i])
			continue;
		CHECK(index == i);
		index = memobj_next_page(object, i + 1);
		count--;
	}
	CHECK(count == 0 && index == MEMOBJ_NO_PAGE);
	count = memobj_page_count(object);
	index = memobj_next_page(object, 0);
	memobj_remove_page(object, index);
	memobj_remove_page(object, index); /* a hole by now */
	CHECK(memobj_page_count(object) == count - 1 && memobj_next_page(object, index) != index);
	CHECK(account.frames == count - 1);
	CHECK(memobj_next_page(object, UINT64_MAX >> PAGE_SHIFT) == MEMOBJ_NO_PAGE);
	memobj_truncate(object, 0);
	CHECK(memobj_page_count(object) == 0);
	memobj_put(object);
}

/* A file that outlives its run: the account goes with the last page, and not before. */
static void account_outlives_its_owner(void)
{
	struct account *account;
	struct memobj *object;
	uint64_t before;

	add_memory();
	before = frame_free_count();
	account = account_create(10);
	object = memobj_create(account);
	CHECK(memobj_write(object, 0, "x", 1) == 0 && account->frames == 1);
	account_put(account);
	CHECK(memobj_write(object, 5 * PAGE_SIZE, "x", 1) == 0 && account->frames == 2);
	memobj_put(object);
	CHECK(frame_free_count() == before);

	account = account_create(10);
	object = memobj_create(NULL);
	CHECK(memobj_write(object, 0, "x", 1) == 0 && account->frames == 0);
	memobj_truncate(object, 0);
	memobj_charge(object, account);
	CHECK(memobj_write(object, 0, "x", 1) == 0 && account->frames == 1);
	memobj_put(object);
	account_put(account);
	CHECK(frame_free_count() == before);
}

static void far_pages(void)
{
	struct account account = {.references = 1, .limit = 3};
	struct memobj *object;
	uint64_t last = UINT64_MAX >> PAGE_SHIFT;
	paddr_t frame;

	add_memory();
	object = memobj_create(&account);
	frame = memobj_page(object, last, true);
	CHECK(frame && memobj_page(object, last, false) == frame);
	CHECK(memobj_page(object, 0, false) == 0 && memobj_page(object, last - 1, false) == 0);
	frame = frame_alloc(&account);
	CHECK(memobj_set_page(object, 1, frame) == 0 && memobj_page(object, 1, true) == frame);
	CHECK(memobj_page(object, 2, true) != 0);
	CHECK(memobj_page(object, 3, true) == 0 && account.exceeded);
	CHECK(memobj_write(object, 3 * PAGE_SIZE, "x", 1) == -ENOMEM);
	memobj_truncate(object, 2 * PAGE_SIZE);
	CHECK(account.frames == 1 && memobj_page(object, 1, false) == frame);
	memobj_put(object);
	CHECK(account.frames == 0);
}

UNIT_MAIN(UNIT_CASE("reads, writes and truncations agree with an array", random_operations),
          UNIT_CASE("the pages of a sparse object are found and counted", pages_are_found),
          UNIT_CASE("an account lasts as long as the pages that it pays for", account_outlives_its_owner),
          UNIT_CASE("pages at any index, until the account is at its limit", far_pages))
