/* The guest's byte stream: whole, in pieces, and damaged in every way that a stream can be. */
#include "host/link.h"

#include "guest/abi/link.h"
#include "host/buffer.h"
#include "host/tests/unit.h"

uint32_t crc32(uint32_t crc, const void *data, size_t size); /* guest/lib/crc32.c */

/* What a link found, as text: "T(payload)" for each line, console text as it is. */
static struct buffer found;
static struct link parser;

static void note_console(void *context, const char *text, size_t size)
{
	(void)context;
	buffer_append(&found, text, size);
}

static void note_line(void *context, char type, const char *payload, size_t size)
{
	(void)context;
	CHECK(strlen(payload) == size);
	buffer_printf(&found, "%c(%s)", type, payload);
}

static void begin(void)
{
	struct link_handler handler = {.console = note_console, .line = note_line};

	buffer_keep_tail(&found, 0);
	link_init(&parser, &handler);
}

static void feed(const char *bytes, size_t size)
{
	link_feed(&parser, bytes, size);
}

static void feed_text(const char *text)
{
	feed(text, strlen(text));
}

static const char *result(void)
{
	return found.size ? found.data : "";
}

/* Appends a good line. */
static void add_line(struct buffer *stream, char type, unsigned sequence, const char *payload)
{
	struct buffer body = {0};

	buffer_printf(&body, "%c%u %s", type, sequence, payload);
	buffer_printf(stream, "%c%s %08x\n", LINK_MARK, body.data, crc32(0, body.data, body.size));
	buffer_free(&body);
}

/* ---- cases ------------------------------------------------------------------------------------------------
 */

static void crc_of_check_string(void)
{
	CHECK(crc32(0, "123456789", 9) == 0xcbf43926); /* the check value of every CRC catalogue */
}

static void lines_and_console(void)
{
	struct buffer stream = {0};

	add_line(&stream, LINK_BOOT, 0, "{\"cpu\":\"x\"}");
	buffer_printf(&stream, "hel");
	add_line(&stream, LINK_RECORD, 1, "{}");
	buffer_printf(&stream, "lo\n");
	add_line(&stream, LINK_PANIC, 2, "a sentence  with blanks ");
	add_line(&stream, LINK_END, 3, "0");
	begin();
	feed(stream.data, stream.size);
	link_finish(&parser);
	CHECK_TEXT(result(), "B({\"cpu\":\"x\"})helR({})lo\nP(a sentence  with blanks )E(0)");
	CHECK(parser.lost == 0 && parser.damaged == 0);
	buffer_free(&stream);
}

static void every_split_point(void)
{
	struct buffer stream = {0};

	buffer_printf(&stream, "a");
	add_line(&stream, LINK_START, 0, "{\"id\":\"one\"}");
	buffer_printf(&stream, "b\nc");
	add_line(&stream, LINK_DONE, 1, "{\"id\":\"one\"}");
	for (size_t split = 0; split <= stream.size; split++) {
		begin();
		feed(stream.data, split);
		feed(stream.data + split, stream.size - split);
		link_finish(&parser);
		CHECK_TEXT(result(), "aS({\"id\":\"one\"})b\ncD({\"id\":\"one\"})");
		CHECK(parser.lost == 0 && parser.damaged == 0);
	}
	begin();
	for (size_t i = 0; i < stream.size; i++)
		feed(stream.data + i, 1);
	CHECK_TEXT(result(), "aS({\"id\":\"one\"})b\ncD({\"id\":\"one\"})");
	buffer_free(&stream);
}

static void every_flipped_bit(void)
{
	struct buffer stream = {0};

	add_line(&stream, LINK_RECORD, 0, "{\"value\":12}");
	for (size_t i = 1; i + 1 < stream.size; i++) { /* not the mark and the newline */
		for (int bit = 0; bit < 8; bit++) {
			stream.data[i] ^= (char)(1 << bit);
			begin();
			feed(stream.data, stream.size);
			link_finish(&parser);
			CHECK(parser.damaged > 0);
			CHECK(!strchr(result(), '('));
			stream.data[i] ^= (char)(1 << bit);
		}
	}
	buffer_free(&stream);
}

static void lost_line(void)
{
	struct buffer stream = {0};

	add_line(&stream, LINK_RECORD, 0, "{}");
	add_line(&stream, LINK_RECORD, 3, "{}");
	begin();
	feed(stream.data, stream.size);
	CHECK_TEXT(result(), "R({})R({})");
	CHECK(parser.lost == 2 && parser.damaged == 0);
	buffer_free(&stream);
}

static void first_line_lost(void)
{
	struct buffer stream = {0};

	add_line(&stream, LINK_RECORD, 1, "{}");
	begin();
	feed(stream.data, stream.size);
	CHECK(parser.lost == 1);
	buffer_free(&stream);
}

