/*
 * Tests of core/utf8 and core/jsonw. What the writer makes is read back by jansson, so that the
 * tests do not trust our own idea of JSON; utf8 is held against a decoder written another way.
 */
#include "core/jsonw.h"
#include "core/mem.h"
#include "core/utf8.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ── utf8 ───────────────────────────────────────────────────────────────────────────────────── */

/* Encodes without asking whether the code point is allowed. */
static size_t encode(uint32_t point, size_t size, unsigned char out[4])
{
	static const unsigned char lead[] = {0, 0, 0xC0, 0xE0, 0xF0};

	for (size_t i = size - 1; i > 0; i--) {
		out[i] = (unsigned char)(0x80 | (point & 0x3F));
		point >>= 6;
	}
	out[0] = (unsigned char)(size == 1 ? point : lead[size] | point);
	return size;
}

static size_t shortest(uint32_t point)
{
	return point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
}

static void test_every_code_point(void **unused)
{
	(void)unused;
	for (uint32_t point = 0; point < 0x1FFFFF; point++) {
		for (size_t size = shortest(point); size <= 4; size++) {
			unsigned char bytes[4];
			encode(point, size, bytes);
			bool good = size == shortest(point) && point <= 0x10FFFF &&
				    (point < 0xD800 || point > 0xDFFF);
			size_t expected = good ? size : 0;
			if (utf8_sequence((char *)bytes, size) != expected)
				fail_msg("U+%X in %zu bytes", point, size);
			assert_int_equal(utf8_valid((char *)bytes, size), good);
		}
	}
}

static void test_cut_sequences(void **unused)
{
	(void)unused;
	const char *texts[] = {"é", "党", "😀"};
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(utf8_sequence(texts[i], strlen(texts[i])), strlen(texts[i]));
		for (size_t len = 0; len < strlen(texts[i]); len++) {
			char *exact = mem_resize(NULL, len); /* a sanitizer sees a byte too far */
			memcpy(exact, texts[i], len);
			assert_int_equal(utf8_sequence(exact, len), 0);
			assert_int_equal(utf8_valid(exact, len), len == 0);
			mem_free(exact);
		}
	}
}

static void test_bad_byte_anywhere(void **unused)
{
	(void)unused;
	for (size_t at = 0; at < 40; at++) { /* before, in and after words of eight */
		char text[40];
		memset(text, 'a', sizeof text);
		assert_true(utf8_valid(text, sizeof text));
		text[at] = (char)0xFF;
		assert_false(utf8_valid(text, sizeof text));
		text[at] = (char)0x80;
		assert_false(utf8_valid(text, sizeof text));
	}
	assert_false(utf8_valid("党\xE5\x85", 5));
	assert_true(utf8_valid("", 0));
	assert_true(utf8_valid("党a委b办c公d室", 19));
}

static void test_length_in_points(void **unused)
{
	(void)unused;
	assert_int_equal(utf8_length("", 0), 0);
	assert_int_equal(utf8_length("abc", 3), 3);
	assert_int_equal(utf8_length("党委a😀", 11), 4);
	assert_int_equal(utf8_length("a\0b", 3), 3);
}

/* ── strings ────────────────────────────────────────────────────────────────────────────────── */

static void assert_escaped(const char *text, size_t len, const char *expected)
{
	struct buf buf;
	buf_init(&buf, 0);
	jsonw_escape(&buf, text, len);
	assert_string_equal(buf.data, expected);
	buf_free(&buf);
}

static void test_escapes(void **unused)
{
	(void)unused;
	assert_escaped("", 0, "\"\"");
	assert_escaped("支部", 6, "\"支部\"");
	assert_escaped("a\"b\\c/", 6, "\"a\\\"b\\\\c/\"");
	assert_escaped("\b\f\n\r\t", 5, "\"\\b\\f\\n\\r\\t\"");
	assert_escaped("\0\x01\x1f\x7f", 4, "\"\\u0000\\u0001\\u001f\x7f\"");
	assert_escaped("\"", 1, "\"\\\"\"");
}

