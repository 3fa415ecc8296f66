/*
 * The guard over bytes: what passes and how it is rewritten, how large it may be, that it does not
 * matter in which pieces a head arrives, and what a refusal gets to know. Framing and the request
 * line are in test_guard_framing.c.
 */
#include "guard_fixture.h"

#define KEPT_FRAME "GET / HTTP/1.1\r\nhost: a\r\naccept: %0*d\r\n\r\n"

/* ── what passes ────────────────────────────────────────────────────────────────────────────── */

static void a_plain_head_is_rewritten(void **state)
{
	(void)state;
	passes(
	    "GET /v1/me?x=1 HTTP/1.1\r\nX-Other: 1\r\nHOST:a.example:8080 \r\nAccept: */*\r\n\r\n",
	    "GET /v1/me?x=1 HTTP/1.1\r\nhost: a.example:8080\r\naccept: */*\r\n\r\n");
	assert_int_equal(result.consumed, 74);
	assert_int_equal(result.content_length, 0);
	assert_false(result.close);
	assert_true(result.chinese);
}

static void every_method_passes(void **state)
{
	static const char *const bodiless[] = {"GET", "HEAD", "DELETE", "OPTIONS"};
	static const char *const bodied[] = {"POST", "PUT", "PATCH"};
	char text[128];
	(void)state;
	for (size_t i = 0; i < 4; i++) {
		snprintf(text, sizeof text, "%s / HTTP/1.1\r\nHost: a\r\n\r\n", bodiless[i]);
		passes(text, NULL);
	}
	for (size_t i = 0; i < 3; i++) {
		snprintf(text, sizeof text, "%s / HTTP/1.1\r\nHost: a\r\nContent-Length: 7\r\n\r\n",
			 bodied[i]);
		passes(text, NULL);
		assert_int_equal(result.content_length, 7);
		assert_true(kept("content-length: 7\r\n"));
	}
}

static void an_empty_body_passes(void **state)
{
	(void)state;
	passes(POST "Content-Length: 0\r\n\r\n", NULL);
	assert_true(kept("content-length: 0\r\n"));
	passes(GET "Content-Length: 0\r\n\r\n", NULL);
	assert_false(kept("content-length"));
}

/* As curl -X POST sends it. Kore would answer 411, so the rewritten head says what is meant. */
static void no_length_is_an_empty_body(void **state)
{
	static const char *const bodied[] = {"POST", "PUT", "PATCH"};
	char text[128], head[128];
	(void)state;
	for (size_t i = 0; i < 3; i++) {
		snprintf(text, sizeof text, "%s /x HTTP/1.1\r\nHost: a\r\nAccept: b\r\n\r\n",
			 bodied[i]);
		snprintf(head, sizeof head,
			 "%s /x HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\naccept: b\r\n\r\n",
			 bodied[i]);
		passes(text, head);
		assert_int_equal(result.content_length, 0);
		assert_int_equal(result.consumed, strlen(text));
	}
	passes(POST "Expect: 100-continue\r\n\r\n", NULL);
	assert_false(result.expects_continue);
	passes("GET /x HTTP/1.1\r\nHost: a\r\n\r\n", "GET /x HTTP/1.1\r\nhost: a\r\n\r\n");
}

static void the_limit_of_a_body_is_exact(void **state)
{
	(void)state;
	passes(POST "Content-Length: 1000\r\n\r\n", NULL);
	refuses(POST "Content-Length: 1001\r\n\r\n", PROBLEM_body_too_large);
	refuses(POST "Content-Length: 9999999999999999999\r\n\r\n", PROBLEM_body_too_large);
}

static void what_follows_the_head_is_not_consumed(void **state)
{
	const char *text = POST "Content-Length: 4\r\n\r\nabcdGET / HTTP/1.1\r\n\r\n";
	(void)state;
	passes(text, NULL);
	assert_memory_equal(text + result.consumed, "abcdGET", 7);
}

