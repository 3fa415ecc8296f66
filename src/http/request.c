/*
 * request: see request.h. The order in a request's life is the order of the functions here.
 *
 * Two owners hold a request: Kore, until its http_request is freed (on_free), and whatever is in
 * flight for it. When the client goes away Kore frees first: on_free tells the op to abandon what
 * is in flight, so that nothing calls back into freed memory.
 */
#include "http/request.h"

#include "auth/auth.h"
#include "core/clock.h"
#include "core/conf.h"
#include "core/log.h"
#include "core/mem.h"
#include "http/access_log.h"
#include "http/conn.h"
#include "http/guard.h"
#include "http/metrics.h"
#include "http/ops.h"
#include "http/reply.h"
#include "http/request_priv.h"
#include "http/router.h"
#include "http/validate.h"

#include <string.h>
#include <strings.h>

#define ARENA_FIRST (1u << 16)

static int pending;

int request_init(void)
{
	if (router_init() != 0 || validate_init() != 0)
		return -1;
	return metrics_init();
}

void request_worker_start(void)
{
	metrics_worker_start();
}

void request_worker_tick(void)
{
	metrics_worker_tick(pending);
}

static void on_free(struct http_request *req)
{
	struct request *rq = req->hdlr_extra;

	if (rq == NULL)
		return;
	req->hdlr_extra = NULL;
	op_abandon(&rq->op);
	if (!rq->sent)
		metrics_client_gone();
	json_decref(rq->op.body);
	buf_free(&rq->op.reply.body);
	pending--;
	arena_free(rq->op.arena);
}

static struct request *request_new(struct http_request *req)
{
	size_t limit = ARENA_FIRST + 8 * (size_t)conf()->body_max;
	struct arena *arena;
	struct request *rq;

	if (req->http_body_length > (size_t)conf()->body_max)
		limit = ARENA_FIRST + 8 * (size_t)conf()->batch_body_max;
	arena = arena_new(limit);
	rq = arena != NULL ? arena_alloc(arena, sizeof(*rq)) : NULL;
	if (rq == NULL) {
		arena_free(arena);
		return NULL;
	}
	rq->http = req;
	rq->started_us = clock_monotonic_us();
	rq->op.arena = arena;
	rq->op.deadline_ms = clock_monotonic_ms() + (uint64_t)conf()->request_timeout_ms;
	rq->op.reply.content_type = "application/json";
	buf_init(&rq->op.reply.body, 0);
	req->hdlr_extra = rq;
	req->flags |= HTTP_REQUEST_RETAIN_EXTRA;
	req->onfree = on_free;
	pending++;
	return rq;
}

static void answered(struct op *op)
{
	struct request *rq = (struct request *)op; /* op is the first member */

	rq->ready = true;
	http_request_wakeup(rq->http);
}

/* ── reading the head ───────────────────────────────────────────────────────────────────────── */

static const char *header(struct request *rq, const char *name)
{
	const char *value;

	return http_request_header(rq->http, name, &value) == KORE_RESULT_OK ? value : NULL;
}

static bool request_id_ok(const char *text)
{
	size_t len =
	    strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.:");

	return len > 0 && len <= 64 && text[len] == '\0';
}

static enum language language_of(const char *accept)
{
	if (accept == NULL || guard_prefers_chinese(accept, strlen(accept)))
		return LANGUAGE_ZH;
	return LANGUAGE_EN;
}

static void read_head(struct request *rq)
{
	struct op *op = &rq->op;
	const char *text = header(rq, "x-request-id");

	if (text != NULL && request_id_ok(text))
		(void)snprintf(rq->request_id, sizeof(rq->request_id), "%s", text);
	else
		uuid_v7(rq->request_id);
	op->language = language_of(header(rq, "accept-language"));
	text = header(rq, "if-none-match");
	if (text != NULL)
		(void)snprintf(op->if_none_match, sizeof(op->if_none_match), "%s", text);
	conn_address(rq->http, op->caller.address, sizeof(op->caller.address));
}

