/*
 * The validator over an operation of its own that has one field of every kind: what is bound, what
 * is complained of and where, and that every bad field of a request is listed at once.
 *
 * An expectation is a text of `field:code` words in the order of the reply; "" is a good request.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http/validate_priv.h"

#include <stdio.h>
#include <string.h>

#define FREE       .max = INT64_MAX, .pattern_index = -1
#define UUID_UPPER "01890A5D-AC96-774B-BCCE-B302099A8057"
#define UUID_LOWER "01890a5d-ac96-774b-bcce-b302099a8057"

static const char *const patterns[] = {"^[A-Z][A-Z0-9-]{1,5}$", NULL};
static const char *const colours[] = {"red", "green", NULL};
static const char *const kind_note[] = {"note", NULL};
static const char *const kind_link[] = {"link", NULL};

static const struct field integer_item = {
    .type = FIELD_INTEGER, .place = PLACE_BODY, .max = 9, .pattern_index = -1};
static const struct field stretch = {.type = FIELD_ARRAY,
				     .place = PLACE_BODY,
				     .min = 2,
				     .max = 2,
				     .pattern_index = -1,
				     .items = &integer_item};
static const struct field item_members[] = {
    {.name = "lesson_id", .type = FIELD_UUID, .place = PLACE_BODY, .required = true, FREE},
    {.name = "stretches", .type = FIELD_ARRAY, .place = PLACE_BODY, .items = &stretch, FREE},
};
static const struct field item = {
    .type = FIELD_OBJECT, .place = PLACE_BODY, .fields = item_members, .nfields = 2, FREE};
static const struct field note_members[] = {
    {.name = "kind",
     .type = FIELD_STRING,
     .place = PLACE_BODY,
     .required = true,
     .choices = kind_note,
     FREE},
    {.name = "text", .type = FIELD_STRING, .place = PLACE_BODY, .required = true, FREE},
};
static const struct field link_members[] = {
    {.name = "kind",
     .type = FIELD_STRING,
     .place = PLACE_BODY,
     .required = true,
     .choices = kind_link,
     FREE},
    {.name = "url", .type = FIELD_URI, .place = PLACE_BODY, .required = true, FREE},
};
static const struct field variants[] = {
    {.name = "note",
     .type = FIELD_OBJECT,
     .place = PLACE_BODY,
     .fields = note_members,
     .nfields = 2,
     FREE},
    {.name = "link",
     .type = FIELD_OBJECT,
     .place = PLACE_BODY,
     .fields = link_members,
     .nfields = 2,
     FREE},
};
static const struct field query_number = {
    .type = FIELD_INTEGER, .place = PLACE_QUERY, .min = 1, .max = INT64_MAX, .pattern_index = -1};
static const struct field query_text = {
    .type = FIELD_STRING, .place = PLACE_QUERY, .min = 1, .max = 3, .pattern_index = -1};

/* FIRST_BODY below is the index of `title`. */
static const struct field fields[] = {
    {.name = "member_id", .type = FIELD_UUID, .place = PLACE_PATH, .required = true, FREE},
    {.name = "slug", .type = FIELD_STRING, .place = PLACE_PATH, .required = true, FREE},
    {.name = "limit",
     .type = FIELD_INTEGER,
     .place = PLACE_QUERY,
     .min = 1,
     .max = 200,
     .pattern_index = -1,
     .fallback = "50"},
    {.name = "q",
     .type = FIELD_STRING,
     .place = PLACE_QUERY,
     .min = 1,
     .max = 5,
     .pattern_index = -1},
    {.name = "active", .type = FIELD_BOOLEAN, .place = PLACE_QUERY, FREE},
    {.name = "ratio",
     .type = FIELD_NUMBER,
     .place = PLACE_QUERY,
     .min = 0,
     .max = 1,
     .pattern_index = -1},
    {.name = "since", .type = FIELD_DATE, .place = PLACE_QUERY, FREE},
    {.name = "numbers",
     .type = FIELD_ARRAY,
     .place = PLACE_QUERY,
     .min = 1,
     .max = 3,
     .pattern_index = -1,
     .items = &query_number},
    {.name = "words", .type = FIELD_ARRAY, .place = PLACE_QUERY, .items = &query_text, FREE},
    {.name = "title",
     .type = FIELD_STRING,
     .place = PLACE_BODY,
     .required = true,
     .min = 2,
     .max = 4,
     .pattern_index = -1},
    {.name = "note", .type = FIELD_STRING, .place = PLACE_BODY, .nullable = true, FREE},
    {.name = "code",
     .type = FIELD_STRING,
     .place = PLACE_BODY,
     .max = 6,
     .pattern = "^[A-Z][A-Z0-9-]{1,5}$",
     .pattern_index = 0},
    {.name = "colour",
     .type = FIELD_STRING,
     .place = PLACE_BODY,
     .choices = colours,
     .fallback = "red",
     FREE},
    {.name = "count",
     .type = FIELD_INTEGER,
     .place = PLACE_BODY,
     .min = -5,
     .max = 100,
     .pattern_index = -1},
    {.name = "big",
     .type = FIELD_INTEGER,
     .place = PLACE_BODY,
     .min = INT64_MIN,
     .max = INT64_MAX,
     .pattern_index = -1},
    {.name = "score", .type = FIELD_NUMBER, .place = PLACE_BODY, .min = INT64_MIN, FREE},
    {.name = "open", .type = FIELD_BOOLEAN, .place = PLACE_BODY, .fallback = "true", FREE},
    {.name = "id", .type = FIELD_UUID, .place = PLACE_BODY, FREE},
    {.name = "day", .type = FIELD_DATE, .place = PLACE_BODY, FREE},
    {.name = "at", .type = FIELD_TIMESTAMP, .place = PLACE_BODY, FREE},
    {.name = "url", .type = FIELD_URI, .place = PLACE_BODY, FREE},
    {.name = "items",
     .type = FIELD_ARRAY,
     .place = PLACE_BODY,
     .min = 1,
     .max = 4,
     .pattern_index = -1,
     .items = &item},
    {.name = "what",
     .type = FIELD_ANY_OF,
     .place = PLACE_BODY,
     .fields = variants,
     .nfields = 2,
     FREE},
};
#define NFIELDS    ((int)(sizeof(fields) / sizeof(fields[0])))
#define FIRST_BODY 9

