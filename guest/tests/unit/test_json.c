/* The check that /dev/records makes of its lines. Built with the address sanitizer. */
#include "fs/json.h"
#include "tests/unit/unit.h"

#include <stdlib.h>

/* From a copy of exactly that size, so that no byte beyond is read unnoticed. */
static bool is_object(const char *text, size_t size)
{
	char *copy = malloc(size);
	bool result;

	memcpy(copy, text, size);
	result = json_is_object(copy, size);
	free(copy);
	return result;
}

static void objects(void)
{
	static const char *const texts[] = {
	        "{}",
	        " {\"a\":1} ",
	        "{\"a\":[],\"b\":{\"c\":[1,-2,3.5,1e9,0.5E-3,0]}}",
	        "{\"a\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\",\"b\":[true,false,null]}",
	        "{ \"a\" : [ 1 , 2 ] , \"b\" : \"\" }",
	        "{\"a\":\"\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\"}",
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		CHECK(is_object(texts[i], strlen(texts[i])));
}

static void anything_else(void)
{
	static const char *const texts[] = {
	        "",
	        " ",
	        "1",
	        "[]",
	        "\"{}\"",
	        "{",
	        "}",
	        "{}{}",
	        "{},",
	        "{\"a\"}",
	        "{\"a\":}",
	        "{a:1}",
	        "{\"a\":1,}",
	        "{,}",
	        "{\"a\":01}",
	        "{\"a\":1.}",
	        "{\"a\":.5}",
	        "{\"a\":1e}",
	        "{\"a\":+1}",
	        "{\"a\":-}",
	        "{\"a\":tru}",
	        "{\"a\":[1,]}",
	        "{\"a\":[1}",
	        "{\"a\":\"",
	        "{\"a\":\"\\",
	        "{\"a\":\"\\x\"}",
	        "{\"a\":\"\\u12g4\"}",
	        "{\"a\":\"\x01\"}",
	        "{\"a\":\"\n\"}",
	        "{\"a\":NaN}",
	        "{'a':1}",
	        /* not UTF-8: a lone byte, cut, overlong, a surrogate, beyond U+10FFFF */
	        "{\"a\":\"\x80\"}",
	        "{\"a\":\"\xc3\"}",
	        "{\"a\":\"\xc0\xaf\"}",
	        "{\"a\":\"\xe0\x80\xaf\"}",
	        "{\"a\":\"\xed\xa0\x80\"}",
	        "{\"a\":\"\xf4\x90\x80\x80\"}",
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		CHECK(!is_object(texts[i], strlen(texts[i])));
	CHECK(!is_object("{\"a\":\"\0\"}", 9));
}

/* `depth` objects in each other. */
static bool nested(unsigned depth)
{
	char text[512];
	size_t used = 0;

	for (unsigned i = 0; i + 1 < depth; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "{\"a\":");
	used += (size_t)snprintf(text + used, sizeof(text) - used, "{}");
	for (unsigned i = 0; i + 1 < depth; i++)
		text[used++] = '}';
	return is_object(text, used);
}

static void depth_limit(void)
{
	CHECK(nested(JSON_DEPTH_MAX));
	CHECK(!nested(JSON_DEPTH_MAX + 1));
}

static void every_cut(void)
{
	static const char text[] =
	        "{\"metric\":\"caf\xc3\xa9 \\u00e9\",\"value\":[1,-2.5e3,true,null,{\"a\":\"b\"}]}";

	for (size_t size = 0; size < sizeof(text) - 1; size++)
		CHECK(!is_object(text, size));
	CHECK(is_object(text, sizeof(text) - 1));
}

static void random_text(void)
{
	static const char alphabet[] = "{}[]\",:\\u0123e-+.tfn al\xc3\xa9\x01";
	char text[64];

	for (unsigned round = 0; round < 100000; round++) {
		size_t size = unit_random_below(sizeof(text));

		for (size_t i = 0; i < size; i++)
			text[i] = alphabet[unit_random_below(sizeof(alphabet) - 1)];
		is_object(text, size);
	}
}

UNIT_MAIN(UNIT_CASE("JSON objects are accepted", objects),
          UNIT_CASE("anything else is refused", anything_else), UNIT_CASE("nesting is limited", depth_limit),
          UNIT_CASE("an object cut anywhere is refused", every_cut),
          UNIT_CASE("random text never leads out of the line", random_text))
