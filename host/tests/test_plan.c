/* The plan parser: each rule of guest/plan/plan.h, each way to break it. */
#include "guest/plan/plan.h"

#include "host/tests/unit.h"

static struct plan_line line;
static char error[512];

static enum plan_result parse(const char *text)
{
	const char *at = text;
	unsigned number = 0;

	error[0] = '\0';
	return plan_next(&at, text + strlen(text), &number, &line, error, sizeof(error));
}

static void expect_error(const char *text, const char *sentence)
{
	CHECK(parse(text) == PLAN_ERROR);
	CHECK_TEXT(error, sentence);
}

/* ---- good lines -------------------------------------------------------------------------------------------
 */

static void defaults(void)
{
	CHECK(parse("id -- /bin/x") == PLAN_LINE);
	CHECK_TEXT(line.id, "id");
	CHECK_TEXT(line.backend, "none");
	CHECK_TEXT(line.cwd, "/");
	CHECK_TEXT(line.input, "/dev/null");
	CHECK(line.scrub == PLAN_SCRUB_NONE && line.defer == PLAN_DEFER_WATCH);
	CHECK(line.repeat == 1 && !line.ticks && !line.memory && !line.uid && !line.budget);
	CHECK_TEXT(line.argv[0], "/bin/x");
	CHECK(!line.argv[1] && !line.envp[0]);
}

static void all_keys(void)
{
	CHECK(parse("a.b_c-1 ticks=3M memory=2K repeat=4 env=A=1 env=B=x=y uid=7 cwd=/tmp stdin=/in "
	            "backend=pku "
	            "scrub=vector budget=9K defer=flag -- p q") == PLAN_LINE);
	CHECK_TEXT(line.id, "a.b_c-1");
	CHECK(line.ticks == 3000000 && line.memory == 2048 && line.repeat == 4 && line.uid == 7);
	CHECK(line.budget == 9000 && line.scrub == PLAN_SCRUB_VECTOR && line.defer == PLAN_DEFER_FLAG);
	CHECK_TEXT(line.backend, "pku");
	CHECK_TEXT(line.cwd, "/tmp");
	CHECK_TEXT(line.input, "/in");
	CHECK_TEXT(line.envp[0], "A=1");
	CHECK_TEXT(line.envp[1], "B=x=y");
	CHECK(!line.envp[2]);
	CHECK_TEXT(line.argv[0], "p");
	CHECK_TEXT(line.argv[1], "q");
	CHECK(!line.argv[2]);
}

static void values_do_not_outlive_their_line(void)
{
	const char *text = "a ticks=1 env=A=1 scrub=general backend=pku -- p q\nb -- p", *at = text;
	unsigned number = 0;

	CHECK(plan_next(&at, text + strlen(text), &number, &line, error, sizeof(error)) == PLAN_LINE);
	CHECK(plan_next(&at, text + strlen(text), &number, &line, error, sizeof(error)) == PLAN_LINE);
	CHECK(!line.ticks && !line.envp[0] && !line.argv[1] && line.scrub == PLAN_SCRUB_NONE);
	CHECK_TEXT(line.backend, "none");
}

static void suffixes(void)
{
	CHECK(parse("a ticks=18446744073709551615 -- p") == PLAN_LINE && line.ticks == UINT64_MAX);
	CHECK(parse("a ticks=1G memory=1G -- p") == PLAN_LINE);
	CHECK(line.ticks == 1000000000 && line.memory == 1 << 30);
	CHECK(parse("a memory=3M -- p") == PLAN_LINE && line.memory == 3 << 20);
	CHECK(parse("a uid=4294967294 -- p") == PLAN_LINE && line.uid == 4294967294);
}

static void quotes(void)
{
	CHECK(parse("a -- \"/bin/a b\" x\"y z\"w \"\" \"q\\\"\\\\\" back\\slash --") == PLAN_LINE);
	CHECK_TEXT(line.argv[0], "/bin/a b");
	CHECK_TEXT(line.argv[1], "xy zw");
	CHECK_TEXT(line.argv[2], "");
	CHECK_TEXT(line.argv[3], "q\"\\");
	CHECK_TEXT(line.argv[4], "back\\slash");
	CHECK_TEXT(line.argv[5], "--");
	CHECK(!line.argv[6]);
}

