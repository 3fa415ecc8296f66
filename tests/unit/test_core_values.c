/*
 * Tests of core/uuid, core/clock and core/problem. The calendar is held against the C library's;
 * ids are made in a parent and its children, which must not repeat each other.
 */
#include "core/clock.h"
#include "core/problem.h"
#include "core/uuid.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

/* ── uuid ───────────────────────────────────────────────────────────────────────────────────── */

static int by_text(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void assert_all_different(char (*ids)[UUID_TEXT], size_t count)
{
	qsort(ids, count, sizeof ids[0], by_text);
	for (size_t i = 1; i < count; i++)
		assert_string_not_equal(ids[i - 1], ids[i]);
}

static void test_v7_form_and_time(void **unused)
{
	(void)unused;
	for (int i = 0; i < 1000; i++) {
		char id[UUID_TEXT], head[14];
		int64_t before = clock_unix_ms();
		uuid_v7(id);
		int64_t after = clock_unix_ms();
		assert_int_equal(strlen(id), 36);
		assert_true(uuid_valid(id, 36));
		assert_null(strpbrk(id, "ABCDEF"));
		assert_int_equal(id[14], '7');
		assert_non_null(strchr("89ab", id[19]));
		snprintf(head, sizeof head, "%.8s%.4s", id, id + 9);
		int64_t made = strtoll(head, NULL, 16);
		assert_true(made >= before && made <= after);
	}
}

static void test_v7_never_repeats(void **unused)
{
	(void)unused;
	enum { COUNT = 5000 }; /* several pools full */
	static char ids[COUNT][UUID_TEXT];
	for (size_t i = 0; i < COUNT; i++)
		uuid_v7(ids[i]);
	/* Whatever the time says, the random parts alone must differ. */
	for (size_t i = 0; i < COUNT; i++)
		memcpy(ids[i], "00000000-0000", 13);
	assert_all_different(ids, COUNT);
}

static void test_v7_differs_after_fork(void **unused)
{
	(void)unused;
	enum { CHILDREN = 3, EACH = 100 };
	static char ids[(CHILDREN + 1) * EACH][UUID_TEXT];
	char first[UUID_TEXT];
	uuid_v7(first); /* the parent's pool is full of bytes that children must not use */

	for (size_t child = 0; child < CHILDREN; child++) {
		int ends[2];
		assert_int_equal(pipe(ends), 0);
		pid_t pid = fork();
		if (pid == 0) {
			static char own[EACH][UUID_TEXT];
			for (size_t i = 0; i < EACH; i++)
				uuid_v7(own[i]);
			_exit(write(ends[1], own, sizeof own) == (ssize_t)sizeof own ? 0 : 1);
		}
		close(ends[1]);
		size_t have = 0;
		char *to = ids[child * EACH];
		for (ssize_t got; (got = read(ends[0], to + have, EACH * UUID_TEXT - have)) > 0;)
			have += (size_t)got;
		assert_int_equal(have, EACH * UUID_TEXT);
		close(ends[0]);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
	}
	for (size_t i = CHILDREN * EACH; i < (CHILDREN + 1) * EACH; i++)
		uuid_v7(ids[i]);
	for (size_t i = 0; i < (CHILDREN + 1) * EACH; i++)
		memcpy(ids[i], "00000000-0000", 13);
	assert_all_different(ids, (CHILDREN + 1) * EACH);
}

static void test_v8_is_the_hash(void **unused)
{
	(void)unused;
	const uint8_t hash[16] = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0xF6, 0x77,
				  0xFF, 0x99, 0xAA, 0xBB, 0xCC, 0xDD, 0xEE, 0xFF};
	char id[UUID_TEXT];
	uuid_v8(id, hash);
	assert_string_equal(id, "00112233-4455-8677-bf99-aabbccddeeff");
}

static void test_uuid_valid(void **unused)
{
	(void)unused;
	const char *good = "0192F0c1-7e5a-7abc-8def-0123456789ab";
	assert_true(uuid_valid(good, 36));
	assert_false(uuid_valid(good, 35));
	assert_false(uuid_valid(good, 37));
	assert_false(uuid_valid("", 0));
	for (size_t at = 0; at < 36; at++) {
		const char *wrong = good[at] == '-' ? "0a " : "-gG@`/: ";
		for (; *wrong != '\0'; wrong++) {
			char text[37];
			memcpy(text, good, sizeof text);
			text[at] = *wrong;
			assert_false(uuid_valid(text, 36));
		}
	}
	assert_false(uuid_valid("{192F0c1-7e5a-7abc-8def-0123456789a}", 36));
}

