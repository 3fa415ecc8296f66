/*
 * guard_fixture: bytes through the guard and what must come of them. Included once per test file.
 */
#ifndef GUARD_FIXTURE_H
#define GUARD_FIXTURE_H

#include "http/guard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BODY_MAX 1000
#define GET      "GET /v1/me?x=1 HTTP/1.1\r\nHost: a.example\r\n"
#define POST     "POST /v1/x HTTP/1.1\r\nHost: a.example\r\n"

static struct guard_result result;

/* In a block of its own size, so that the sanitizer sees a read past its end. */
static void inspect(const char *text, size_t len, size_t scanned)
{
	uint8_t *bytes = test_malloc(len);
	memcpy(bytes, text, len);
	guard_inspect(bytes, len, scanned, BODY_MAX, &result);
	test_free(bytes);
}

static void passes(const char *text, const char *head)
{
	inspect(text, strlen(text), 0);
	assert_int_equal(result.verdict, GUARD_PASS);
	assert_int_equal(result.problem, PROBLEM_NONE);
	if (head != NULL) {
		assert_int_equal(result.head_len, strlen(head));
		assert_memory_equal(result.head, head, result.head_len);
	}
}

static void refuses_bytes(const char *text, size_t len, enum problem problem)
{
	inspect(text, len, 0);
	if (result.verdict != GUARD_REFUSE || result.problem != problem)
		print_message("for: %.200s\n", text);
	assert_int_equal(result.verdict, GUARD_REFUSE);
	assert_string_equal(problem_info(result.problem)->code, problem_info(problem)->code);
}

__attribute__((unused)) static void refuses(const char *text, enum problem problem)
{
	refuses_bytes(text, strlen(text), problem);
}

__attribute__((unused)) static bool kept(const char *line)
{
	return memmem(result.head, result.head_len, line, strlen(line)) != NULL;
}

#endif