static void blanks_and_comments(void)
{
	const char *text = "\n  # one\n\t\r\n  a  \t--   p  \r\n#b -- p\nc -- #x", *at = text;
	unsigned number = 0;

	CHECK(plan_next(&at, text + strlen(text), &number, &line, error, sizeof(error)) == PLAN_LINE);
	CHECK_TEXT(line.id, "a");
	CHECK(number == 4 && !line.argv[1]);
	CHECK(plan_next(&at, text + strlen(text), &number, &line, error, sizeof(error)) == PLAN_LINE);
	CHECK_TEXT(line.id, "c");
	CHECK_TEXT(line.argv[0], "#x");
	CHECK(number == 6);
	CHECK(plan_next(&at, text + strlen(text), &number, &line, error, sizeof(error)) == PLAN_END);
	CHECK(parse("") == PLAN_END);
	CHECK(parse("# only") == PLAN_END);
}

/* ---- bad lines --------------------------------------------------------------------------------------------
 */

static void bad_ids(void)
{
	char text[PLAN_ID_MAX + 16];

	expect_error("a/b -- p", "id \"a/b\": only letters, digits, \".\", \"_\" and \"-\" are allowed");
	expect_error("\"\" -- p", "an id has 1 to 127 characters");
	expect_error("-- p", "the id is missing");
	memset(text, 'x', PLAN_ID_MAX);
	strcpy(text + PLAN_ID_MAX, " -- p");
	expect_error(text, "an id has 1 to 127 characters");
	CHECK(parse(text + 1) == PLAN_LINE);
}

static void bad_keys(void)
{
	expect_error("a tick=1 -- p", "unknown key \"tick\"; did you mean \"ticks\"?");
	expect_error("a memroy=1 -- p", "unknown key \"memroy\"; did you mean \"memory\"?");
	expect_error("a ud=1 -- p", "unknown key \"ud\"; did you mean \"uid\"?"); /* not "cwd" */
	expect_error("a colour=1 -- p", "unknown key \"colour\"");
	expect_error("a averyveryverylongkey=1 -- p", "unknown key \"averyveryverylongkey\"");
	expect_error("a =1 -- p", "unknown key \"\"");
	expect_error("a ticks=1 ticks=2 -- p", "key \"ticks\" is given twice");
	expect_error("a p", "expected KEY=VALUE or --, found \"p\"");
	expect_error("a \"--\" p", "expected KEY=VALUE or --, found \"--\"");
}

static void bad_numbers(void)
{
	expect_error("a ticks= -- p", "ticks=: not a number");
	expect_error("a ticks=x -- p", "ticks=x: not a number");
	expect_error("a ticks=-1 -- p", "ticks=-1: not a number");
	expect_error("a ticks=1k -- p", "ticks=1k: not a number (digits and at most one of K, M, G)");
	expect_error("a ticks=1KM -- p", "ticks=1KM: not a number (digits and at most one of K, M, G)");
	expect_error("a memory=1.5M -- p", "memory=1.5M: not a number (digits and at most one of K, M, G)");
	expect_error("a ticks=18446744073709551616 -- p",
	             "ticks=18446744073709551616: the number is too large");
	expect_error("a memory=17179869184G -- p", "memory=17179869184G: the number is too large");
	expect_error("a repeat=0 -- p", "repeat=0: at least one repetition is needed");
	expect_error("a uid=4294967295 -- p", "uid=4294967295: the number is too large");
}

static void bad_values(void)
{
	expect_error("a cwd=tmp -- p", "cwd=tmp: not an absolute path");
	expect_error("a stdin= -- p", "stdin=: not an absolute path");
	expect_error("a env=A -- p", "env=A: expected NAME=VALUE");
	expect_error("a env==1 -- p", "env==1: expected NAME=VALUE");
	expect_error("a backend= -- p", "backend= needs a name");
	expect_error("a scrub=all -- p", "scrub=all: expected none, general or vector");
	expect_error("a defer=0 -- p", "defer=0: expected watch or flag");
}

