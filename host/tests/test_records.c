/* JSON members, and what a record gets on its way to its file. */
#include "guest/fs/json.h"
#include "host/commit.h"
#include "host/json.h"
#include "host/records.h"
#include "host/tests/unit.h"

#include <fcntl.h>
#include <unistd.h>

static const struct engine timing = {.name = "timing", .tick_unit = "tsc", .tick_kind = "uncalibrated"};
static const struct record_context context = {
        .engine = &timing, .cpu = "CPU \"x\"", .host = "a host", .run = "r1"};

#define TAIL                                                                                                 \
	"\"engine\":\"timing\",\"cpu\":\"CPU \\\"x\\\"\",\"commit\":\"" PORTCULLIS_COMMIT                    \
	"\",\"host\":\"a host\",\"run\":\"r1\"}\n"

static void expect_record(const char *record, const char *completed)
{
	struct buffer line = {0};

	CHECK(record_complete(&context, record, strlen(record), &line));
	CHECK_TEXT(line.data, completed);
	CHECK(json_is_object(line.data, line.size - 1));
	buffer_free(&line);
}

static void added_members(void)
{
	expect_record("{\"value\":1}", "{\"value\":1,\"kind\":\"counted\"," TAIL);
	expect_record("{}", "{\"kind\":\"counted\"," TAIL);
	expect_record("{ \"value\" : 1 } ", "{ \"value\" : 1,\"kind\":\"counted\"," TAIL);
}

static void tick_unit(void)
{
	expect_record("{\"unit\":\"ticks\",\"value\":1}",
	              "{\"unit\":\"tsc\",\"value\":1,\"kind\":\"uncalibrated\"," TAIL);
	expect_record("{\"unit\": \"ticks\" }", "{\"unit\": \"tsc\",\"kind\":\"uncalibrated\"," TAIL);
	expect_record("{\"args\":\"unit ticks\",\"unit\":\"bytes\"}",
	              "{\"args\":\"unit ticks\",\"unit\":\"bytes\",\"kind\":\"counted\"," TAIL);
	expect_record("{\"a\":{\"unit\":\"ticks\"}}",
	              "{\"a\":{\"unit\":\"ticks\"},\"kind\":\"counted\"," TAIL);
}

static void given_members(void)
{
	expect_record("{\"kind\":\"modelled\"}", "{\"kind\":\"modelled\"," TAIL);
}

static void no_object(void)
{
	static const char *const texts[] = {"",        "[]",       "1",          "{",
	                                    "{\"a\"}", "{\"a\":}", "{\"a\":1}}", "{'a':1}"};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct buffer line = {0};

		CHECK(!record_complete(&context, texts[i], strlen(texts[i]), &line));
		CHECK(line.size == 0);
	}
}

/* ---- members ----------------------------------------------------------------------------------------------
 */

#define OBJECT                                                                                               \
	"{\"s\":\"a\\\"b\\\\\\n\\u0041\",\"n\":18446744073709551615, "                                       \
	"\"big\":18446744073709551616,\"neg\":-1,\"f\":1.5,"                                                 \
	"\"deep\":{\"x\":[1,{\"hidden\":3}],\"s\":\"inner\"},\"list\":[\"]\",\"}\"],\"last\":7}"

static void members(void)
{
	uint64_t number;
	char text[32];

	CHECK(json_is_object(OBJECT, strlen(OBJECT)));
	CHECK(json_string(OBJECT, "s", text, sizeof(text)));
	CHECK_TEXT(text, "a\"b\\\nA");
	CHECK(json_number(OBJECT, "n", &number) && number == UINT64_MAX);
	CHECK(!json_number(OBJECT, "big", &number) && number == 0);
	CHECK(!json_number(OBJECT, "neg", &number) && number == 0);
	CHECK(!json_number(OBJECT, "f", &number) && number == 0);
	CHECK(!json_number(OBJECT, "s", &number) && number == 0);
	CHECK(!json_number(OBJECT, "hidden", &number));
	CHECK(json_number(OBJECT, "last", &number) && number == 7);
	CHECK(!json_string(OBJECT, "n", text, sizeof(text)) && !*text);
	CHECK(!json_string(OBJECT, "none", text, sizeof(text)) && !*text);
	CHECK(!json_number("{}", "x", &number));
}

static void short_buffer(void)
{
	char text[4];

	CHECK(json_string("{\"s\":\"abcdef\"}", "s", text, sizeof(text)));
	CHECK_TEXT(text, "abc");
}

static void quoting(void)
{
	struct buffer text = {0};

	json_quote(&text, "a\"b\\c\n\x01");
	CHECK_TEXT(text.data, "\"a\\\"b\\\\c\\u000a\\u0001\"");
	buffer_free(&text);
}

/* ---- files ------------------------------------------------------------------------------------------------
 */

static void full_disk(void)
{
	struct output_file file = {.path = "/dev/full"};
	char reason[256];

	CHECK(output_open(&file, reason, sizeof(reason)) == 0);
	CHECK(output_write(&file, "x", 1, reason, sizeof(reason)) < 0);
	CHECK_TEXT(reason, "/dev/full cannot be written: No space left on device");
	output_close(&file, reason, sizeof(reason));
}

static void missing_directory(void)
{
	struct output_file file = {.path = "/nonexistent/records"};
	char reason[256];

	CHECK(output_open(&file, reason, sizeof(reason)) < 0);
	CHECK_TEXT(reason, "/nonexistent/records cannot be written: No such file or directory");
}

static void no_file(void)
{
	struct output_file file = {.path = NULL};
	char reason[256];

	CHECK(output_open(&file, reason, sizeof(reason)) == 0);
	CHECK(output_write(&file, "x", 1, reason, sizeof(reason)) == 0);
	CHECK(output_close(&file, reason, sizeof(reason)) == 0);
}

UNIT_MAIN({"a record gets what it lacks", added_members}, {"ticks get the engine's unit", tick_unit},
          {"a record keeps what it has", given_members}, {"what is no object is no record", no_object},
          {"members are found and decoded", members}, {"a long string is cut", short_buffer},
          {"strings are quoted", quoting}, {"a full disk is named", full_disk},
          {"a file that cannot be made is named", missing_directory},
          {"an output that nobody wants is silent", no_file})