/* A damaged line explains the gap that it leaves: it is not counted twice. */
static void damaged_line_is_not_lost_too(void)
{
	struct buffer stream = {0};

	add_line(&stream, LINK_RECORD, 0, "{}");
	stream.data[4] ^= 1;
	add_line(&stream, LINK_RECORD, 1, "{}");
	begin();
	feed(stream.data, stream.size);
	CHECK_TEXT(result(), "R({})");
	CHECK(parser.lost == 0 && parser.damaged == 1);
	buffer_free(&stream);
}

static void repeated_line(void)
{
	struct buffer stream = {0};

	add_line(&stream, LINK_RECORD, 0, "{}");
	add_line(&stream, LINK_RECORD, 0, "{}");
	begin();
	feed(stream.data, stream.size);
	CHECK_TEXT(result(), "R({})");
	CHECK(parser.damaged == 1);
	buffer_free(&stream);
}

static void interrupted_line(void)
{
	struct buffer stream = {0};

	buffer_printf(&stream, "%cR0 {\"val", LINK_MARK);
	add_line(&stream, LINK_RECORD, 1, "{}");
	begin();
	feed(stream.data, stream.size);
	CHECK_TEXT(result(), "R({})");
	CHECK(parser.damaged == 1);
	buffer_free(&stream);
}

static void unfinished_line(void)
{
	struct buffer stream = {0};

	add_line(&stream, LINK_END, 0, "0");
	for (size_t size = 1; size < stream.size - 1; size++) {
		begin();
		feed(stream.data, size);
		link_finish(&parser);
		CHECK_TEXT(result(), "");
		CHECK(parser.damaged == 1);
	}
	buffer_free(&stream);
}

static void forms_that_are_no_line(void)
{
	static const char *const lines[] = {
	        "\x1e\n",
	        "\x1e \n",
	        "\x1e"
	        "R\n",
	        "\x1eR0\n",
	        "\x1eR0 {} \n",
	        "\x1eR0 {} 1234567\n",
	        "\x1eR0 {} 123456789\n",
	        "\x1eR0 {} 0000000g\n",
	        "\x1eR0 {} ABCDEF01\n",
	        "\x1e 12345678\n",
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		begin();
		feed_text(lines[i]);
		CHECK_TEXT(result(), "");
		CHECK(parser.damaged == 1);
	}
}

static void line_without_number(void)
{
	struct buffer stream = {0};

	buffer_printf(&stream, "%cR {} %08x\n", LINK_MARK, crc32(0, "R {}", 4));
	begin();
	feed(stream.data, stream.size);
	CHECK(parser.damaged == 1);
	CHECK_TEXT(result(), "");
	buffer_free(&stream);
}

static void longest_line(void)
{
	struct buffer payload = {0}, stream = {0};

	while (payload.size < LINK_LINE_MAX)
		buffer_append(&payload, "x", 1);
	add_line(&stream, LINK_RECORD, 0, payload.data); /* the head and sum make it too long */
	add_line(&stream, LINK_RECORD, 1, payload.data + 12);
	begin();
	feed(stream.data, stream.size);
	CHECK(parser.damaged == 1);
	CHECK(found.size == LINK_LINE_MAX - 12 + 3);
	buffer_free(&payload);
	buffer_free(&stream);
}

/* Good lines between random bytes arrive; what is noise never becomes a line. */
static void noise(void)
{
	for (unsigned round = 0; round < 200; round++) {
		struct buffer stream = {0};
		unsigned lines = 0;

		for (unsigned i = 0; i < 20; i++) {
			for (long size = random() % 40; size > 0; size--)
				buffer_append(&stream, &(char){(char)random()}, 1);
			add_line(&stream, LINK_RECORD, i, "{}");
		}
		begin();
		for (size_t at = 0; at < stream.size;) {
			size_t size = 1 + (size_t)random() % 50;

			size = size < stream.size - at ? size : stream.size - at;
			feed(stream.data + at, size);
			at += size;
		}
		link_finish(&parser);
		for (size_t i = 0; i + 5 <= found.size; i++)
			lines += !memcmp(found.data + i, "R({})", 5);
		CHECK(lines == 20);
		CHECK(parser.lost == 0);
		buffer_free(&stream);
	}
}

UNIT_MAIN({"CRC-32 has the catalogue's check value", crc_of_check_string},
          {"lines and console text are told apart", lines_and_console},
          {"a stream may be split at every byte", every_split_point},
          {"a flipped bit anywhere in a line is noticed", every_flipped_bit},
          {"a missing line is counted", lost_line}, {"a missing first line is counted", first_line_lost},
          {"a damaged line is not counted as lost, too", damaged_line_is_not_lost_too},
          {"a repeated line is dropped", repeated_line},
          {"a line that another interrupts is damaged", interrupted_line},
          {"a line that the end cuts is damaged", unfinished_line},
          {"what has not the form of a line is damaged", forms_that_are_no_line},
          {"a line without a number is damaged", line_without_number},
          {"a line that is too long is dropped, the next one is not", longest_line},
          {"lines between random bytes arrive", noise})
