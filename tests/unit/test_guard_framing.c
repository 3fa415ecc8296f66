/*
 * The guard over bytes: everything that lets two parsers disagree about where a message ends is
 * refused, and so is what Kore would answer by itself.
 */
#include "guard_fixture.h"

/* ── framing ────────────────────────────────────────────────────────────────────────────────── */

static void content_length_is_digits_and_single(void **state)
{
	static const char *const bad[] = {"",    "+1",  "-1",  "1x", "0x1",
					  "1,1", "1 1", "1.0", "\t", "99999999999999999999"};
	char text[128];
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		snprintf(text, sizeof text, POST "Content-Length: %s\r\n\r\n", bad[i]);
		refuses(text, PROBLEM_bad_content_length);
	}
	refuses(POST "Content-Length: 1\r\nContent-Length: 1\r\n\r\n", PROBLEM_bad_request);
	refuses(POST "Content-Length: 1\r\nContent-Length: 2\r\n\r\n", PROBLEM_bad_request);
}

static void transfer_encoding_is_refused_in_any_form(void **state)
{
	(void)state;
	refuses(POST "Transfer-Encoding: chunked\r\n\r\n", PROBLEM_length_required);
	refuses(POST "transfer-encoding:\r\n\r\n", PROBLEM_length_required);
	refuses(GET "Transfer-Encoding: identity\r\n\r\n", PROBLEM_length_required);
	refuses(POST "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n",
		PROBLEM_bad_request);
	refuses(POST "Content-Length: 1\r\nTransfer-Encoding:\r\n\r\n", PROBLEM_bad_request);
	refuses(POST "Transfer-Encoding : chunked\r\n\r\n", PROBLEM_bad_request);
}

static void bodies_where_none_belongs(void **state)
{
	(void)state;
	refuses(GET "Content-Length: 1\r\n\r\n", PROBLEM_body_not_allowed);
	refuses("DELETE / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n",
		PROBLEM_body_not_allowed);
}

static void line_ends_are_crlf(void **state)
{
	(void)state;
	refuses("GET / HTTP/1.1\nHost: a\n\n", PROBLEM_bad_request);
	refuses(GET "A: b\nC: d\r\n\r\n", PROBLEM_bad_request);
	refuses(GET "A: b\rC: d\r\n\r\n", PROBLEM_bad_request);
	refuses(GET "A: b\r\r\n\r\n", PROBLEM_bad_request);
	refuses(GET "A: b\r\n c: d\r\n\r\n", PROBLEM_bad_request); /* obs-fold */
	refuses(GET "\tA: b\r\n\r\n", PROBLEM_bad_request);
	refuses("\n" GET "\r\n", PROBLEM_bad_request);
}

static void header_names_are_tokens(void **state)
{
	(void)state;
	refuses(GET "A b: c\r\n\r\n", PROBLEM_bad_request);
	refuses(GET "A : c\r\n\r\n", PROBLEM_bad_request);
	refuses(GET ": c\r\n\r\n", PROBLEM_bad_request);
	refuses(GET "nocolon\r\n\r\n", PROBLEM_bad_request);
	refuses(GET "\xc3\xa4: c\r\n\r\n", PROBLEM_bad_request);
	refuses_bytes(GET "A: b\0c\r\n\r\n", sizeof GET "A: b\0c\r\n\r\n" - 1, PROBLEM_bad_request);
}

/* ── the request line ───────────────────────────────────────────────────────────────────────── */

static void request_lines(void **state)
{
	(void)state;
	refuses("GET\r\n\r\n", PROBLEM_bad_request);
	refuses("GET /\r\nHost: a\r\n\r\n", PROBLEM_bad_request);
	refuses("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", PROBLEM_bad_request);
	refuses("GET / HTTP/1.1 \r\nHost: a\r\n\r\n", PROBLEM_bad_request);
	refuses("GET / http/1.1\r\nHost: a\r\n\r\n", PROBLEM_bad_request);
	refuses("GET x HTTP/1.1\r\nHost: a\r\n\r\n", PROBLEM_bad_request);
	refuses("GET /#f HTTP/1.1\r\nHost: a\r\n\r\n", PROBLEM_bad_request);
	refuses("GET /\xe5 HTTP/1.1\r\nHost: a\r\n\r\n", PROBLEM_bad_request);
	refuses("GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n", PROBLEM_bad_request);
	refuses("G(T / HTTP/1.1\r\nHost: a\r\n\r\n", PROBLEM_bad_request);
	refuses("\x16\x03\x01", PROBLEM_bad_request); /* TLS: at once, not when a line ends */
}

static void methods_and_versions(void **state)
{
	(void)state;
	refuses("TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", PROBLEM_not_implemented);
	refuses("get / HTTP/1.1\r\nHost: a\r\n\r\n", PROBLEM_not_implemented);
	refuses("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", PROBLEM_not_implemented);
	refuses("PRI * HTTP/2.0\r\n\r\n", PROBLEM_http_version_not_supported);
	refuses("GET / HTTP/1.2\r\nHost: a\r\n\r\n", PROBLEM_http_version_not_supported);
	refuses("GET / HTTP/0.9\r\nHost: a\r\n\r\n", PROBLEM_http_version_not_supported);
	refuses("GET / HTTP/11\r\nHost: a\r\n\r\n", PROBLEM_bad_request);
}

static void hosts(void **state)
{
	char text[512];
	(void)state;
	passes("GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", NULL);
	refuses("GET / HTTP/1.1\r\n\r\n", PROBLEM_bad_host);
	refuses("GET / HTTP/1.1\r\nHost:\r\n\r\n", PROBLEM_bad_host);
	refuses("GET / HTTP/1.1\r\nHostx: a\r\n\r\n", PROBLEM_bad_host);
	refuses("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", PROBLEM_bad_host);
	refuses("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", PROBLEM_bad_host);
	snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: %0253d\r\n\r\n", 1);
	passes(text, NULL);
	snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: %0254d\r\n\r\n", 1);
	refuses(text, PROBLEM_bad_host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(content_length_is_digits_and_single),
	    cmocka_unit_test(transfer_encoding_is_refused_in_any_form),
	    cmocka_unit_test(bodies_where_none_belongs),
	    cmocka_unit_test(line_ends_are_crlf),
	    cmocka_unit_test(header_names_are_tokens),
	    cmocka_unit_test(request_lines),
	    cmocka_unit_test(methods_and_versions),
	    cmocka_unit_test(hosts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