static const struct operation whole = {.id = "test",
				       .path = "/{member_id}/{slug}",
				       .has_body = true,
				       .fields = fields,
				       .nfields = NFIELDS};
static const struct operation bodiless = {
    .id = "test", .path = "/{member_id}/{slug}", .fields = fields, .nfields = FIRST_BODY};
static const struct field root_array[] = {
    {.name = "", .type = FIELD_ARRAY, .place = PLACE_BODY, .required = true, .items = &item, FREE}};
static const struct operation batch = {
    .id = "test", .path = "/", .has_body = true, .fields = root_array, .nfields = 1};

/* ── the harness ────────────────────────────────────────────────────────────────────────────── */

static struct op op;
static struct route_match match;
static char listed[32768];

static void set_param(int index, const char *text)
{
	match.params[index].text = text;
	match.params[index].len = strlen(text);
}

static int set_up(void **state)
{
	(void)state;
	memset(&op, 0, sizeof(op));
	memset(&match, 0, sizeof(match));
	op.arena = arena_new(1 << 20);
	op.operation = &whole;
	match.nparams = 2;
	set_param(0, UUID_UPPER);
	set_param(1, "a");
	return op.arena != NULL && validate_patterns(patterns, 1) == 0 ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	json_decref(op.body);
	arena_free(op.arena);
	return 0;
}

static enum problem validate_bytes(const char *query, const char *body, size_t len)
{
	size_t at = 0;
	enum problem problem;