/* ── clock ──────────────────────────────────────────────────────────────────────────────────── */

static void test_format_agrees_with_the_library(void **unused)
{
	(void)unused;
	/* A prime step meets every month end, leap day and time of day in time. */
	for (int64_t ms = 0; ms < INT64_C(253402300800000); ms += INT64_C(9999999967) / 4) {
		char ours[CLOCK_TEXT], theirs[CLOCK_TEXT], whole[CLOCK_TEXT + 8];
		time_t seconds = (time_t)(ms / 1000);
		struct tm tm;
		clock_format(ours, ms);
		strftime(theirs, sizeof theirs, "%Y-%m-%dT%H:%M:%S", gmtime_r(&seconds, &tm));
		snprintf(whole, sizeof whole, "%s.%03dZ", theirs, (int)(ms % 1000));
		assert_string_equal(ours, whole);
		assert_true(clock_timestamp_valid(ours, strlen(ours)));
		assert_true(clock_date_valid(ours, 10));
	}
}

static void test_format_every_day(void **unused)
{
	(void)unused;
	for (int64_t day = 0; day < 150000; day++) { /* to the year 2380 */
		char ours[CLOCK_TEXT], theirs[CLOCK_TEXT];
		time_t seconds = (time_t)(day * 86400 + 86399);
		struct tm tm;
		clock_format(ours, seconds * 1000 + 999);
		strftime(theirs, sizeof theirs, "%Y-%m-%dT%H:%M:%S.999Z", gmtime_r(&seconds, &tm));
		assert_string_equal(ours, theirs);
	}
}

static void test_format_out_of_range(void **unused)
{
	(void)unused;
	char text[CLOCK_TEXT];
	clock_format(text, INT64_MIN);
	assert_string_equal(text, "1970-01-01T00:00:00.000Z");
	clock_format(text, INT64_MAX);
	assert_string_equal(text, "9999-12-31T23:59:59.999Z");
}

static void test_timestamps(void **unused)
{
	(void)unused;
	static const char *const good[] = {
	    "2026-11-23T12:24:03Z",      "2026-11-23t12:24:03z",
	    "2026-11-23T12:24:03.1Z",    "2026-11-23T12:24:03.123456789+08:00",
	    "2024-02-29T00:00:00-00:00", "2000-02-29T23:59:59+14:00",
	    "1970-01-01T00:00:00Z",      "9999-12-31T23:59:59.999Z",
	    "2016-12-31T23:59:60Z",      "2017-01-01T07:59:60+08:00",
	    "1970-01-01T08:00:00+08:00", "2026-11-23T12:24:03.12345678901234567890Z",
	};
	static const char *const bad[] = {
	    "",
	    "2026-11-23",
	    "2026-11-23T12:24:03",
	    "2026-11-23 12:24:03Z",
	    "2026-11-23T12:24Z",
	    "2026-11-23T12:24:03.Z",
	    "2026-11-23T12:24:03,1Z",
	    "2026-11-23T24:00:00Z",
	    "2026-11-23T12:60:00Z",
	    "2026-11-23T12:24:61Z",
	    "2026-11-23T12:24:60Z",
	    "2026-11-23T12:24:03+0800",
	    "2026-11-23T12:24:03+08",
	    "2026-11-23T12:24:03+16:00",
	    "2026-11-23T12:24:03+08:60",
	    "2026-11-23T12:24:03ZZ",
	    "2026-11-23T12:24:03Z ",
	    " 2026-11-23T12:24:03Z",
	    "2026-02-29T12:24:03Z",
	    "2026-13-01T12:24:03Z",
	    "2026-00-01T12:24:03Z",
	    "2026-01-00T12:24:03Z",
	    "2026-11-31T12:24:03Z",
	    "1969-12-31T23:59:59Z",
	    "1970-01-01T00:00:00+08:00",
	    "9999-12-31T23:59:59-08:00",
	    "+026-11-23T12:24:03Z",
	    "2026-1-123T12:24:03Z",
	    "2026-11-23T12:24:03.123456789012345678901Z",
	    "２０２６-11-23T12:24:03Z",
	    "infinity",
	    "now",
	};
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
		if (!clock_timestamp_valid(good[i], strlen(good[i])))
			fail_msg("%s is good", good[i]);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		if (clock_timestamp_valid(bad[i], strlen(bad[i])))
			fail_msg("%s is bad", bad[i]);
	/* Every shorter beginning is bad as well, and no byte behind it is looked at. */
	for (size_t len = 0; len < 24; len++)
		assert_false(clock_timestamp_valid("2026-11-23T12:24:03.123Z", len));
	assert_false(clock_timestamp_valid("2026-11-23\0T12:24:03Z", 21));
}