static void test_bad_bytes_become_replacements(void **unused)
{
	(void)unused;
	assert_escaped("\xFF", 1, "\"\xEF\xBF\xBD\"");
	assert_escaped("a\xC3", 2, "\"a\xEF\xBF\xBD\"");
	assert_escaped("\xE5\x85x", 3, "\"\xEF\xBF\xBD\xEF\xBF\xBDx\"");
	assert_escaped("\xED\xA0\x80", 3, "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"");
	assert_escaped("党\xFF委", 7, "\"党\xEF\xBF\xBD委\"");
}

/* Random bytes, weighted towards those that matter. */
static size_t random_text(unsigned *seed, char *out, size_t max)
{
	static const char telling[] = "\"\\\n\x80\xC3\xA9\xE5\x85\x9A\xF0\x9F\x98\x80\xED\xA0"
				      "ab";
	size_t len = (size_t)rand_r(seed) % max;
	for (size_t i = 0; i < len; i++) {
		size_t pick = (size_t)rand_r(seed);
		bool any = rand_r(seed) % 3 == 0;
		out[i] =
		    any ? (char)(unsigned char)(pick % 256) : telling[pick % (sizeof telling - 1)];
	}
	return len;
}

static void test_any_bytes_make_valid_json(void **unused)
{
	(void)unused;
	unsigned seed = 20261123;
	for (int round = 0; round < 20000; round++) {
		char text[64];
		struct buf buf;
		size_t len = random_text(&seed, text, sizeof text);
		buf_init(&buf, 0);
		jsonw_escape(&buf, text, len);
		assert_true(utf8_valid(buf.data, buf.len));
		json_t *read =
		    json_loadb(buf.data, buf.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
		assert_non_null(read);
		if (utf8_valid(text, len)) { /* and comes back as it was */
			assert_int_equal(json_string_length(read), len);
			assert_memory_equal(json_string_value(read), text, len);
		}
		json_decref(read);
		buf_free(&buf);
	}
}

/* ── structure ──────────────────────────────────────────────────────────────────────────────── */

static void test_commas(void **unused)
{
	(void)unused;
	struct buf buf;
	struct jsonw w;
	buf_init(&buf, 0);
	jsonw_init(&w, &buf);
	jsonw_array_open(&w);
	jsonw_object_open(&w);
	jsonw_object_close(&w);
	jsonw_array_open(&w);
	jsonw_array_close(&w);
	jsonw_object_open(&w);
	jsonw_key(&w, "a\"");
	jsonw_int(&w, -5);
	jsonw_key(&w, "b");
	jsonw_array_open(&w);
	jsonw_bool(&w, true);
	jsonw_bool(&w, false);
	jsonw_null(&w);
	jsonw_text(&w, NULL);
	jsonw_text(&w, "党");
	jsonw_string(&w, NULL, 0);
	jsonw_array_close(&w);
	jsonw_key(&w, "c");
	jsonw_raw(&w, "{\"d\":1}", 7);
	jsonw_key(&w, "e");
	jsonw_object_open(&w);
	jsonw_key(&w, "f");
	jsonw_null(&w);
	jsonw_object_close(&w);
	jsonw_object_close(&w);
	jsonw_int(&w, 1);
	jsonw_array_close(&w);
	assert_string_equal(buf.data,
			    "[{},[],{\"a\\\"\":-5,\"b\":[true,false,null,null,\"党\",\"\"],"
			    "\"c\":{\"d\":1},\"e\":{\"f\":null}},1]");
	buf_free(&buf);
}

static void test_lost_memory_shows_once(void **unused)
{
	(void)unused;
	struct buf buf;
	struct jsonw w;
	buf_init(&buf, 0);
	jsonw_init(&w, &buf);
	mem_fail_after(2);
	jsonw_array_open(&w);
	for (int i = 0; i < 1000; i++)
		jsonw_text(&w, "text");
	jsonw_array_close(&w);
	mem_fail_after(0);
	assert_true(buf.failed);
	buf_free(&buf);
}

/* ── depth ──────────────────────────────────────────────────────────────────────────────────── */

static bool depth_ok(const char *text)
{
	return jsonw_depth_ok(text, strlen(text));
}

static void test_depth_at_the_limit(void **unused)
{
	(void)unused;
	char text[2 * JSONW_DEPTH_MAX + 8];
	for (int depth = JSONW_DEPTH_MAX - 1; depth <= JSONW_DEPTH_MAX + 1; depth++) {
		for (int i = 0; i < depth; i++) {
			text[i] = i % 2 == 0 ? '[' : '{';
			text[2 * depth - 1 - i] = i % 2 == 0 ? ']' : '}';
		}
		text[2 * depth] = '\0';
		assert_int_equal(depth_ok(text), depth <= JSONW_DEPTH_MAX);
	}
}

static void test_depth_counts_nesting_not_brackets(void **unused)
{
	(void)unused;
	char text[4000] = "";
	for (int i = 0; i < 1000; i++)
		memcpy(text + 3 * i, "[],", 3);
	assert_true(depth_ok(text));
	assert_true(depth_ok("]]]]]]"));
	assert_true(depth_ok(""));
}

#define MANY "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[" /* 40 */

static void test_depth_skips_strings(void **unused)
{
	(void)unused;
	assert_true(depth_ok("[\"" MANY "\"]"));
	assert_true(depth_ok("[\"\\\"" MANY "\"]"));      /* "\"[[[…" */
	assert_false(depth_ok("[\"\\\\\"" MANY "\"\"]")); /* "\\" ends, then brackets */
	assert_true(depth_ok("[\"\\\\\\\"" MANY "\"]"));  /* "\\\"[[[…" */
	assert_false(depth_ok("[\"a\",\"b\"," MANY "]"));
	assert_false(depth_ok("\"\"" MANY));
	assert_true(depth_ok("\"" MANY));    /* never ends: the parser's to refuse */
	assert_true(depth_ok("[\"abc\\"));   /* ends in mid-escape */
	assert_true(depth_ok("[\"abc\\\"")); /* and after it */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_every_code_point),
	    cmocka_unit_test(test_cut_sequences),
	    cmocka_unit_test(test_bad_byte_anywhere),
	    cmocka_unit_test(test_length_in_points),
	    cmocka_unit_test(test_escapes),
	    cmocka_unit_test(test_bad_bytes_become_replacements),
	    cmocka_unit_test(test_any_bytes_make_valid_json),
	    cmocka_unit_test(test_commas),
	    cmocka_unit_test(test_lost_memory_shows_once),
	    cmocka_unit_test(test_depth_at_the_limit),
	    cmocka_unit_test(test_depth_counts_nesting_not_brackets),
	    cmocka_unit_test(test_depth_skips_strings),
	};
	return cmocka_run_group_tests_name("core/text", tests, NULL, NULL);
}
