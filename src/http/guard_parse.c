/*
 * guard_parse: a head's lines, read into a struct head (guard_priv.h).
 *
 * Each line is checked for form (RFC 9112 sections 2 to 5) as it is read. What a line means for the
 * message's framing, and whether a header that must be there is there, is for guard.c.
 *
 * To let another header through to the handlers, add a row to guard_rules (and a name to the enum),
 * and mind that Kore takes no more than 23 header lines.
 */
#include "http/guard_priv.h"

#include <string.h>
#include <strings.h>

#define TARGET_MAX 1997 /* Kore answers 414 without a body from 1998 on */

const struct guard_rule guard_rules[HEADER_COUNT] = {
    [HEADER_HOST] = {"host", TWICE_REFUSE, FOREIGN_REFUSE, false},
    [HEADER_CONTENT_LENGTH] = {"content-length", TWICE_REFUSE, FOREIGN_REFUSE, false},
    [HEADER_TRANSFER_ENCODING] = {"transfer-encoding", TWICE_FIRST, FOREIGN_REFUSE, false},
    [HEADER_EXPECT] = {"expect", TWICE_REFUSE, FOREIGN_REFUSE, false},
    [HEADER_CONNECTION] = {"connection", TWICE_FIRST, FOREIGN_REFUSE, false},
    [HEADER_AUTHORIZATION] = {"authorization", TWICE_REFUSE, FOREIGN_REFUSE, true},
    [HEADER_CONTENT_TYPE] = {"content-type", TWICE_REFUSE, FOREIGN_REFUSE, true},
    [HEADER_ACCEPT] = {"accept", TWICE_FIRST, FOREIGN_REFUSE, true},
    [HEADER_ACCEPT_LANGUAGE] = {"accept-language", TWICE_FIRST, FOREIGN_DROP, true},
    [HEADER_IF_MATCH] = {"if-match", TWICE_REFUSE, FOREIGN_REFUSE, true},
    [HEADER_IF_NONE_MATCH] = {"if-none-match", TWICE_FIRST, FOREIGN_REFUSE, true},
    [HEADER_IDEMPOTENCY_KEY] = {"idempotency-key", TWICE_REFUSE, FOREIGN_REFUSE, true},
    [HEADER_X_REQUEST_ID] = {"x-request-id", TWICE_FIRST, FOREIGN_DROP, true},
    [HEADER_TRACEPARENT] = {"traceparent", TWICE_FIRST, FOREIGN_DROP, true},
    /* Apps put their Chinese names there: no reason to turn them away. */
    [HEADER_USER_AGENT] = {"user-agent", TWICE_FIRST, FOREIGN_MASK, true},
    [HEADER_X_FORWARDED_FOR] = {"x-forwarded-for", TWICE_LAST, FOREIGN_DROP, true},
    [HEADER_PREFER] = {"prefer", TWICE_FIRST, FOREIGN_DROP, true},
};

void guard_fault(struct head *h, enum problem problem)
{
	if (h->problem == PROBLEM_NONE)
		h->problem = problem;
}

/* ── characters and spans ───────────────────────────────────────────────────────────────────── */

bool guard_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