static void bad_words(void)
{
	expect_error("a -- \"p", "a quote is not closed");
	expect_error("a -- p \"x\\", "a quote is not closed");
	expect_error("a -- \"\\n\"", "\"\\n\" means nothing between quotes; write \\\\ for a backslash");
	expect_error("a", "no \"-- PROGRAM\"");
	expect_error("a ticks=1", "no \"-- PROGRAM\"");
	expect_error("a --", "no program after --");
	expect_error("a -- \"\" x", "no program after --");
	expect_error("a -- p\x01", "the line holds a control character (byte 0x01)");
	expect_error("a -- p\x7f", "the line holds a control character (byte 0x7f)");
}

static void nul_byte(void)
{
	static const char text[] = "a -- p\0q";
	const char *at = text;
	unsigned number = 0;

	CHECK(plan_next(&at, text + sizeof(text) - 1, &number, &line, error, sizeof(error)) == PLAN_ERROR);
	CHECK_TEXT(error, "the line holds a control character (byte 0x00)");
}

static void too_much(void)
{
	static char text[PLAN_LINE_MAX + 64];
	size_t used;

	strcpy(text, "a --");
	for (int i = 0; i < PLAN_WORDS_MAX; i++)
		strcat(text, " w");
	CHECK(parse(text) == PLAN_LINE && line.argv[PLAN_WORDS_MAX - 1] && !line.argv[PLAN_WORDS_MAX]);
	strcat(text, " w");
	expect_error(text, "more than 256 arguments");

	strcpy(text, "a");
	for (int i = 0; i < PLAN_WORDS_MAX; i++)
		strcat(text, " env=A=1");
	used = strlen(text);
	strcpy(text + used, " -- p");
	CHECK(parse(text) == PLAN_LINE && line.envp[PLAN_WORDS_MAX - 1] && !line.envp[PLAN_WORDS_MAX]);
	strcpy(text + used, " env=A=1 -- p");
	expect_error(text, "more than 256 variables");

	strcpy(text, "a -- ");
	memset(text + 5, 'x', PLAN_LINE_MAX - 6);
	text[PLAN_LINE_MAX - 1] = '\0';
	CHECK(parse(text) == PLAN_LINE && strlen(line.argv[0]) == PLAN_LINE_MAX - 6);
	strcpy(text + PLAN_LINE_MAX - 1, "x");
	expect_error(text, "the line is longer than 8191 bytes");
}

static void line_after_an_error(void)
{
	const char *text = "a b -- p\nc -- p", *at = text;
	unsigned number = 0;

	CHECK(plan_next(&at, text + strlen(text), &number, &line, error, sizeof(error)) == PLAN_ERROR &&
	      number == 1);
	CHECK(plan_next(&at, text + strlen(text), &number, &line, error, sizeof(error)) == PLAN_LINE &&
	      number == 2);
	CHECK_TEXT(line.id, "c");
}

/* Random lines of the characters that mean something: the sanitizers look on, and every string is inside the
 * line's text. */
static void random_lines(void)
{
	static const char alphabet[] = "ab1= -\"\\#KG\t./";
	char text[80];

	for (unsigned round = 0; round < 200000; round++) {
		size_t size = (size_t)random() % (sizeof(text) - 1);

		for (size_t i = 0; i < size; i++)
			text[i] = alphabet[(size_t)random() % (sizeof(alphabet) - 1)];
		text[size] = '\0';
		if (parse(text) != PLAN_LINE)
			continue;
		for (const char *const *word = line.argv; *word; word++)
			CHECK(*word >= line.text && *word + strlen(*word) < line.text + sizeof(line.text));
	}
}

UNIT_MAIN({"a line has its defaults", defaults}, {"every key is understood", all_keys},
          {"values do not outlive their line", values_do_not_outlive_their_line},
          {"numbers take K, M and G", suffixes}, {"words may be quoted", quotes},
          {"blank lines and comments are skipped and counted", blanks_and_comments},
          {"a bad id is refused", bad_ids}, {"a bad key is refused, the nearest one offered", bad_keys},
          {"a bad number is refused", bad_numbers}, {"a bad value is refused", bad_values},
          {"bad words are refused", bad_words}, {"a NUL is refused", nul_byte},
          {"too many words and too long lines are refused", too_much},
          {"parsing goes on after an error", line_after_an_error}, {"random lines do no harm", random_lines})