/*
 * If-Match holds *, or one tag of ours: "<version>-<hash>", of which the version counts, or the
 * version alone in quotes. False when it is anything else: that fits nothing (RFC 9110
 * section 13.1.1).
 */
static bool read_if_match(struct request *rq)
{
	const char *text = header(rq, "if-match");
	size_t digits, hash = 0;

	if (text == NULL || !rq->op.operation->if_match)
		return true;
	if (strcmp(text, "*") == 0) {
		memcpy(rq->op.if_match, "*", 2);
		return true;
	}
	if (text[0] != '"')
		return false;
	digits = strspn(text + 1, "0123456789");
	if (text[1 + digits] == '-')
		hash = 1 + strspn(text + 1 + digits + 1, "0123456789abcdef");
	if (digits == 0 || digits > 9 || hash == 1 || strcmp(text + 1 + digits + hash, "\"") != 0)
		return false;
	memcpy(rq->op.if_match, text + 1, digits);
	return true;
}

static bool read_idempotency_key(struct request *rq)
{
	const char *text = header(rq, "idempotency-key");

	if (text == NULL || !rq->op.operation->idempotent_key)
		return true;
	if (!request_id_ok(text)) {
		op_field_error(&rq->op, "Idempotency-Key", "pattern",
			       "须为 1 至 64 个字母、数字或 - _ . :",
			       "must be 1 to 64 letters, digits or - _ . :");
		return false;
	}
	rq->op.idempotency_key = text;
	return true;
}

/* ── the gates ──────────────────────────────────────────────────────────────────────────────── */

static enum problem authenticate(struct request *rq)
{
	const char *text = header(rq, "authorization");
	struct token_claims claims;
	struct op *op = &rq->op;

	if (text == NULL || strncasecmp(text, "Bearer ", 7) != 0)
		return PROBLEM_token_missing;
	text += 7 + strspn(text + 7, " ");
	switch (token_verify(text, strlen(text), &claims)) {
	case TOKEN_EXPIRED:
		return PROBLEM_token_expired;
	case TOKEN_INVALID:
		return PROBLEM_token_invalid;
	case TOKEN_OK:
		break;
	}
	memcpy(op->caller.subject, claims.subject, UUID_TEXT);
	memcpy(op->caller.session, claims.session, UUID_TEXT);
	op->caller.roles = claims.roles;
	if (!permission_held(op->caller.roles, op->operation->permission))
		return PROBLEM_forbidden;
	return PROBLEM_NONE;
}

static bool media_type_is(const char *given, const char *type)
{
	size_t len = strlen(type);

	return strncasecmp(given, type, len) == 0 &&
	       (given[len] == '\0' || given[len] == ';' || given[len] == ' ');
}

static enum problem read_body(struct request *rq)
{
	struct op *op = &rq->op;
	struct http_request *req = rq->http;
	const char *type;

	if (!op->operation->has_body)
		return req->http_body_length == 0 ? PROBLEM_NONE : PROBLEM_body_not_allowed;
	if (!op->operation->large_body && req->http_body_length > (size_t)conf()->body_max)
		return PROBLEM_body_too_large;
	type = header(rq, "content-type");
	if (type == NULL ||
	    !(media_type_is(type, "application/json") ||
	      (op->operation->merge_patch && media_type_is(type, "application/merge-patch+json"))))
		return PROBLEM_unsupported_media_type;
	op->body_text = "";
	if (req->http_body != NULL) { /* its offset is back at 0 once the body is complete */
		op->body_len = req->http_body_length;
		op->body_text =
		    arena_strndup(op->arena, (const char *)req->http_body->data, op->body_len);
	}
	return op->body_text != NULL ? PROBLEM_NONE : PROBLEM_internal_error;
}

/* Everything between the route and the handler. */
static enum problem prepare(struct request *rq, const struct route_match *match)
{
	struct op *op = &rq->op;
	enum problem problem = PROBLEM_NONE;
	bool headers_ok;

