/*
 * guard_priv: what the guard's two files share: a head taken apart into spans of the input.
 *
 * guard_parse.c reads lines into a struct head; guard.c judges it and writes the new one. Spans
 * point into the caller's bytes and are never longer than them.
 */
#ifndef PARTYSTUDY_HTTP_GUARD_PRIV_H
#define PARTYSTUDY_HTTP_GUARD_PRIV_H

#include "http/guard.h"

enum known {
	HEADER_HOST,
	HEADER_CONTENT_LENGTH,
	HEADER_TRANSFER_ENCODING,
	HEADER_EXPECT,
	HEADER_CONNECTION,
	HEADER_AUTHORIZATION,
	HEADER_CONTENT_TYPE,
	HEADER_ACCEPT,
	HEADER_ACCEPT_LANGUAGE,
	HEADER_IF_MATCH,
	HEADER_IF_NONE_MATCH,
	HEADER_IDEMPOTENCY_KEY,
	HEADER_X_REQUEST_ID,
	HEADER_TRACEPARENT,
	HEADER_USER_AGENT,
	HEADER_X_FORWARDED_FOR,
	HEADER_PREFER,
	HEADER_COUNT
};

/*
 * What a second line of the same name does. The lists (Accept and the like) keep the first line: a
 * list split over lines is unheard of from our clients, and the worst that comes of it is a 200 in
 * the place of a 304. X-Forwarded-For keeps the last, which is the one a proxy has added.
 */
enum twice { TWICE_REFUSE, TWICE_FIRST, TWICE_LAST };

/* What bytes above 127 do, which Kore would answer with a bare 400. Controls always refuse. */
enum foreign { FOREIGN_REFUSE, FOREIGN_DROP, FOREIGN_MASK };

struct guard_rule {
	const char *name;
	enum twice twice;
	enum foreign foreign;
	bool copied; /* into the rewritten head as it is; the others are written by hand or not at
			all */
};

extern const struct guard_rule guard_rules[HEADER_COUNT];

struct span {
	const char *at;
	size_t len;
};

enum http_method {
	METHOD_UNKNOWN,
	METHOD_BODILESS, /* GET, HEAD, DELETE, OPTIONS */
	METHOD_BODIED    /* POST, PUT, PATCH */
};

struct head {
	enum problem problem; /* the first thing found wrong */
	struct span method;
	struct span target;    /* origin-form; empty for "/" */
	struct span authority; /* of an absolute-form target */
	enum http_method kind;
	bool version_1_0;
	struct span values[HEADER_COUNT]; /* at NULL: absent */
};

/* Notes what is wrong; the first note stays. */
void guard_fault(struct head *h, enum problem problem);

/* Reads the lines from `start` to `end` (one past the blank line), each ended by CRLF. */
void guard_read_lines(struct head *h, const char *start, const char *end, struct guard_result *out);

bool guard_is_digit(char c);
bool guard_is_alnum(char c);
bool guard_is_token(char c);
bool guard_is_foreign(char c);
bool guard_all(struct span s, bool (*test)(char));
struct span guard_trim(struct span s);
/* True when the span is `text`, whatever the case. */
bool guard_span_is(struct span s, const char *text);
/* Cuts the next element of a comma list off `rest`; false at the end. */
bool guard_next(struct span *rest, struct span *element);

#endif
