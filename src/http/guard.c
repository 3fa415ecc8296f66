/*
 * guard: judges a message's head and writes the one that Kore may see (guard.h).
 *
 * guard_inspect finds the end of the head, has its lines read (guard_parse.c), applies the rules of
 * framing and composes the rewritten head. The first thing found wrong is the problem, but the
 * lines after it are still read, so that a refusal knows its language and its request id. It keeps
 * no state, allocates nothing and reads no byte outside of what it is given.
 */
#include "http/guard_priv.h"

#include <string.h>

#define BLANK_MAX   8    /* bytes of CRLF allowed before the request line (RFC 9112 section 2.2) */
#define REQUEST_MAX 4096 /* bytes without a line end after which it must be the target's fault */
#define ID_MAX      64
#define HOST_MAX    253 /* Kore refuses 254 */

/* ── framing ────────────────────────────────────────────────────────────────────────────────── */

static bool is_host(char c)
{
	return guard_is_alnum(c) || (c != '\0' && strchr("-._:[]", c) != NULL);
}

/* The target's authority counts before the Host header, which must be there all the same. */
static struct span settle_host(struct head *h)
{
	struct span host = h->values[HEADER_HOST];
	if (host.at == NULL && h->version_1_0)
		host = (struct span){"localhost", 9};
	if (host.at == NULL || host.len == 0 || host.len > HOST_MAX || !guard_all(host, is_host))
		guard_fault(h, PROBLEM_bad_host);
	if (h->authority.at != NULL) {
		host = h->authority;
		if (host.len == 0 || host.len > HOST_MAX || !guard_all(host, is_host))
			guard_fault(h, PROBLEM_bad_host);
	}
	return host;
}

static bool read_length(struct span digits, size_t *length)
{
	uint64_t value = 0;
	if (digits.len == 0 || digits.len > 19 || !guard_all(digits, guard_is_digit))
		return false;
	for (size_t i = 0; i < digits.len; i++)
		value = value * 10 + (uint64_t)(digits.at[i] - '0');
	*length = value > SIZE_MAX ? SIZE_MAX : (size_t)value;
	return true;
}

static void settle_body(struct head *h, size_t body_max, struct guard_result *out)
{
	const struct span *length = &h->values[HEADER_CONTENT_LENGTH];
	bool chunked = h->values[HEADER_TRANSFER_ENCODING].at != NULL;
	if (chunked)
		guard_fault(h, length->at != NULL ? PROBLEM_bad_request : PROBLEM_length_required);
	if (length->at == NULL) /* no body (RFC 9112 section 6.3), as curl -X POST sends it */
		return;
	if (!read_length(*length, &out->content_length))
		guard_fault(h, PROBLEM_bad_content_length);
	else if (out->content_length > 0 && h->kind == METHOD_BODILESS)
		guard_fault(h, PROBLEM_body_not_allowed);
	else if (out->content_length > body_max)
		guard_fault(h, PROBLEM_body_too_large);
}

static void settle_expectation(struct head *h, struct guard_result *out)
{
	struct span expect = h->values[HEADER_EXPECT];
	if (expect.at == NULL ||
	    h->version_1_0) /* RFC 9110 section 10.1.1: 1.0 means nothing by it */
		return;
	if (!guard_span_is(expect, "100-continue"))
		guard_fault(h, PROBLEM_expectation_failed);
	else
		out->expects_continue = out->content_length > 0;
}

/* ── the rewritten head ─────────────────────────────────────────────────────────────────────── */

static void put(struct head *h, struct guard_result *out, const char *bytes, size_t len)
{
	if (len > sizeof out->head - out->head_len) {
		guard_fault(h, PROBLEM_headers_too_large);
		return;
	}
	memcpy(out->head + out->head_len, bytes, len);
	out->head_len += len;
}

static void put_text(struct head *h, struct guard_result *out, const char *text)
{
	put(h, out, text, strlen(text));
}

/* Kore takes neither tabs nor bytes above 127 in a value; no header that may hold them minds. */
static void put_value(struct head *h, struct guard_result *out, struct span value)
{
	size_t from = out->head_len;
	put(h, out, value.at, value.len);
	for (size_t i = from; i < out->head_len; i++) {
		if (out->head[i] == '\t')
			out->head[i] = ' ';
		else if (guard_is_foreign(out->head[i]))
			out->head[i] = '?';
	}
}

static void put_header(struct head *h, struct guard_result *out, enum known which,
		       struct span value)
{
	put_text(h, out, guard_rules[which].name);
	put_text(h, out, ": ");
	put_value(h, out, value);
	put_text(h, out, "\r\n");
}