	json_decref(op.body);
	op.body = NULL;
	op.reply.errors = NULL;
	op.body_text = body;
	op.body_len = len;
	problem = validate_request(&op, &match, query);
	listed[0] = '\0';
	for (const struct field_error *e = op.reply.errors; e != NULL; e = e->next) {
		int n = snprintf(listed + at, sizeof(listed) - at, "%s%s:%s", at > 0 ? " " : "",
				 e->field, e->code);

		assert_true(n > 0 && (size_t)n < sizeof(listed) - at);
		at += (size_t)n;
	}
	return problem;
}

static enum problem validate(const char *query, const char *body)
{
	return validate_bytes(query, body, body != NULL ? strlen(body) : 0);
}

static void expect(const char *query, const char *body, const char *errors)
{
	enum problem problem = validate(query, body);

	assert_string_equal(listed, errors);
	assert_int_equal(problem, errors[0] != '\0' ? PROBLEM_validation_failed : PROBLEM_NONE);
}

static void expect_query(const char *query, const char *errors)
{
	op.operation = &bodiless;
	expect(query, NULL, errors);
	op.operation = &whole;
}

/* `members` is put beside a good title. */
static void expect_body(const char *members, const char *errors)
{
	char body[4096];

	(void)snprintf(body, sizeof(body), "{\"title\":\"ok\"%s%s}", members[0] != '\0' ? "," : "",
		       members);
	expect(NULL, body, errors);
}

static const struct value *value(const char *name)
{
	for (int i = 0; i < op.operation->nfields; i++) {
		if (strcmp(op.operation->fields[i].name, name) == 0)
			return &op.values[i];
	}
	fail_msg("no field %s", name);
	return NULL;
}

static void expect_bound(const char *name, const char *text)
{
	const struct value *v = value(name);

	assert_true(v->present);
	assert_false(v->null);
	assert_non_null(v->text);
	assert_string_equal(v->text, text);
	assert_int_equal(v->len, strlen(text));
}

static void expect_query_value(const char *query, const char *name, const char *text)
{
	expect_query(query, "");
	op.operation = &bodiless;
	expect_bound(name, text);
	op.operation = &whole;
}

static void expect_body_value(const char *members, const char *name, const char *text)
{
	expect_body(members, "");
	expect_bound(name, text);
}

/* ── path ───────────────────────────────────────────────────────────────────────────────────── */

static void binds_path_parameters(void **state)
{
	(void)state;
	set_param(1, "%E5%85%9A%2f+%25");
	expect_query(NULL, "");
	expect_bound("member_id", UUID_LOWER);
	expect_bound("slug", "党/+%");
}

static void refuses_bad_path_parameters(void **state)
{
	static const char *const bad[] = {"%",      "%4",        "%zz",  "%00", "%ff",
					  "%c0%80", "%ed%a0%80", "\xff", "a%"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		set_param(1, bad[i]);
		expect_query(NULL, "slug:encoding");
	}
	set_param(0, "42");
	expect_query(NULL, "member_id:format slug:encoding");
}

/* ── query ──────────────────────────────────────────────────────────────────────────────────── */

static void binds_query_parameters(void **state)
{
	(void)state;
	expect_query_value("limit=200", "limit", "200");
	assert_int_equal(op.values[2].integer, 200);
	expect_query_value("q=a+b%2B", "q", "a b+");
	expect_query_value("q=%e5%85%9a%e5%85%9a%e5%85%9a%e5%85%9a%e5%85%9a", "q", "党党党党党");
	expect_query_value("&&active=true&", "active", "true");
	assert_int_equal(op.values[4].integer, 1);
	expect_query_value("active=false", "active", "false");
	expect_query_value("ratio=0.25", "ratio", "0.25");
	expect_query_value("ratio=5e-1", "ratio", "5e-1");
	expect_query_value("since=2026-11-23", "since", "2026-11-23");
	expect_query_value("%71=x", "q", "x");
	expect_query_value("q==", "q", "=");
}

static void puts_defaults_for_absent_parameters(void **state)
{
	(void)state;
	expect_query_value("", "limit", "50");
	assert_int_equal(op.values[2].integer, 50);
	assert_false(op.values[3].present);
}

