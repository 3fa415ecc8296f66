/*
 * reply: heads and problem bodies. One place decides which header goes with which status.
 */
#include "http/reply.h"

#include "core/clock.h"
#include "core/jsonw.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define PROBLEM_TYPE "application/problem+json"

static const char *status_text(int status)
{
	static const struct {
		int status;
		const char *text;
	} texts[] = {
	    {200, "OK"},
	    {201, "Created"},
	    {204, "No Content"},
	    {304, "Not Modified"},
	    {400, "Bad Request"},
	    {401, "Unauthorized"},
	    {403, "Forbidden"},
	    {404, "Not Found"},
	    {405, "Method Not Allowed"},
	    {408, "Request Timeout"},
	    {409, "Conflict"},
	    {411, "Length Required"},
	    {412, "Precondition Failed"},
	    {413, "Content Too Large"},
	    {414, "URI Too Long"},
	    {415, "Unsupported Media Type"},
	    {417, "Expectation Failed"},
	    {422, "Unprocessable Content"},
	    {429, "Too Many Requests"},
	    {431, "Request Header Fields Too Large"},
	    {500, "Internal Server Error"},
	    {501, "Not Implemented"},
	    {503, "Service Unavailable"},
	    {505, "HTTP Version Not Supported"},
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (texts[i].status == status)
			return texts[i].text;
	}
	return "Unknown";
}

/* ── problems ───────────────────────────────────────────────────────────────────────────────── */

static void problem_errors(struct jsonw *w, const struct field_error *errors,
			   enum language language)
{
	jsonw_key(w, "errors");
	jsonw_array_open(w);
	for (const struct field_error *e = errors; e != NULL; e = e->next) {
		jsonw_object_open(w);
		jsonw_key(w, "field");
		jsonw_text(w, e->field);
		jsonw_key(w, "code");
		jsonw_text(w, e->code);
		jsonw_key(w, "detail");
		jsonw_text(w, language == LANGUAGE_EN ? e->detail_en : e->detail_zh);
		jsonw_object_close(w);
	}
	jsonw_array_close(w);
}

void reply_problem_body(struct buf *out, enum problem problem, const struct field_error *errors,
			enum language language, const char *request_id)
{
	const struct problem_info *info = problem_info(problem);
	const char *title = language == LANGUAGE_EN ? info->en : info->zh;
	struct jsonw w;

	jsonw_init(&w, out);
	jsonw_object_open(&w);
	jsonw_key(&w, "type");
	buf_printf(out, "\"urn:partystudy:problem:%s\"", info->code);
	w.comma = true;
	jsonw_key(&w, "title");
	jsonw_text(&w, title);
	jsonw_key(&w, "status");
	jsonw_int(&w, info->status);
	jsonw_key(&w, "detail");
	if (errors != NULL)
		jsonw_text(&w, language == LANGUAGE_EN ? errors->detail_en : errors->detail_zh);
	else
		jsonw_text(&w, title);
	jsonw_key(&w, "code");
	jsonw_text(&w, info->code);
	jsonw_key(&w, "request_id");
	jsonw_text(&w, request_id);
	if (errors != NULL)
		problem_errors(&w, errors, language);
	jsonw_object_close(&w);
}

/* ── heads ──────────────────────────────────────────────────────────────────────────────────── */

/* The Date header, made once a second (RFC 9110 section 6.6.1). */
static const char *date_line(void)
{
	static char line[64];
	static time_t made;
	time_t now = (time_t)clock_unix();
	struct tm tm;

	if (now != made && gmtime_r(&now, &tm) != NULL) {
		(void)strftime(line, sizeof(line), "date: %a, %d %b %Y %H:%M:%S GMT\r\n", &tm);
		made = now;
	}
	return line;
}

static void head_open(struct buf *head, int status)
{
	buf_printf(head, "HTTP/1.1 %d %s\r\n", status, status_text(status));
	buf_puts(head, date_line());
}

static void head_common(struct buf *head, const char *request_id, bool secure, bool close)
{
	buf_puts(head, "x-request-id: ");
	buf_puts(head, request_id);
	buf_puts(head, "\r\nx-content-type-options: nosniff\r\n");
	if (secure)
		buf_puts(head, "strict-transport-security: max-age=31536000\r\n");
	if (close)
		buf_puts(head, "connection: close\r\n");
}

static void head_body(struct buf *head, const char *type, size_t len)
{
	buf_puts(head, "content-type: ");
	buf_puts(head, type);
	buf_puts(head, "\r\ncontent-length: ");
	buf_int(head, (int64_t)len);
	buf_puts(head, "\r\n");
}

static void head_problem(struct buf *head, enum problem problem, enum language language)
{
	int status = problem_info(problem)->status;

	if (status == 401) {
		buf_puts(head, "www-authenticate: Bearer realm=\"partystudy\"");
		if (problem == PROBLEM_token_invalid || problem == PROBLEM_token_expired)
			buf_puts(head, ", error=\"invalid_token\"");
		buf_puts(head, "\r\n");
	}
	buf_puts(head, "cache-control: no-store\r\nvary: accept-language\r\n");
	buf_printf(head, "content-language: %s\r\n", language == LANGUAGE_EN ? "en" : "zh-CN");
}

void reply_refusal(struct buf *out, enum problem problem, enum language language,
		   const char *request_id, bool secure)
{
	struct buf body;

	buf_init(&body, 512);
	reply_problem_body(&body, problem, NULL, language, request_id);
	head_open(out, problem_info(problem)->status);
	head_body(out, PROBLEM_TYPE, body.len);
	head_common(out, request_id, secure, true);
	head_problem(out, problem, language);
	if (problem_info(problem)->status == 503)
		buf_puts(out, "retry-after: 1\r\n");
	buf_puts(out, "\r\n");
	buf_append(out, body.data, body.len);
	buf_free(&body);
}