static void test_dates(void **unused)
{
	(void)unused;
	static const char *const good[] = {"2026-11-23", "1800-01-01", "9999-12-31", "2000-02-29"};
	static const char *const bad[] = {"1799-12-31", "1900-02-29",  "2026-04-31", "2026-4-3",
					  "20261123",   "2026-11-23T", "2026-11-2",  "0000-00-00"};
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
		assert_true(clock_date_valid(good[i], strlen(good[i])));
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_false(clock_date_valid(bad[i], strlen(bad[i])));
}

static void test_clocks_run(void **unused)
{
	(void)unused;
	uint64_t us = clock_monotonic_us(), ms = clock_monotonic_ms();
	assert_true(ms >= us / 1000 && ms < us / 1000 + 1000);
	assert_true(clock_monotonic_us() >= us);
	int64_t now = clock_unix();
	assert_true(now >= time(NULL) - 1 && now <= time(NULL));
	int64_t now_ms = clock_unix_ms();
	assert_true(now_ms / 1000 >= now && now_ms / 1000 <= now + 1);
}

/* ── problem ────────────────────────────────────────────────────────────────────────────────── */

static void test_every_problem_is_complete(void **unused)
{
	(void)unused;
	for (enum problem p = PROBLEM_NONE + 1; p < PROBLEM_COUNT; p++) {
		const struct problem_info *info = problem_info(p);
		assert_true(info->status >= 400 && info->status <= 599);
		assert_true(strlen(info->zh) > 0 && strlen(info->en) > 0);
		assert_int_equal(problem_by_code(info->code, strlen(info->code)), p);
	}
	assert_string_equal(problem_info(PROBLEM_not_found)->code, "not_found");
	assert_int_equal(problem_info(PROBLEM_not_found)->status, 404);
}

static void test_unknown_codes(void **unused)
{
	(void)unused;
	static const char *const unknown[] = {"",           "none", "nothing", "not_foun",
					      "not_found2", "zzz",  "aaa",     "NOT_FOUND"};
	for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++)
		assert_int_equal(problem_by_code(unknown[i], strlen(unknown[i])), PROBLEM_NONE);
	assert_int_equal(problem_by_code("not_found and more", 9), PROBLEM_not_found);
	assert_int_equal(problem_by_code("not_found", 10), PROBLEM_NONE); /* a NUL inside */
	assert_int_equal(problem_info((enum problem)9999)->status, 500);
	assert_int_equal(problem_info((enum problem) - 1)->status, 500);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_v7_form_and_time),
	    cmocka_unit_test(test_v7_never_repeats),
	    cmocka_unit_test(test_v7_differs_after_fork),
	    cmocka_unit_test(test_v8_is_the_hash),
	    cmocka_unit_test(test_uuid_valid),
	    cmocka_unit_test(test_format_agrees_with_the_library),
	    cmocka_unit_test(test_format_every_day),
	    cmocka_unit_test(test_format_out_of_range),
	    cmocka_unit_test(test_timestamps),
	    cmocka_unit_test(test_dates),
	    cmocka_unit_test(test_clocks_run),
	    cmocka_unit_test(test_every_problem_is_complete),
	    cmocka_unit_test(test_unknown_codes),
	};
	return cmocka_run_group_tests_name("core/values", tests, NULL, NULL);
}