static void refuses_bad_query_parameters(void **state)
{
	(void)state;
	expect_query("limit=0", "limit:too_small");
	expect_query("limit=201", "limit:too_large");
	expect_query("limit=99999999999999999999", "limit:too_large");
	expect_query("limit=-99999999999999999999", "limit:too_small");
	expect_query("limit=", "limit:type");
	expect_query("limit", "limit:type");
	expect_query("limit=1.0", "limit:type");
	expect_query("limit=+1", "limit:type");
	expect_query("limit=01", "limit:type");
	expect_query("limit=0x10", "limit:type");
	expect_query("limit=-", "limit:type");
	expect_query("ratio=nan", "ratio:type");
	expect_query("ratio=1e999", "ratio:type");
	expect_query("ratio=0x1p3", "ratio:type");
	expect_query("ratio=1.", "ratio:type");
	expect_query("ratio=.5", "ratio:type");
	expect_query("ratio=1e", "ratio:type");
	expect_query("ratio=1.01", "ratio:too_large");
	expect_query("ratio=-0.01", "ratio:too_small");
	expect_query("active=1", "active:type");
	expect_query("active=TRUE", "active:type");
	expect_query("q=", "q:too_short");
	expect_query("q=123456", "q:too_long");
	expect_query("q=%00", "q:encoding");
	expect_query("q=%e5%85", "q:encoding");
	expect_query("q=a&q=b", "q:repeated");
	expect_query("since=2026-02-30", "since:format");
	expect_query("title=ok", "title:unknown");
	expect_query("member_id=1", "member_id:unknown");
	expect_query("=1", ":unknown");
	expect_query("%ff=1", "query:encoding");
}

static void binds_arrays_of_the_query(void **state)
{
	(void)state;
	expect_query_value("numbers=1,2,30", "numbers", "[1,2,30]");
	expect_query_value("numbers=1%2C2", "numbers", "[1,2]");
	expect_query_value("words=a,%22,%5C", "words", "[\"a\",\"\\\"\",\"\\\\\"]");
	expect_query_value("words=", "words", "[]");
	expect_query("numbers=", "numbers:too_few");
	expect_query("numbers=1,2,3,4", "numbers:too_many");
	expect_query("numbers=1,x,0", "numbers[1]:type numbers[2]:too_small");
	expect_query("words=a,,abcd", "words[1]:too_short words[2]:too_long");
	expect_query("words=a&words=b", "words:repeated");
}

/* ── body ───────────────────────────────────────────────────────────────────────────────────── */

static void binds_body(void **state)
{
	(void)state;
	expect_body_value("\"note\":\"\"", "note", "");
	expect_body_value("\"code\":\"AB-1\"", "code", "AB-1");
	expect_body_value("\"colour\":\"green\"", "colour", "green");
	expect_body_value("\"count\":-5", "count", "-5");
	assert_int_equal(value("count")->integer, -5);
	expect_body_value("\"big\":9223372036854775807", "big", "9223372036854775807");
	expect_body_value("\"big\":-9223372036854775808", "big", "-9223372036854775808");
	expect_body_value("\"score\":0.1", "score", "0.1");
	expect_body_value("\"score\":0.30000000000000004", "score", "0.30000000000000004");
	expect_body_value("\"score\":7", "score", "7");
	expect_body_value("\"open\":false", "open", "false");
	assert_int_equal(value("open")->integer, 0);
	expect_body_value("\"id\":\"" UUID_UPPER "\"", "id", UUID_LOWER);
	expect_body_value("\"day\":\"2024-02-29\"", "day", "2024-02-29");
	expect_body_value("\"at\":\"2026-11-23T12:24:03.5+08:00\"", "at",
			  "2026-11-23T12:24:03.5+08:00");
	expect_body_value("\"url\":\"https://example.org/a?b=%20#c\"", "url",
			  "https://example.org/a?b=%20#c");
	expect_body_value("\"items\":[ {\"lesson_id\": \"" UUID_LOWER
			  "\",\"stretches\":[[0, 9]]} ]",
			  "items", "[{\"lesson_id\":\"" UUID_LOWER "\",\"stretches\":[[0,9]]}]");
	assert_true(json_is_array(value("items")->json));
	expect_body_value("\"what\":{\"kind\":\"note\",\"text\":\"\"}", "what",
			  "{\"kind\":\"note\",\"text\":\"\"}");
}