static void compose(struct head *h, struct guard_result *out, struct span host)
{
	put(h, out, h->method.at, h->method.len);
	put_text(h, out, " ");
	if (h->target.len == 0 || h->target.at[0] != '/') /* http://host and http://host?query */
		put_text(h, out, "/");
	put(h, out, h->target.at, h->target.len);
	put_text(h, out, " HTTP/1.1\r\n");
	put_header(h, out, HEADER_HOST, host); /* first: Kore takes any "hostx:" before it for it */
	if (h->kind == METHOD_BODIED) { /* Kore refuses a POST that does not say its length */
		struct span length = h->values[HEADER_CONTENT_LENGTH];
		put_header(h, out, HEADER_CONTENT_LENGTH,
			   length.at != NULL ? length : (struct span){"0", 1});
	}
	if (out->close)
		put_text(h, out, "connection: close\r\n");
	for (int i = 0; i < HEADER_COUNT; i++)
		if (guard_rules[i].copied && h->values[i].at != NULL)
			put_header(h, out, (enum known)i, h->values[i]);
	put_text(h, out, "\r\n");
}

/* ── the whole ──────────────────────────────────────────────────────────────────────────────── */

/* The head's end (one past the blank line), 0 when it is not there yet. */
static size_t find_end(struct head *h, const char *bytes, size_t len, size_t start, size_t scanned)
{
	size_t from = scanned > start ? scanned : start;
	const char *lf;
	while (from < len && (lf = memchr(bytes + from, '\n', len - from)) != NULL) {
		size_t at = (size_t)(lf - bytes);
		if (at == start || bytes[at - 1] != '\r') { /* a bare LF */
			guard_fault(h, PROBLEM_bad_request);
			return 0;
		}
		if (at >= start + 3 && bytes[at - 2] == '\n')
			return at + 1;
		from = at + 1;
	}
	return 0;
}

/* The bytes of empty lines before the request line; refuses what cannot begin one. */
static size_t skip_blank(struct head *h, const char *bytes, size_t len)
{
	size_t start = 0;
	while (start + 1 < len && bytes[start] == '\r' && bytes[start + 1] == '\n')
		start += 2;
	bool unfinished = start + 1 == len && bytes[start] == '\r';
	if (start > BLANK_MAX || (start < len && !unfinished && !guard_is_token(bytes[start])))
		guard_fault(h, PROBLEM_bad_request);
	return start;
}

static void check_size(struct head *h, const char *bytes, size_t len, size_t head)
{
	if (head > GUARD_HEAD_MAX)
		guard_fault(h, memchr(bytes, '\n', len) != NULL ? PROBLEM_headers_too_large
								: PROBLEM_uri_too_long);
	else if (len > REQUEST_MAX && memchr(bytes, '\n', len) == NULL)
		guard_fault(h, PROBLEM_uri_too_long);
}

static bool is_id(char c)
{
	return guard_is_alnum(c) || c == '-' || c == '_' || c == '.' || c == ':';
}

/* An id that is not well-formed is as good as none: it would end up in logs and replies. */
static void read_request_id(struct head *h, struct guard_result *out)
{
	struct span *id = &h->values[HEADER_X_REQUEST_ID];
	if (id->at == NULL)
		return;
	if (id->len > ID_MAX || !guard_all(*id, is_id)) {
		*id = (struct span){0};
		return;
	}
	memcpy(out->request_id, id->at, id->len);
	out->request_id[id->len] = '\0';
}

static void judge(struct head *h, size_t body_max, struct guard_result *out)
{
	struct span language = h->values[HEADER_ACCEPT_LANGUAGE];
	out->chinese = language.at == NULL || guard_prefers_chinese(language.at, language.len);
	read_request_id(h, out);
	struct span host = settle_host(h);
	settle_body(h, body_max, out);
	settle_expectation(h, out);
	if (h->version_1_0)
		out->close = true;
	if (h->problem == PROBLEM_NONE)
		compose(h, out, host);
}

void guard_inspect(const uint8_t *bytes, size_t len, size_t scanned, size_t body_max,
		   struct guard_result *out)
{
	struct head h = {0};
	const char *text = (const char *)bytes;

	/* Field by field: clearing `head` for each call would cost more than the rest. */
	out->verdict = GUARD_MORE;
	out->consumed = out->content_length = out->head_len = 0;
	out->expects_continue = out->close = false;
	out->chinese = true;
	out->request_id[0] = '\0';

	size_t start = skip_blank(&h, text, len);
	size_t end = h.problem == PROBLEM_NONE ? find_end(&h, text, len, start, scanned) : 0;
	check_size(&h, text + start, len - start, (end > 0 ? end : len) - start);
	if (end > 0 && h.problem != PROBLEM_headers_too_large) {
		out->consumed = end;
		guard_read_lines(&h, text + start, text + end, out);
		judge(&h, body_max, out);
	}
	out->problem = h.problem;
	if (h.problem != PROBLEM_NONE)
		out->verdict = GUARD_REFUSE;
	else if (end > 0)
		out->verdict = GUARD_PASS;
}