static void head_allow(struct buf *head, unsigned allowed)
{
	static const char *const names[METHOD_COUNT] = {"GET, HEAD", "POST", "PUT", "PATCH",
							"DELETE"};

	buf_puts(head, "allow: OPTIONS");
	for (int method = 0; method < METHOD_COUNT; method++) {
		if (allowed & (1u << method)) {
			buf_puts(head, ", ");
			buf_puts(head, names[method]);
		}
	}
	buf_puts(head, "\r\n");
}

/* The same request with the next cursor (RFC 8288). */
static void head_link(struct buf *head, const struct reply *reply,
		      const struct reply_context *context)
{
	const char *part = context->query != NULL ? context->query : "";

	buf_puts(head, "link: <");
	buf_puts(head, context->path);
	buf_putc(head, '?');
	while (*part != '\0') {
		size_t len = strcspn(part, "&");

		if (len > 0 && strncmp(part, "cursor=", 7) != 0) {
			buf_append(head, part, len);
			buf_putc(head, '&');
		}
		part += len + (part[len] == '&');
	}
	buf_puts(head, "cursor=");
	buf_puts(head, reply->next_cursor);
	buf_puts(head, ">; rel=\"next\"\r\n");
}

static void head_rate(struct buf *head, const struct reply *reply)
{
	buf_printf(head, "retry-after: %d\r\n", reply->retry_after_s);
	if (reply->status == 429)
		buf_printf(head, "ratelimit: limit=1, remaining=0, reset=%d\r\n",
			   reply->retry_after_s);
}

/* ── entity tags ────────────────────────────────────────────────────────────────────────────── */

/*
 * A strong tag stands for the bytes (RFC 9110 section 8.8.1), and these hold more than the row that
 * has a version: counts, names of neighbours. So it is a hash of the body, with the row's version
 * in front where there is one, for If-Match to read.
 */
static void tag_by_content(struct reply *reply)
{
	static const unsigned char key[crypto_shorthash_KEYBYTES] = "partystudy etag";
	unsigned char hash[crypto_shorthash_BYTES];
	char hex[2 * sizeof(hash) + 1];

	crypto_shorthash(hash, (const unsigned char *)reply->body.data, reply->body.len, key);
	sodium_bin2hex(hex, sizeof(hex), hash, sizeof(hash));
	(void)snprintf(reply->etag, sizeof(reply->etag), "\"%s%s%s\"", reply->version,
		       reply->version[0] != '\0' ? "-" : "", hex);
}

/* If-None-Match is a list of tags or *; comparison is weak (RFC 9110 section 13.1.2). */
static bool tag_matches(const char *list, const char *etag)
{
	size_t len = strlen(etag);
	const char *at = list;

	if (strcmp(list, "*") == 0)
		return true;
	while ((at = strstr(at, etag)) != NULL) {
		if (at[len] == '\0' || at[len] == ',' || at[len] == ' ')
			return true;
		at += len;
	}
	return false;
}

static void not_modified(struct reply *reply)
{
	reply->status = 304;
	buf_reset(&reply->body);
}

/* ── the whole ──────────────────────────────────────────────────────────────────────────────── */

static void finish_body(struct reply *reply, const struct reply_context *context)
{
	if (reply->problem != PROBLEM_NONE) {
		buf_reset(&reply->body);
		reply_problem_body(&reply->body, reply->problem, reply->errors, context->language,
				   context->request_id);
		reply->etag[0] = '\0';
		return;
	}
	if (reply->etag[0] == '\0' && reply->body.len > 0 &&
	    (reply->version[0] != '\0' || (context->is_get && reply->status == 200)))
		tag_by_content(reply);
	if (context->is_get && reply->status == 200 && context->if_none_match[0] != '\0' &&
	    tag_matches(context->if_none_match, reply->etag))
		not_modified(reply);
}

static const char *cache_policy(const struct reply *reply, const struct reply_context *context)
{
	if (reply->cache_control != NULL)
		return reply->cache_control;
	return context->is_get ? "private, no-cache" : "no-store";
}

void reply_finish(struct buf *head, struct reply *reply, const struct reply_context *context)
{
	finish_body(reply, context);
	head_open(head, reply->status);
	if (reply->problem != PROBLEM_NONE)
		head_body(head, PROBLEM_TYPE, reply->body.len);
	else if (reply->status != 204 && reply->status != 304)
		head_body(head, reply->content_type, reply->body.len);
	head_common(head, context->request_id, context->secure, context->close);
	if (reply->problem != PROBLEM_NONE)
		head_problem(head, reply->problem, context->language);
	else
		buf_printf(head, "cache-control: %s\r\n", cache_policy(reply, context));
	if (strncmp(reply->content_type, "text/html", 9) == 0)
		buf_puts(head,
			 "content-security-policy: default-src 'none'; style-src 'unsafe-inline'; "
			 "frame-ancestors 'none'\r\n");
	if (reply->etag[0] != '\0')
		buf_printf(head, "etag: %s\r\n", reply->etag);
	if (reply->location[0] != '\0')
		buf_printf(head, "location: %s\r\n", reply->location);
	if (reply->next_cursor != NULL)
		head_link(head, reply, context);
	if (reply->retry_after_s > 0)
		head_rate(head, reply);
	if (reply->replayed)
		buf_puts(head, "idempotency-replayed: true\r\n");
	if (context->allowed != 0)
		head_allow(head, context->allowed);
	buf_puts(head, "\r\n");
}