static void tells_absent_from_null(void **state)
{
	(void)state;
	expect_body("\"note\":null", "");
	assert_true(value("note")->present);
	assert_true(value("note")->null);
	assert_null(value("note")->text);
	expect_body("", "");
	assert_false(value("note")->present);
	expect_bound("colour", "red");
	expect_bound("open", "true");
	assert_int_equal(value("open")->integer, 1);
}

static void refuses_bad_members(void **state)
{
	(void)state;
	expect(NULL, "{}", "title:required");
	expect(NULL, "{\"title\":null}", "title:not_nullable");
	expect(NULL, "{\"title\":1}", "title:type");
	expect(NULL, "{\"title\":\"a\"}", "title:too_short");
	expect(NULL, "{\"title\":\"党\"}", "title:too_short");
	expect(NULL, "{\"title\":\"党党党党\"}", "");
	expect(NULL, "{\"title\":\"党党党党党\"}", "title:too_long");
	expect(NULL, "{\"title\":\"a\\u0000b\"}", "title:nul");
	expect_body("\"code\":\"ab\"", "code:pattern");
	expect_body("\"code\":\"AB\\n\"", "code:pattern");
	expect_body("\"code\":\"ABCDEFG\"", "code:too_long");
	expect_body("\"colour\":\"RED\"", "colour:enum");
	expect_body("\"colour\":null", "colour:not_nullable");
	expect_body("\"count\":-6", "count:too_small");
	expect_body("\"count\":101", "count:too_large");
	expect_body("\"count\":1.0", "count:type");
	expect_body("\"count\":\"1\"", "count:type");
	expect_body("\"count\":true", "count:type");
	expect_body("\"score\":\"1\"", "score:type");
	expect_body("\"open\":0", "open:type");
	expect_body("\"id\":\"42\"", "id:format");
	expect_body("\"day\":\"2026-2-1\"", "day:format");
	expect_body("\"at\":\"2026-11-23T12:24:03\"", "at:format");
	expect_body("\"member_id\":1", "member_id:unknown");
	expect_body("\"limit\":1", "limit:unknown");
	expect_body("\"\":1", ":unknown");
}

static void refuses_bad_uris(void **state)
{
	static const char *const bad[] = {"",
					  "example.org",
					  "ftp://example.org",
					  "http://",
					  "https:///x",
					  "https://:80/",
					  "https://a b/",
					  "https://u:p@example.org/",
					  "https://example.org/%",
					  "https://example.org/%4",
					  "https://example.org/<x>",
					  "javascript:alert(1)",
					  "https://党.cn/"};
	char members[128];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		(void)snprintf(members, sizeof(members), "\"url\":\"%s\"", bad[i]);
		expect_body(members, "url:format");
	}
}

static void names_the_place_of_nested_errors(void **state)
{
	(void)state;
	expect_body("\"items\":[]", "items:too_few");
	expect_body("\"items\":[1,2,3,4,5]", "items:too_many");
	expect_body("\"items\":{}", "items:type");
	expect_body("\"items\":[{}]", "items[0].lesson_id:required");
	expect_body("\"items\":[{\"lesson_id\":\"" UUID_LOWER "\"},"
		    "{\"lesson_id\":\"" UUID_LOWER "\",\"stretches\":[[1,2],[3,10]],\"x\":1}]",
		    "items[1].stretches[1][1]:too_large items[1].x:unknown");
	expect_body("\"items\":[null,[]]", "items[0]:not_nullable items[1]:type");
}

