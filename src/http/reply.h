/*
 * reply: from an answer to bytes: status line, headers, problem+json (RFC 9457).
 */
#ifndef PARTYSTUDY_HTTP_REPLY_H
#define PARTYSTUDY_HTTP_REPLY_H

#include "core/buf.h"
#include "core/problem.h"
#include "service/op.h"

#include <stdbool.h>

/* The problem+json body. `errors` may be NULL. */
void reply_problem_body(struct buf *out, enum problem problem, const struct field_error *errors,
                        enum language language, const char *request_id);

/*
 * A whole refusal (head and body) for what never became a request: Connection: close,
 * WWW-Authenticate, Retry-After and the like as the status demands.
 */
void reply_refusal(struct buf *out, enum problem problem, enum language language,
                   const char *request_id, bool secure);

/* What a reply's head needs to know beyond the answer itself. */
struct reply_context {
	const char *request_id;
	enum language language;
	bool is_get;        /* GET or HEAD: entity tags and caching apply */
	bool secure;        /* through TLS */
	bool close;
	unsigned allowed;   /* bit set of enum method for Allow; 0: none */
	const char *if_none_match; /* "" none */
	const char *path;   /* raw path and query, for Link */
	const char *query;  /* NULL none */
};

/*
 * Finishes the answer: a problem's body, the entity tag of a read, 304 where it fits; then writes
 * the head into `head`. The body to send is reply->body, empty where the status has none.
 */
void reply_finish(struct buf *head, struct reply *reply, const struct reply_context *context);

#endif