static void all_that_handlers_read_is_kept(void **state)
{
	(void)state;
	passes(POST
	       "Content-Length: 2\r\nAuthorization: Bearer x\r\nContent-Type: application/json\r\n"
	       "Accept: a\r\nAccept-Language: en\r\nIf-Match: \"1\"\r\nIf-None-Match: \"2\"\r\n"
	       "Idempotency-Key: k\r\nX-Request-Id: r-1\r\ntraceparent: t\r\nUser-Agent: u\r\n"
	       "X-Forwarded-For: 1.2.3.4\r\nPrefer: p\r\nCookie: c\r\nReferer: f\r\n\r\n",
	       "POST /v1/x HTTP/1.1\r\nhost: a.example\r\ncontent-length: 2\r\n"
	       "authorization: Bearer x\r\ncontent-type: application/json\r\naccept: a\r\n"
	       "accept-language: en\r\nif-match: \"1\"\r\nif-none-match: \"2\"\r\n"
	       "idempotency-key: k\r\nx-request-id: r-1\r\ntraceparent: t\r\nuser-agent: u\r\n"
	       "x-forwarded-for: 1.2.3.4\r\nprefer: p\r\n\r\n");
}

static void connection_close_is_seen_in_any_list(void **state)
{
	(void)state;
	passes(GET "Connection: keep-alive, Close\r\n\r\n", NULL);
	assert_true(result.close);
	assert_true(kept("connection: close\r\n"));
	passes(GET "Connection: keep-alive\r\nConnection: close\r\n\r\n", NULL);
	assert_true(result.close);
	passes(GET "Connection: closed\r\n\r\n", NULL);
	assert_false(result.close);
}