static void notes_bad_items_where_the_spec_says_so(void **state)
{
	static const struct field lenient[] = {{.name = "items",
						.type = FIELD_ARRAY,
						.place = PLACE_BODY,
						.max = 500,
						.pattern_index = -1,
						.items = &item,
						.item_errors = true}};
	static const struct operation operation = {
	    .id = "test", .path = "/", .has_body = true, .fields = lenient, .nfields = 1};
	char body[8192] = "{\"items\":[{\"lesson_id\":\"" UUID_LOWER "\"}";
	int count = 0;

	(void)state;
	op.operation = &operation;
	match.nparams = 0;
	for (int i = 0; i < 400; i++)
		(void)strncat(body, ",{\"x\":1}", 10);
	(void)strncat(body, "]}", 3);
	assert_int_equal(validate(NULL, body), PROBLEM_NONE);
	assert_int_equal(json_array_size(value("items")->json), 401);
	for (const struct field_error *e = op.reply.errors; e != NULL; e = e->next)
		count++;
	assert_int_equal(count, 400);
	assert_string_equal(op.reply.errors->field, "items[1].lesson_id");

	expect(NULL, "{\"items\":1,\"x\":1}", "items:type x:unknown");
}

static void follows_the_variant_that_kind_names(void **state)
{
	(void)state;
	expect_body("\"what\":{\"kind\":\"link\",\"url\":\"http://a\"}", "");
	expect_body("\"what\":{\"kind\":\"link\",\"text\":\"x\"}",
		    "what.url:required what.text:unknown");
	expect_body("\"what\":{}", "what.kind:required");
	expect_body("\"what\":{\"kind\":1}", "what.kind:type");
	expect_body("\"what\":{\"kind\":\"film\"}", "what.kind:enum");
	expect_body("\"what\":[]", "what:type");
}

static void lists_every_bad_field_at_once(void **state)
{
	(void)state;
	set_param(0, "x");
	expect("limit=0&nope=1&q=", "{\"count\":1000,\"extra\":{},\"open\":1}",
	       "member_id:format limit:too_small nope:unknown q:too_short count:too_large "
	       "extra:unknown open:type title:required");
}

static void lists_no_more_than_a_hundred(void **state)
{
	char body[8192] = "{";
	size_t at = 1;
	int count = 0;

	(void)state;
	for (int i = 0; i < 500; i++)
		at += (size_t)snprintf(body + at, sizeof(body) - at, "\"f%d\":%d,", i, i);
	(void)snprintf(body + at, sizeof(body) - at, "\"title\":\"ok\"}");
	assert_int_equal(validate(NULL, body), PROBLEM_validation_failed);
	for (const struct field_error *e = op.reply.errors; e != NULL; e = e->next)
		count++;
	assert_int_equal(count, VALIDATE_ERRORS_MAX);
}

static void cuts_long_unknown_names_at_a_character(void **state)
{
	char body[512] = "{\"title\":\"ok\",\"";

	(void)state;
	for (int i = 0; i < 100; i++)
		(void)strncat(body, "党", 4);
	(void)strncat(body, "\":1}", 5);
	assert_int_equal(validate(NULL, body), PROBLEM_validation_failed);
	assert_int_equal(strlen(op.reply.errors->field), VALIDATE_NAME_MAX / 3 * 3);
}

static void fills_the_bound_into_the_text(void **state)
{
	(void)state;
	expect_body("\"count\":101", "count:too_large");
	assert_string_equal(op.reply.errors->detail_zh, "不能大于 100");
	assert_string_equal(op.reply.errors->detail_en, "Must be at most 100");
	expect_body("\"colour\":\"blue\"", "colour:enum");
	assert_string_equal(op.reply.errors->detail_en, "Must be one of: red, green");
}

/* ── whole bodies ───────────────────────────────────────────────────────────────────────────── */

static void refuses_what_is_no_json(void **state)
{
	static const char *const bad[] = {"",
					  " ",
					  "{",
					  "{\"title\":\"ok\"}x",
					  "{\"title\":\"ok\",}",
					  "{'title':1}",
					  "nul",
					  "{\"title\":\"ok\",\"title\":\"ok\"}",
					  "{\"big\":9223372036854775808}",
					  "{\"score\":1e999}",
					  "{\"score\":NaN}",
					  "{\"score\":01}",
					  "{\"title\":\"\\ud800\"}",
					  "{\"a\\u0000b\":1}",
					  "{\"title\":\"a\nb\"}",
					  "\xef\xbb\xbf{}",
					  "// x\n{}"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(validate(NULL, bad[i]), PROBLEM_bad_json);
		assert_string_equal(listed, "");
	}
	assert_int_equal(validate_bytes(NULL, "{\"title\":\"ok\"}\0", 15), PROBLEM_bad_json);
	assert_int_equal(validate(NULL, NULL), PROBLEM_bad_json);
}

