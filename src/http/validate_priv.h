/*
 * validate_priv: what the parts of the validator share. Only validate*.c and its test include this.
 *
 *     validate.c         the request: path, query, body; which field goes where
 *     validate_query.c   percent-decoding, splitting of the query
 *     validate_text.c    one scalar given as text (path and query), and the formats of strings
 *     validate_json.c    one JSON value and all that is in it
 *     validate_error.c   what is said about a bad field
 *
 * To add a kind of complaint: a row in CHECKS, and the code in api-spec/README.md.
 */
#ifndef PARTYSTUDY_HTTP_VALIDATE_PRIV_H
#define PARTYSTUDY_HTTP_VALIDATE_PRIV_H

#include "http/validate.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* CHECK(name, code in the reply, 中文, English); {} is the bound. */
#define CHECKS                                                                                     \
	CHECK(REQUIRED, "required", "必填", "This field is required")                              \
	CHECK(UNKNOWN, "unknown", "未知字段", "There is no such field")                            \
	CHECK(REPEATED, "repeated", "参数不可重复", "The parameter may be given only once")        \
	CHECK(ENCODING, "encoding", "百分号编码或 UTF-8 无效",                                     \
	      "The percent-encoding or the UTF-8 is invalid")                                      \
	CHECK(NUL, "nul", "不能包含 NUL 字符", "NUL characters are not allowed")                   \
	CHECK(NOT_NULLABLE, "not_nullable", "不能为 null", "null is not allowed")                  \
	CHECK(TYPE, "type", "类型应为 {}", "The type must be {}")                                  \
	CHECK(ENUM, "enum", "应为以下之一：{}", "Must be one of: {}")                              \
	CHECK(TOO_SHORT, "too_short", "长度至少 {} 个字符", "Must have at least {} characters")    \
	CHECK(TOO_LONG, "too_long", "长度最多 {} 个字符", "Must have at most {} characters")       \
	CHECK(TOO_SMALL, "too_small", "不能小于 {}", "Must be at least {}")                        \
	CHECK(TOO_LARGE, "too_large", "不能大于 {}", "Must be at most {}")                         \
	CHECK(TOO_FEW, "too_few", "至少 {} 项", "Must have at least {} items")                     \
	CHECK(TOO_MANY, "too_many", "最多 {} 项", "Must have at most {} items")                    \
	CHECK(PATTERN, "pattern", "应匹配 {}", "Must match {}")                                    \
	CHECK(FORMAT, "format", "应为有效的 {}", "Must be a valid {}")

enum check {
#define CHECK(name, code, zh, en) CHECK_##name,
	CHECKS
#undef CHECK
	    CHECK_COUNT
};

#define VALIDATE_ERRORS_MAX 100 /* bad fields listed; the search ends there */
#define VALIDATE_NAME_MAX   64  /* bytes of an unknown name that a reply repeats */

/* The work on one request. */
struct validation {
	struct op *op;
	int errors; /* listed so far */
};

/* Where a value stands, as a chain up to its top-level field: items[3].lesson_id. */
struct spot {
	const struct spot *up; /* NULL: top level */
	const char *name;      /* NULL: an item of an array */
	size_t index;
};

/* ── validate_error.c ───────────────────────────────────────────────────────────────────────── */

/* Notes a bad field; `bound` fills the {} of the text and may be NULL. Always false. */
bool validate_fail(struct validation *v, const struct spot *spot, enum check check,
		   const char *bound);
bool validate_fail_int(struct validation *v, const struct spot *spot, enum check check,
		       int64_t bound);
/* True when no further error would be listed: there is no use in looking on. */
bool validate_full(const struct validation *v);
/* "integer", "array" and so on, as the spec calls it. */
const char *validate_type_name(enum field_type type);

/* ── validate_text.c ────────────────────────────────────────────────────────────────────────── */

/* Compiles `count` patterns in the place of the present ones. 0 or -1. */
int validate_patterns(const char *const *patterns, int count);

/* The rules of a string-like field: length, choices, format, pattern. */
bool validate_string(struct validation *v, const struct spot *spot, const struct field *field,
		     const char *text, size_t len);
bool validate_integer(struct validation *v, const struct spot *spot, const struct field *field,
		      int64_t number);
bool validate_number(struct validation *v, const struct spot *spot, const struct field *field,
		     double number);
/* A scalar given as text in path or query; `text` is NUL-terminated and lives as long as the op. */
bool validate_scalar(struct validation *v, const struct spot *spot, const struct field *field,
		     const char *text, size_t len, struct value *out);
/* Binds the text of a string-like field: UUIDs in lower case. */
void validate_bind_text(struct op *op, const struct field *field, const char *text, size_t len,
			struct value *out);

/* ── validate_query.c ───────────────────────────────────────────────────────────────────────── */

/*
 * Decodes %XX (and + as a space with `plus`) into the arena. NULL when an escape is bad, the result
 * is not UTF-8 or holds a NUL, or the arena is full.
 */
char *validate_decode(struct arena *arena, const char *raw, size_t len, bool plus,
		      size_t *decoded_len);
/* Binds every parameter of the query. `query` may be NULL. */
void validate_query(struct validation *v, const char *query);

/* ── validate_json.c ────────────────────────────────────────────────────────────────────────── */

/* Checks `json` and all that is in it. */
bool validate_json(struct validation *v, const struct spot *spot, const struct field *field,
		   json_t *json);
/* Binds a value that has passed validate_json. */
void validate_bind_json(struct op *op, const struct field *field, json_t *json, struct value *out);

#endif
