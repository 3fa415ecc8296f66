/*
 * guard: the judgement on a message's head (RFC 9112), a pure function over bytes: what gets
 * fuzzed.
 *
 * Strict where leniency lets two parsers disagree (RFC 9112 section 11): no bare CR or LF, no
 * obs-fold, no space before the colon, one Host, one Content-Length that is digits only, no
 * Transfer-Encoding (411), no body on GET, HEAD, DELETE and OPTIONS. The absolute form is
 * rewritten, and a POST, PUT or PATCH that names no length has an empty body.
 */
#ifndef PARTYSTUDY_HTTP_GUARD_H
#define PARTYSTUDY_HTTP_GUARD_H

#include "core/problem.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GUARD_HEAD_MAX  32768 /* bytes of a head as sent */
#define GUARD_LINES_MAX 100   /* header lines as sent */
#define GUARD_KEPT_MAX  8192  /* bytes of the rewritten head: Kore's http_header_max */

enum guard_verdict {
	GUARD_MORE,  /* the head is not complete yet */
	GUARD_PASS,  /* `head` is what Kore may see */
	GUARD_REFUSE /* `problem` says why; the connection cannot go on */
};

struct guard_result {
	enum guard_verdict verdict;
	enum problem problem;
	size_t consumed;       /* bytes of the input that were the head */
	size_t content_length; /* bytes of body that follow */
	bool expects_continue; /* Expect: 100-continue */
	bool close;            /* HTTP/1.0, or Connection: close */
	bool chinese; /* Accept-Language prefers Chinese (or says nothing): for the refusal */
	char request_id[65]; /* X-Request-Id when it is well-formed, else "" */
	size_t head_len;
	char head[GUARD_KEPT_MAX];
};

/*
 * Looks at `len` bytes from the start of a message. `scanned` is what an earlier call that returned
 * GUARD_MORE has already seen (0 at first), so that a slow sender costs no quadratic time.
 * `body_max` is the largest Content-Length allowed (body_too_large beyond it).
 */
void guard_inspect(const uint8_t *bytes, size_t len, size_t scanned, size_t body_max,
		   struct guard_result *out);

/*
 * True when an Accept-Language value does not put English before Chinese: Chinese is the house
 * language, also for those who ask for a third one.
 */
bool guard_prefers_chinese(const char *value, size_t len);

#endif