static void refuses_bad_encoding_and_depth(void **state)
{
	char deep[256];

	(void)state;
	assert_int_equal(validate(NULL, "{\"title\":\"\xff\"}"), PROBLEM_bad_encoding);
	assert_int_equal(validate(NULL, "{\"title\":\"\xed\xa0\x80\"}"), PROBLEM_bad_encoding);
	memset(deep, '[', 100);
	memset(deep + 100, ']', 100);
	deep[200] = '\0';
	assert_int_equal(validate(NULL, deep), PROBLEM_json_too_deep);
}

static void wants_an_object_unless_the_spec_says_array(void **state)
{
	(void)state;
	expect(NULL, "[]", "body:type title:required");
	expect(NULL, "null", "body:type title:required");
	expect(NULL, "\"x\"", "body:type title:required");

	op.operation = &batch;
	match.nparams = 0;
	expect(NULL, "[{\"lesson_id\":\"" UUID_LOWER "\"}]", "");
	expect_bound("", "[{\"lesson_id\":\"" UUID_LOWER "\"}]");
	expect(NULL, "[{}]", "body[0].lesson_id:required");
	expect(NULL, "{}", "body:type");
}

static void allows_only_an_empty_object_where_no_body_is_read(void **state)
{
	(void)state;
	op.operation = &bodiless;
	expect(NULL, "{}", "");
	expect(NULL, "{\"x\":1}", "x:unknown");
	assert_int_equal(validate(NULL, "x=1"), PROBLEM_bad_json);
}

static void says_too_large_when_the_arena_is_full(void **state)
{
	static char body[40000];

	(void)state;
	arena_free(op.arena);
	op.arena = arena_new(8192);
	(void)snprintf(body, sizeof(body),
		       "{\"title\":\"ok\",\"items\":[{\"lesson_id\":\"" UUID_LOWER
		       "\",\"stretches\":[");
	for (size_t at = strlen(body); at < sizeof(body) - 16; at += 6)
		memcpy(body + at, "[1,2],", 6);
	memcpy(body + strlen(body) - 1, "]}]}", 5);
	assert_int_equal(validate(NULL, body), PROBLEM_body_too_large);
}

static void compiles_the_generated_patterns(void **state)
{
	static const char *const bad[] = {"^(", NULL};

	(void)state;
	assert_int_equal(validate_init(), 0);
	assert_int_equal(validate_patterns(bad, 1), -1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(binds_path_parameters),
	    TEST(refuses_bad_path_parameters),
	    TEST(binds_query_parameters),
	    TEST(puts_defaults_for_absent_parameters),
	    TEST(refuses_bad_query_parameters),
	    TEST(binds_arrays_of_the_query),
	    TEST(binds_body),
	    TEST(tells_absent_from_null),
	    TEST(refuses_bad_members),
	    TEST(refuses_bad_uris),
	    TEST(names_the_place_of_nested_errors),
	    TEST(notes_bad_items_where_the_spec_says_so),
	    TEST(follows_the_variant_that_kind_names),
	    TEST(lists_every_bad_field_at_once),
	    TEST(lists_no_more_than_a_hundred),
	    TEST(cuts_long_unknown_names_at_a_character),
	    TEST(fills_the_bound_into_the_text),
	    TEST(refuses_what_is_no_json),
	    TEST(refuses_bad_encoding_and_depth),
	    TEST(wants_an_object_unless_the_spec_says_array),
	    TEST(allows_only_an_empty_object_where_no_body_is_read),
	    TEST(says_too_large_when_the_arena_is_full),
	    TEST(compiles_the_generated_patterns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