	if (op->operation->auth == AUTH_BEARER)
		problem = authenticate(rq);
	if (problem == PROBLEM_NONE)
		problem = read_body(rq);
	if (problem != PROBLEM_NONE)
		return problem;
	op->values =
	    arena_alloc(op->arena, sizeof(*op->values) * (size_t)(op->operation->nfields + 1));
	if (op->values == NULL)
		return PROBLEM_internal_error;
	headers_ok = read_idempotency_key(rq);
	problem = validate_request(op, match, rq->http->query_string);
	if (problem == PROBLEM_NONE && !headers_ok)
		problem = PROBLEM_validation_failed;
	if (problem == PROBLEM_NONE && !read_if_match(rq))
		problem = PROBLEM_version_mismatch;
	if (problem == PROBLEM_NONE && op->operation->paged)
		problem = op_open_page(op);
	return problem;
}

static bool method_of(const struct http_request *req, enum method *method)
{
	switch (req->method) {
	case HTTP_METHOD_GET:
	case HTTP_METHOD_HEAD:
		*method = METHOD_GET;
		return true;
	case HTTP_METHOD_POST:
		*method = METHOD_POST;
		return true;
	case HTTP_METHOD_PUT:
		*method = METHOD_PUT;
		return true;
	case HTTP_METHOD_PATCH:
		*method = METHOD_PATCH;
		return true;
	case HTTP_METHOD_DELETE:
		*method = METHOD_DELETE;
		return true;
	default:
		return false; /* OPTIONS: the guard lets nothing else through */
	}
}

static void route(struct request *rq)
{
	struct route_match match;
	struct op *op = &rq->op;
	enum method method = METHOD_GET;
	bool known = method_of(rq->http, &method);
	enum problem problem;

	router_find(method, rq->http->path, strlen(rq->http->path), &match);
	if (match.operation == NULL || !known) {
		rq->allowed =
		    match.operation != NULL ? match.allowed | (1u << method) : match.allowed;
		if (rq->allowed == 0)
			op_fail(op, PROBLEM_not_found);
		else if (!known)
			op_answer(op, 204);
		else
			op_fail(op, PROBLEM_method_not_allowed);
		return;
	}
	op->operation = match.operation;
	problem = prepare(rq, &match);
	if (problem == PROBLEM_cursor_invalid)
		op_fail_field(op, problem, "cursor");
	else if (problem != PROBLEM_NONE)
		op_fail(op, problem);
	else
		op->operation->handler(op);
}

/* ── sending ────────────────────────────────────────────────────────────────────────────────── */

static int send_reply(struct request *rq)
{
	struct http_request *req = rq->http;
	struct op *op = &rq->op;
	struct reply_context context = {
	    .request_id = rq->request_id,
	    .language = op->language,
	    .is_get = req->method == HTTP_METHOD_GET || req->method == HTTP_METHOD_HEAD,
	    .secure = req->owner != NULL && req->owner->ssl != NULL,
	    .close = conn_must_close(req),
	    .allowed = rq->allowed,
	    .if_none_match = op->if_none_match,
	    .path = req->path,
	    .query = req->query_string,
	};
	struct buf head;
	size_t body_len;

	buf_init(&head, 1024);
	reply_finish(&head, &op->reply, &context);
	body_len = req->method == HTTP_METHOD_HEAD ? 0 : op->reply.body.len;
	if (head.failed || op->reply.body.failed) {
		buf_free(&head);
		return KORE_RESULT_ERROR; /* no memory for a reply: the connection is closed */
	}
	rq->sent = true;
	conn_reply(req, head.data, head.len, op->reply.body.data, body_len, context.close);
	access_log(rq, head.len + body_len);
	buf_free(&head);
	return KORE_RESULT_OK;
}

int request_entry(struct http_request *req)
{
	struct request *rq = req->hdlr_extra;

	if (rq == NULL) {
		rq = request_new(req);
		if (rq == NULL)
			return KORE_RESULT_ERROR;
		rq->op.answered = answered;
		read_head(rq);
		if (conn_is_ops(req->owner))
			ops_serve(rq);
		else
			route(rq);
	}
	if (rq->ready)
		return send_reply(rq);
	http_request_sleep(req);
	return KORE_RESULT_RETRY;
}