static void http_1_0_closes_and_needs_no_host(void **state)
{
	(void)state;
	passes("GET / HTTP/1.0\r\n\r\n",
	       "GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
	assert_true(result.close);
	passes("POST / HTTP/1.0\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n", NULL);
	assert_false(result.expects_continue);
}

static void the_absolute_form_is_taken_apart(void **state)
{
	(void)state;
	passes("GET http://b.example:81/p?q HTTP/1.1\r\nHost: a\r\n\r\n",
	       "GET /p?q HTTP/1.1\r\nhost: b.example:81\r\n\r\n");
	passes("GET HTTPS://b?q HTTP/1.1\r\nHost: a\r\n\r\n",
	       "GET /?q HTTP/1.1\r\nhost: b\r\n\r\n");
	passes("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "OPTIONS / HTTP/1.1\r\nhost: a\r\n\r\n");
	refuses("GET http:///p HTTP/1.1\r\nHost: a\r\n\r\n", PROBLEM_bad_host);
	refuses("GET http://u@b/p HTTP/1.1\r\nHost: a\r\n\r\n", PROBLEM_bad_host);
	refuses("GET http://b/p HTTP/1.1\r\n\r\n", PROBLEM_bad_host);
	refuses("GET ftp://b/p HTTP/1.1\r\nHost: a\r\n\r\n", PROBLEM_bad_request);
	refuses("GET * HTTP/1.1\r\nHost: a\r\n\r\n", PROBLEM_bad_request);
}

static void empty_lines_may_come_first(void **state)
{
	(void)state;
	passes("\r\n\r\n" GET "\r\n", NULL);
	refuses("\r\n\r\n\r\n\r\n\r\n" GET "\r\n", PROBLEM_bad_request);
}

static void expectations(void **state)
{
	(void)state;
	passes(POST "Content-Length: 3\r\nExpect: 100-Continue\r\n\r\n", NULL);
	assert_true(result.expects_continue);
	passes(POST "Content-Length: 0\r\nExpect: 100-continue\r\n\r\n", NULL);
	assert_false(result.expects_continue);
	refuses(POST "Content-Length: 3\r\nExpect: tea\r\n\r\n", PROBLEM_expectation_failed);
}

static void values_that_kore_would_refuse(void **state)
{
	(void)state;
	passes(GET "User-Agent: \xe5\xad\xa6 1\tx\r\n\r\n", NULL);
	assert_true(kept("user-agent: ??? 1 x\r\n"));
	passes(GET "Accept-Language: \xff\r\nX-Unread: \xff\x01\r\nAccept:\r\nPrefer: \t \r\n\r\n",
	       NULL);
	assert_false(kept("accept"));
	assert_false(kept("prefer"));
	refuses(GET "Authorization: Bearer \xff\r\n\r\n", PROBLEM_bad_request);
	refuses(GET "Accept: a\x01\r\n\r\n", PROBLEM_bad_request);
	refuses(GET "Accept: a\x7f\r\n\r\n", PROBLEM_bad_request);
}

static void of_two_lines(void **state)
{
	(void)state;
	passes(GET "Accept: a\r\nAccept: b\r\nX-Forwarded-For: 1.1.1.1\r\nX-Forwarded-For: "
		   "2.2.2.2\r\n\r\n",
	       "GET /v1/me?x=1 HTTP/1.1\r\nhost: a.example\r\naccept: a\r\n"
	       "x-forwarded-for: 2.2.2.2\r\n\r\n");
	static const char *const once[] = {"Authorization", "Content-Type", "If-Match",
					   "Idempotency-Key", "Host"};
	char text[256];
	for (size_t i = 0; i < sizeof once / sizeof once[0]; i++) {
		snprintf(text, sizeof text, GET "%s: a\r\n%s: a\r\n\r\n", once[i], once[i]);
		refuses(text, PROBLEM_bad_request);
	}
}

/* ── sizes ──────────────────────────────────────────────────────────────────────────────────── */

static char big[GUARD_HEAD_MAX * 2];

/* A head with `lines` header lines beside Host, the last of which makes it `len` bytes long. */
static size_t make_head(int lines, size_t len)
{
	size_t at = (size_t)snprintf(big, sizeof big, GET);
	for (int i = 1; i < lines; i++)
		at += (size_t)snprintf(big + at, sizeof big - at, "X: y\r\n");
	at += (size_t)snprintf(big + at, sizeof big - at, "X: ");
	while (at + 4 < len)
		big[at++] = 'y';
	memcpy(big + at, "\r\n\r\n", 4);
	return at + 4;
}

static void the_number_of_lines_is_bounded(void **state)
{
	(void)state;
	inspect(big, make_head(GUARD_LINES_MAX - 1, 0), 0);
	assert_int_equal(result.verdict, GUARD_PASS);
	refuses_bytes(big, make_head(GUARD_LINES_MAX, 0), PROBLEM_headers_too_large);
}

static void the_size_of_a_head_is_bounded(void **state)
{
	(void)state;
	inspect(big, make_head(1, GUARD_HEAD_MAX), 0);
	assert_int_equal(result.verdict, GUARD_PASS);
	refuses_bytes(big, make_head(1, GUARD_HEAD_MAX + 1), PROBLEM_headers_too_large);
	refuses_bytes(big, GUARD_HEAD_MAX + 1, PROBLEM_headers_too_large);
	inspect(big, GUARD_HEAD_MAX, 0);
	assert_int_equal(result.verdict, GUARD_MORE);
}

static void the_size_of_what_is_kept_is_bounded(void **state)
{
	static char text[GUARD_KEPT_MAX * 2];
	int room = GUARD_KEPT_MAX - snprintf(text, sizeof text, KEPT_FRAME, 0, 1) + 1;
	(void)state;
	snprintf(text, sizeof text, KEPT_FRAME, room, 1);
	passes(text, text);
	assert_int_equal(result.head_len, GUARD_KEPT_MAX);
	snprintf(text, sizeof text, KEPT_FRAME, room + 1, 1);
	refuses(text, PROBLEM_headers_too_large);
}

static void the_target_is_bounded(void **state)
{
	static char text[8192];
	(void)state;
	snprintf(text, sizeof text, "GET /%01996d HTTP/1.1\r\nHost: a\r\n\r\n", 1);
	passes(text, NULL);
	snprintf(text, sizeof text, "GET /%01997d HTTP/1.1\r\nHost: a\r\n\r\n", 1);
	refuses(text, PROBLEM_uri_too_long);
	snprintf(text, sizeof text, "GET /%05000d", 1); /* no need to wait for the line's end */
	refuses(text, PROBLEM_uri_too_long);
}

/* ── pieces ─────────────────────────────────────────────────────────────────────────────────── */

static void pieces_make_no_difference(void **state)
{
	const char *text = "\r\n" POST "Content-Length: 3\r\nAccept: a\r\n\r\nabc";
	size_t head = strlen(text) - 3;
	(void)state;
	for (size_t first = 1; first < head; first++) {
		inspect(text, first, 0);
		assert_int_equal(result.verdict, GUARD_MORE);
		inspect(text, strlen(text), first);
		assert_int_equal(result.verdict, GUARD_PASS);
		assert_int_equal(result.consumed, head);
	}
	for (size_t len = 1; len < head; len++) { /* byte by byte */
		inspect(text, len, len - 1);
		assert_int_equal(result.verdict, GUARD_MORE);
	}
}

/* Cut anywhere, a head neither passes nor is it refused for what has not come yet. */
static void a_bad_line_is_found_in_any_pieces(void **state)
{
	const char *text = GET "A: b\nC: d\r\n\r\n";
	size_t bad = strlen(GET "A: b\n");
	(void)state;
	for (size_t first = 1; first < bad; first++) {
		inspect(text, first, 0);
		assert_int_equal(result.verdict, GUARD_MORE);
		inspect(text, bad, first);
		assert_int_equal(result.verdict, GUARD_REFUSE);
	}
}

/* ── for the refusal ────────────────────────────────────────────────────────────────────────── */

static void a_refusal_knows_language_and_id(void **state)
{
	(void)state;
	refuses("FOO / HTTP/1.1\r\nHost: a\r\nAccept-Language: en\r\nX-Request-Id: a.B-1:_\r\n\r\n",
		PROBLEM_not_implemented);
	assert_false(result.chinese);
	assert_string_equal(result.request_id, "a.B-1:_");
}

static void an_id_that_is_not_well_formed_is_dropped(void **state)
{
	char text[256];
	(void)state;
	passes(GET "X-Request-Id: a b\r\n\r\n", NULL);
	assert_string_equal(result.request_id, "");
	assert_false(kept("x-request-id"));
	snprintf(text, sizeof text, GET "X-Request-Id: %064d\r\n\r\n", 1);
	passes(text, NULL);
	assert_int_equal(strlen(result.request_id), 64);
	snprintf(text, sizeof text, GET "X-Request-Id: %065d\r\n\r\n", 1);
	passes(text, NULL);
	assert_string_equal(result.request_id, "");
}

static void languages(void **state)
{
	static const struct {
		const char *value;
		bool chinese;
	} cases[] = {
	    {"", true},
	    {"zh-CN", true},
	    {"en", false},
	    {"en-US,zh", false},
	    {"zh;q=0.5,en", false},
	    {"en;q=0.5, zh-Hans;q=0.8", true},
	    {"fr", true},
	    {"fr, en;q=0.1", false},
	    {"en;q=0", true},
	    {"*", true},
	    {"zh;q=0.801,en;q=0.80", true},
	    {"eng", true},
	    {"en;q=x", true},
	    {",,en ,", false},
	    {"EN-gb", false},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		if (guard_prefers_chinese(cases[i].value, strlen(cases[i].value)) !=
		    cases[i].chinese)
			fail_msg("%s", cases[i].value);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_plain_head_is_rewritten),
	    cmocka_unit_test(every_method_passes),
	    cmocka_unit_test(an_empty_body_passes),
	    cmocka_unit_test(no_length_is_an_empty_body),
	    cmocka_unit_test(the_limit_of_a_body_is_exact),
	    cmocka_unit_test(what_follows_the_head_is_not_consumed),
	    cmocka_unit_test(all_that_handlers_read_is_kept),
	    cmocka_unit_test(connection_close_is_seen_in_any_list),
	    cmocka_unit_test(http_1_0_closes_and_needs_no_host),
	    cmocka_unit_test(the_absolute_form_is_taken_apart),
	    cmocka_unit_test(empty_lines_may_come_first),
	    cmocka_unit_test(expectations),
	    cmocka_unit_test(values_that_kore_would_refuse),
	    cmocka_unit_test(of_two_lines),
	    cmocka_unit_test(the_number_of_lines_is_bounded),
	    cmocka_unit_test(the_size_of_a_head_is_bounded),
	    cmocka_unit_test(the_size_of_what_is_kept_is_bounded),
	    cmocka_unit_test(the_target_is_bounded),
	    cmocka_unit_test(pieces_make_no_difference),
	    cmocka_unit_test(a_bad_line_is_found_in_any_pieces),
	    cmocka_unit_test(a_refusal_knows_language_and_id),
	    cmocka_unit_test(an_id_that_is_not_well_formed_is_dropped),
	    cmocka_unit_test(languages),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
