/* test_db_rows: PostgreSQL's text forms to JSON, without a server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "db/db_priv.h"

enum {
	BOOL = 16,
	INT8 = 20,
	INT4 = 23,
	TEXT = 25,
	JSON_ = 114,
	FLOAT8 = 701,
	BOOLS = 1000,
	INTS = 1007,
	TEXTS = 1009,
	DATE = 1082,
	TIME_TZ = 1184,
	TIMES = 1185,
	NUMERIC = 1700,
	UUID = 2950,
	UUIDS = 2951,
	JSONBS = 3807,
	RANGE = 3904,
	MULTIRANGE = 4451,
	UNKNOWN = 999999
};

struct example {
	Oid type;
	const char *text;
	const char *json;
};

static const struct example examples[] = {
    {BOOL, "t", "true"},
    {BOOL, "f", "false"},
    {INT4, "-12", "-12"},
    {INT8, "9223372036854775807", "9223372036854775807"},
    {TEXT, "", "\"\""},
    {TEXT, "a\"b\\c\n", "\"a\\\"b\\\\c\\n\""},
    {TEXT, "党课", "\"党课\""},
    {UNKNOWN, "Top.A\"B", "\"Top.A\\\"B\""},
    {UUID, "0191e2b8-7d1a-7c3e-8a55-1f2e3d4c5b6a", "\"0191e2b8-7d1a-7c3e-8a55-1f2e3d4c5b6a\""},
    {JSON_, "{\"a\":[1]}", "{\"a\":[1]}"},
    {FLOAT8, "1.5e-07", "1.5e-07"},
    {FLOAT8, "NaN", "null"},
    {FLOAT8, "Infinity", "null"},
    {NUMERIC, "-Infinity", "null"},
    {NUMERIC, "-0.50", "-0.50"},
    {DATE, "2026-11-23", "\"2026-11-23\""},
    {DATE, "infinity", "null"},
    {DATE, "-infinity", "null"},
    {TIME_TZ, "2026-11-23 12:24:03.123+00", "\"2026-11-23T12:24:03.123Z\""},
    {TIME_TZ, "2026-11-23 12:24:03+00", "\"2026-11-23T12:24:03Z\""},
    {TIME_TZ, "2026-11-23 12:24:03.123456+00", "\"2026-11-23T12:24:03.123456Z\""},
    {TIME_TZ, "infinity", "null"},
    {TIME_TZ, "-infinity", "null"},
    {TIME_TZ, "12026-11-23 12:24:03+00", "\"12026-11-23 12:24:03+00\""},
    {TIME_TZ, "0044-03-15 12:00:00+00 BC", "\"0044-03-15 12:00:00+00 BC\""},
    {TIME_TZ, "", "\"\""},
    {RANGE, "[1,5)", "[[1,5]]"},
    {RANGE, "empty", "[]"},
    {RANGE, "(,5)", "[[null,5]]"},
    {RANGE, "[-5,)", "[[-5,null]]"},
    {RANGE, "(,)", "[[null,null]]"},
    {RANGE, "[1,5", "null"},
    {RANGE, "[1;5)", "null"},
    {RANGE, "[1,5),[7,9)", "null"},
    {MULTIRANGE, "{}", "[]"},
    {MULTIRANGE, "{[1,5)}", "[[1,5]]"},
    {MULTIRANGE, "{[1,5),[7,9)}", "[[1,5],[7,9]]"},
    {MULTIRANGE, "{[1,5),[7,9)", "null"},
    {MULTIRANGE, "{[1,5)[7,9)}", "null"},
    {MULTIRANGE, "{[1,5),}", "null"},
    {MULTIRANGE, "", "[]"},
    {INTS, "{}", "[]"},
    {INTS, "{1,NULL,-3}", "[1,null,-3]"},
    {INTS, "[0:1]={1,2}", "[1,2]"},
    {INTS, "{{1,2},{3,4}}", "[[1,2],[3,4]]"},
    {INTS, "{1", "null"},
    {INTS, "{1,}", "null"},
    {INTS, "{,1}", "null"},
    {INTS, "{1}}", "null"},
    {INTS, "1", "null"},
    {INTS, "", "null"},
    {INTS, "[0:1]", "null"},
    {BOOLS, "{t,f,NULL}", "[true,false,null]"},
    {TEXTS, "{a,\"b c\",\"\"}", "[\"a\",\"b c\",\"\"]"},
    {TEXTS, "{NULL,\"NULL\"}", "[null,\"NULL\"]"},
    {TEXTS, "{\"a\\\"b\",\"c\\\\d\"}", "[\"a\\\"b\",\"c\\\\d\"]"},
    {TEXTS, "{\"x,y\",\"{z}\"}", "[\"x,y\",\"{z}\"]"},
    {TEXTS, "{学习,\"党 课\"}", "[\"学习\",\"党 课\"]"},
    {TEXTS, "{\"open}", "null"},
    {TEXTS, "{\"open\\", "null"},
    {TEXTS, "{\"a\"b}", "null"},
    {UUIDS, "{0191e2b8-7d1a-7c3e-8a55-1f2e3d4c5b6a}", "[\"0191e2b8-7d1a-7c3e-8a55-1f2e3d4c5b6a\"]"},
    {TIMES, "{\"2026-11-23 12:24:03.5+00\",infinity}", "[\"2026-11-23T12:24:03.5Z\",null]"},
    {JSONBS, "{\"{\\\"k\\\": \\\"v,\\\\\\\"w\\\"}\"}", "[{\"k\": \"v,\\\"w\"}]"},
};

static void test_examples(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
		struct buf out;
		buf_init(&out, 0);
		buf_puts(&out, "before:");
		value_json(&out, value_kind(examples[i].type), examples[i].text,
			   strlen(examples[i].text));
		assert_false(out.failed);
		assert_string_equal(out.data + 7, examples[i].json);
		assert_int_equal(out.len, 7 + strlen(examples[i].json));
		buf_free(&out);
	}
}

/* Every prefix of every example, in memory of exactly its size: for the sanitizer's eyes. */
static void test_cut_short(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
		for (size_t len = 0; len <= strlen(examples[i].text); len++) {
			char *cut = malloc(len > 0 ? len : 1);
			struct buf out;
			memcpy(cut, examples[i].text, len);
			buf_init(&out, 0);
			value_json(&out, value_kind(examples[i].type), cut, len);
			assert_false(out.failed);
			buf_free(&out);
			free(cut);
		}
	}
}

/* A text that spans many growths of the buffer comes out whole. */
static void test_long_text(void **state)
{
	(void)state;
	size_t len = 100000;
	char *text = malloc(len);
	struct buf out;
	memset(text, 'x', len);
	text[0] = '{';
	text[len - 1] = '}';
	buf_init(&out, 0);
	value_json(&out, value_kind(TEXTS), text, len);
	assert_int_equal(out.len, len + 2);
	buf_free(&out);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_examples),
	    cmocka_unit_test(test_cut_short),
	    cmocka_unit_test(test_long_text),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