bool guard_is_alnum(char c)
{
	return guard_is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool guard_is_token(char c)
{
	return guard_is_alnum(c) || (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static bool is_control(char c)
{
	return ((unsigned char)c < 0x20 && c != '\t') || c == 0x7f;
}

bool guard_is_foreign(char c)
{
	return (unsigned char)c > 0x7f;
}

struct span guard_trim(struct span s)
{
	while (s.len > 0 && (s.at[0] == ' ' || s.at[0] == '\t')) {
		s.at++;
		s.len--;
	}
	while (s.len > 0 && (s.at[s.len - 1] == ' ' || s.at[s.len - 1] == '\t'))
		s.len--;
	return s;
}

bool guard_span_is(struct span s, const char *text)
{
	return s.len == strlen(text) && strncasecmp(s.at, text, s.len) == 0;
}

bool guard_all(struct span s, bool (*test)(char))
{
	for (size_t i = 0; i < s.len; i++)
		if (!test(s.at[i]))
			return false;
	return true;
}

static bool any(struct span s, bool (*test)(char))
{
	for (size_t i = 0; i < s.len; i++)
		if (test(s.at[i]))
			return true;
	return false;
}

/* Cuts the next element of a comma list off `rest`; false at the end. */
bool guard_next(struct span *rest, struct span *element)
{
	if (rest->len == 0)
		return false;
	const char *comma = memchr(rest->at, ',', rest->len);
	size_t len = comma != NULL ? (size_t)(comma - rest->at) : rest->len;
	*element = guard_trim((struct span){rest->at, len});
	size_t used = comma != NULL ? len + 1 : len;
	rest->at += used;
	rest->len -= used;
	return true;
}

/* ── the request line ───────────────────────────────────────────────────────────────────────── */

static enum http_method method_kind(struct span method)
{
	static const struct {
		const char *name;
		enum http_method kind;
	} methods[] = {
	    {"GET", METHOD_BODILESS},     {"POST", METHOD_BODIED},     {"PATCH", METHOD_BODIED},
	    {"PUT", METHOD_BODIED},       {"DELETE", METHOD_BODILESS}, {"HEAD", METHOD_BODILESS},
	    {"OPTIONS", METHOD_BODILESS},
	};
	for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
		if (method.len == strlen(methods[i].name) &&
		    memcmp(method.at, methods[i].name, method.len) == 0)
			return methods[i].kind;
	return METHOD_UNKNOWN;
}

/* HTTP/1.0 and HTTP/1.1; other versions of the same form are named as such. */
static void read_version(struct head *h, struct span version)
{
	if (version.len != 8 || memcmp(version.at, "HTTP/", 5) != 0 ||
	    !guard_is_digit(version.at[5]) || version.at[6] != '.' ||
	    !guard_is_digit(version.at[7]))
		guard_fault(h, PROBLEM_bad_request);
	else if (version.at[5] != '1' || version.at[7] > '1')
		guard_fault(h, PROBLEM_http_version_not_supported);
	else
		h->version_1_0 = version.at[7] == '0';
}

static bool is_target(char c)
{
	return c > 0x20 && c < 0x7f && c != '#';
}

/* origin-form stays, absolute-form is taken apart (RFC 9112 section 3.2), "*" means the root. */
static void read_target(struct head *h, struct span target)
{
	if (!guard_all(target, is_target) || target.len == 0) {
		guard_fault(h, PROBLEM_bad_request);
		return;
	}
	size_t scheme = 0;
	if (target.len > 7 && strncasecmp(target.at, "http://", 7) == 0)
		scheme = 7;
	else if (target.len > 8 && strncasecmp(target.at, "https://", 8) == 0)
		scheme = 8;
	if (scheme > 0) {
		size_t end = scheme;
		while (end < target.len && target.at[end] != '/' && target.at[end] != '?')
			end++;
		h->authority = (struct span){target.at + scheme, end - scheme};
		target = (struct span){target.at + end, target.len - end};
	} else if (guard_span_is(target, "*") && guard_span_is(h->method, "OPTIONS")) {
		target.len = 0;
	} else if (target.at[0] != '/') {
		guard_fault(h, PROBLEM_bad_request);
	}
	if (target.len > TARGET_MAX)
		guard_fault(h, PROBLEM_uri_too_long);
	h->target = target;
}

static void read_request_line(struct head *h, struct span line)
{
	const char *first = memchr(line.at, ' ', line.len);
	if (first == NULL) {
		guard_fault(h, PROBLEM_bad_request);
		return;
	}
	h->method = (struct span){line.at, (size_t)(first - line.at)};
	struct span rest = {first + 1, line.len - h->method.len - 1};
	const char *second = memchr(rest.at, ' ', rest.len);
	if (second == NULL || !guard_all(h->method, guard_is_token)) {
		guard_fault(h, PROBLEM_bad_request);
		return;
	}
	size_t len = (size_t)(second - rest.at);
	read_version(h, (struct span){second + 1, rest.len - len - 1});
	h->kind = method_kind(h->method);
	if (h->kind == METHOD_UNKNOWN) /* before the target: CONNECT's has a form of its own */
		guard_fault(h, PROBLEM_not_implemented);
	read_target(h, (struct span){rest.at, len});
}

/* ── the header lines ───────────────────────────────────────────────────────────────────────── */

static enum known header_known(struct span name)
{
	int i = 0;
	while (i < HEADER_COUNT && !guard_span_is(name, guard_rules[i].name))
		i++;
	return (enum known)i;
}

/* An empty one says nothing, except where it would hide a message's framing. */
static bool may_be_dropped(enum known which)
{
	return which != HEADER_HOST && which != HEADER_CONTENT_LENGTH &&
	       which != HEADER_TRANSFER_ENCODING;
}

static void keep_value(struct head *h, enum known which, struct span value)
{
	const struct guard_rule *rule = &guard_rules[which];
	if (any(value, is_control) ||
	    (rule->foreign == FOREIGN_REFUSE && any(value, guard_is_foreign))) {
		guard_fault(h, PROBLEM_bad_request);
		return;
	}
	if (value.len == 0 && may_be_dropped(which))
		return;
	if (rule->foreign == FOREIGN_DROP && any(value, guard_is_foreign))
		return;
	if (h->values[which].at != NULL && rule->twice == TWICE_REFUSE)
		guard_fault(h, PROBLEM_bad_request);
	if (h->values[which].at == NULL || rule->twice == TWICE_LAST)
		h->values[which] = value;
}

static bool is_nul_or_cr(char c)
{
	return c == '\0' || c == '\r';
}

static bool connection_closes(struct span value)
{
	struct span element;
	while (guard_next(&value, &element))
		if (guard_span_is(element, "close"))
			return true;
	return false;
}

static void read_header_line(struct head *h, struct span line, struct guard_result *out)
{
	const char *colon = memchr(line.at, ':', line.len);
	struct span name = {line.at, colon != NULL ? (size_t)(colon - line.at) : 0};
	/* No name: obs-fold, a space before the colon, or no colon at all. */
	if (name.len == 0 || !guard_all(name, guard_is_token) || any(line, is_nul_or_cr)) {
		guard_fault(h, PROBLEM_bad_request);
		return;
	}
	enum known which = header_known(name);
	if (which == HEADER_COUNT)
		return;
	struct span value = guard_trim((struct span){colon + 1, line.len - name.len - 1});
	if (which == HEADER_CONNECTION && connection_closes(value))
		out->close = true;
	keep_value(h, which, value);
}

/* Reads what lies between `start` and `end` (after the blank line) as lines ended by CRLF. */
void guard_read_lines(struct head *h, const char *start, const char *end, struct guard_result *out)
{
	int lines = 0;
	while (start < end) {
		const char *lf = memchr(start, '\n', (size_t)(end - start));
		struct span line = {start, (size_t)(lf - start) - 1};
		start = lf + 1;
		if (line.len == 0)
			break;
		if (lines == 0)
			read_request_line(h, line);
		else
			read_header_line(h, line, out);
		if (lines++ > GUARD_LINES_MAX)
			guard_fault(h, PROBLEM_headers_too_large);
	}
}
