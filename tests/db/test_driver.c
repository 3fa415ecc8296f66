/*
 * test_driver: units of work against a real PostgreSQL: order, errors, transactions, bounds,
 * deadlines, callers that go away. What happens when connections break is in test_reconnect.c.
 * Run under with_cluster.py --schema schema.sql.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/clock.h"
#include "kore_shim.h"
#include "probe.h"

static int up(void **state)
{
	(void)state;
	driver_start(test_env("TEST_DATABASE_URL"), 2, 1, 1000, 3000, 3);
	return 0;
}

static int down(void **state)
{
	(void)state;
	driver_stop();
	return 0;
}

static int up_single(void **state)
{
	(void)state;
	driver_start(test_env("TEST_DATABASE_URL"), 1, 1, 5, 1000, 2);
	return 0;
}

static void test_session(void **state)
{
	struct probe probe;
	(void)state;
	probe_run(&probe, DB_backend, NULL, NULL);
	assert_int_equal(probe.rows, 1);
}

static struct db_call *text_call;
static char row_text[2048];

static void on_row(struct db_call *call, void *ctx)
{
	struct buf out;
	buf_init(&out, 0);
	assert_int_equal(db_outcome(call), DB_OK);
	db_row_json(&out, call, 0, 0);
	db_row_json(&out, call, 0, 1); /* no such row: null */
	assert_false(out.failed);
	snprintf(row_text, sizeof(row_text), "%s", out.data);
	buf_free(&out);
	*(bool *)ctx = true;
}

static bool is_set(void *arg)
{
	return *(bool *)arg;
}

static const char *row_of(enum db_lane lane, enum db_statement statement)
{
	bool done = false;
	text_call = db_call_new(lane, 5000, on_row, &done);
	assert_int_equal(db_step(text_call, statement, NULL, 0), 0);
	assert_true(db_send(text_call));
	assert_true(shim_run(is_set, &done, 5000));
	return row_text;
}

static void test_session_settings(void **state)
{
	(void)state;
	assert_non_null(strstr(row_of(DB_FAST, DB_backend), "\"limit_text\":\"3s\""));
	assert_non_null(strstr(row_of(DB_SLOW, DB_backend), "\"limit_text\":\"30s\""));
	assert_non_null(strstr(row_text, "\"zone\":\"UTC\",\"app\":\"partystudy\""));
}

static void test_options_of_the_url_are_kept(void **state)
{
	char url[512];
	(void)state;
	snprintf(url, sizeof(url), "%s options='-c search_path=public,extra'",
		 test_env("TEST_DATABASE_URL"));
	driver_start(url, 1, 0, 10, 3000, 1);
	assert_non_null(strstr(row_of(DB_FAST, DB_backend), "\"path\":\"public,extra\""));
	assert_non_null(strstr(row_text, "\"limit_text\":\"3s\""));
	driver_stop();
}

static void test_every_type(void **state)
{
	(void)state;
	assert_string_equal(
	    row_of(DB_FAST, DB_every_type),
	    "{\"yes\":true,\"no\":false,\"small\":7,\"medium\":-70000,\"large\":9007199254740993,"
	    "\"half\":1.5,\"nan\":null,\"low\":null,\"exact\":12345678901234567890.123,"
	    "\"no_number\":null,\"doc\":{\"a\": [1, null]},\"plain\":[1,2],"
	    "\"at\":\"2026-11-23T12:24:03.123Z\",\"beijing\":\"2026-11-23T12:24:03Z\","
	    "\"never\":null,\"day\":\"2026-11-23\",\"no_day\":null,"
	    "\"id\":\"0191e2b8-7d1a-7c3e-8a55-1f2e3d4c5b6a\",\"words\":\"学习 "
	    "\\\"党课\\\"\\n\\\\\","
	    "\"nothing\":null,\"texts\":[\"a\\\"b\",\"c\\\\d\",null,\"NULL\",\"\",\"e,f\",\"学习\"]"
	    ","
	    "\"numbers\":[1,null,-3],\"none\":[],"
	    "\"ids\":[\"0191e2b8-7d1a-7c3e-8a55-1f2e3d4c5b6a\"],"
	    "\"times\":[\"2026-11-23T12:24:03.5Z\"],\"flags\":[true,false],"
	    "\"docs\":[{\"k\": \"v,\\\"w\"}],\"watched\":[[1,5],[7,9]],\"unwatched\":[],"
	    "\"span\":[[3,5]],\"empty_span\":[],\"below\":[[null,5]],\"shifted\":[1,2],"
	    "\"square\":[[1,2],[3,4]],\"address\":\"192.0.2.1\",\"letter\":\"x\"}null");
}

/* Many at once: each gets its own answer; on one connection in the order sent. */
static void test_many(void **state)
{
	static struct probe probes[400];
	(void)state;
	for (int i = 0; i < 400; i++) {
		char text[16];
		snprintf(text, sizeof(text), "v%d", i);
		probe_new(&probes[i], DB_SLOW, 5000);
		probe_send(&probes[i], DB_echo, text, "1");
	}
	probe_wait(probes, 400);
	for (int i = 0; i < 400; i++) {
		char text[16];
		snprintf(text, sizeof(text), "v%d", i);
		assert_int_equal(probes[i].outcome, DB_OK);
		assert_string_equal(probes[i].value, text);
		assert_int_equal(probes[i].order, i + 1);
	}
}

static void test_error_is_alone(void **state)
{
	struct probe probes[9] = {0};
	(void)state;
	for (int i = 0; i < 9; i++)
		probe_send(&probes[i], DB_divide, i == 4 ? "0" : "2", NULL);
	probe_wait(probes, 9);
	for (int i = 0; i < 9; i++)
		assert_int_equal(probes[i].outcome, i == 4 ? DB_ERROR : DB_OK);
	assert_string_equal(probes[4].error.sqlstate, "22012");
	assert_string_equal(probes[3].value, "5");
}

static void test_transaction_is_rolled_back(void **state)
{
	struct probe probe;
	(void)state;
	probe_run(&probe, DB_item_clear, NULL, NULL);
	probe_new(&probe, DB_FAST, 5000);
	probe_step(&probe, DB_item_put, "1", "one");
	probe_step(&probe, DB_divide, "0", NULL);
	probe_send(&probe, DB_item_put, "2", "two");
	probe_wait(&probe, 1);
	assert_int_equal(probe.outcome, DB_ERROR);
	assert_string_equal(probe_run(&probe, DB_item_count, NULL, NULL), "0");

	probe_new(&probe, DB_FAST, 5000);
	probe_step(&probe, DB_item_put, "1", "one");
	probe_send(&probe, DB_item_put, "2", "two");
	probe_wait(&probe, 1);
	assert_int_equal(probe.outcome, DB_OK);
	assert_string_equal(probe_run(&probe, DB_item_count, NULL, NULL), "2");
}

static void test_error_fields(void **state)
{
	struct probe probe = {0};
	(void)state;
	probe_run(&probe, DB_item_clear, NULL, NULL);
	probe_run(&probe, DB_item_put, "7", "x");
	probe_new(&probe, DB_FAST, 5000);
	probe_send(&probe, DB_item_put, "7", "y");
	probe_wait(&probe, 1);
	assert_string_equal(probe.error.sqlstate, "23505");
	assert_string_equal(probe.error.constraint, "driver_item_pkey");

	probe_new(&probe, DB_FAST, 5000);
	probe_send(&probe, DB_refuse, NULL, NULL);
	probe_wait(&probe, 1);
	assert_int_equal(probe.outcome, DB_ERROR);
	assert_string_equal(probe.error.sqlstate, "PS000");
	assert_string_equal(probe.error.message, "course_empty");
	assert_string_equal(probe.error.column, "course_id");
}

/* The constraint is checked at the sync, after the statement has succeeded. */
static void test_error_at_commit(void **state)
{
	struct probe probes[3] = {0};
	(void)state;
	probe_send(&probes[0], DB_child_put, "1", "424242");
	probe_send(&probes[1], DB_echo, "after", "1");
	probe_send(&probes[2], DB_echo, "after", "1");
	probe_wait(probes, 3);
	assert_int_equal(probes[0].outcome, DB_ERROR);
	assert_string_equal(probes[0].error.sqlstate, "23503");
	assert_string_equal(probes[0].error.constraint, "driver_child_item");
	assert_int_equal(probes[1].outcome, DB_OK);
	assert_int_equal(probes[2].outcome, DB_OK);
}

static void test_steps_are_checked(void **state)
{
	struct db_param params[3] = {{"1"}, {"2"}, {"3"}};
	struct db_call *call = db_call_new(DB_FAST, 1000, NULL, NULL);
	(void)state;
	assert_int_equal(db_step(call, DB_echo, params, 3), -1);
	assert_int_equal(db_step(call, DB_STATEMENT_COUNT, params, 0), -1);
	for (int i = 0; i < DB_STEPS; i++)
		assert_int_equal(db_step(call, DB_echo, params, 2), i);
	assert_int_equal(db_step(call, DB_echo, params, 2), -1);
	db_call_free(call);
	assert_false(db_send(db_call_new(DB_FAST, 1000, NULL, NULL))); /* no step */
}

static void test_full_queue_refuses(void **state)
{
	struct probe probes[6] = {0};
	struct db_stats stats;
	(void)state;
	for (int i = 0; i < 5; i++)
		probe_send(&probes[i], DB_nap, "0.05", NULL);
	probe_new(&probes[5], DB_FAST, 1000);
	probe_step(&probes[5], DB_echo, "a", "1");
	assert_false(db_send(probes[5].call));
	db_stats(&stats);
	assert_int_equal(stats.refused, 1);
	assert_int_equal(stats.in_flight, 5);
	probe_wait(probes, 5);
	assert_int_equal(probes[5].done, 0);
	assert_string_equal(probe_run(&probes[5], DB_echo, "a", "1"), "a");
}

static void test_draining_refuses(void **state)
{
	struct probe probe = {0};
	struct probe late;
	(void)state;
	probe_send(&probe, DB_nap, "0.05", NULL);
	db_drain();
	probe_new(&late, DB_FAST, 1000);
	probe_step(&late, DB_echo, "a", "1");
	assert_false(db_send(late.call));
	assert_int_equal(db_pending(), 1);
	probe_wait(&probe, 1);
	assert_int_equal(probe.outcome, DB_OK);
	assert_int_equal(db_pending(), 0);
}

/* The answer comes at the deadline; the late result meets nobody and the next call is not mixed up.
 */
static void test_deadline_in_flight(void **state)
{
	struct probe probes[2] = {0};
	uint64_t start = clock_monotonic_ms();
	(void)state;
	probe_new(&probes[0], DB_FAST, 100);
	probe_send(&probes[0], DB_nap, "0.5", NULL);
	probe_send(&probes[1], DB_echo, "next", "1");
	probe_wait(&probes[0], 1);
	assert_int_equal(probes[0].outcome, DB_TIMEOUT);
	assert_in_range(clock_monotonic_ms() - start, 100, 200);
	assert_int_equal(db_pending(), 1);
	probe_wait(&probes[1], 1);
	assert_string_equal(probes[1].value, "next");
	assert_int_equal(probes[0].done, 1);
}

static void test_statement_timeout(void **state)
{
	struct probe probe = {0};
	(void)state;
	probe_send(&probe, DB_nap, "5", NULL);
	probe_wait(&probe, 1);
	assert_int_equal(probe.outcome, DB_TIMEOUT);
	assert_string_equal(probe.error.sqlstate, "57014");
}

static void test_abandon(void **state)
{
	struct probe probe;
	(void)state;
	probe_run(&probe, DB_item_clear, NULL, NULL);
	probe_new(&probe, DB_FAST, 1000);
	probe_step(&probe, DB_item_put, "1", "never sent");
	db_abandon(probe.call);

	probe_new(&probe, DB_FAST, 1000);
	probe_send(&probe, DB_item_put, "2", "in flight");
	db_abandon(probe.call);
	while (db_pending() > 0)
		shim_turn(50);
	assert_int_equal(probe.done, 0);
	/* It has run to its end all the same. */
	assert_string_equal(probe_run(&probe, DB_item_count, NULL, NULL), "1");

	probe_new(&probe, DB_FAST, 50);
	probe_send(&probe, DB_nap, "0.2", NULL);
	db_abandon(probe.call);
	driver_turn(300);
	assert_int_equal(probe.done, 0);
}

/* In on_done: a new call, and the end of another that is in flight and of one that is not sent. */
static struct probe chained[3];

static void chain(struct probe *probe)
{
	(void)probe;
	probe_send(&chained[1], DB_echo, "second", "1");
	db_abandon(chained[2].call);
}

static void test_callback_sends(void **state)
{
	(void)state;
	memset(chained, 0, sizeof(chained));
	probe_new(&chained[0], DB_FAST, 1000);
	chained[0].then = chain;
	probe_send(&chained[0], DB_echo, "first", "1");
	probe_send(&chained[2], DB_nap, "0.05", NULL);
	probe_wait(chained, 2);
	assert_string_equal(chained[1].value, "second");
	driver_turn(100);
	assert_int_equal(chained[2].done, 0);
}

/* More than any socket buffer holds, both ways at once. */
static void test_large(void **state)
{
	enum { COUNT = 12, SIZE = 3000000 };
	static struct probe probes[COUNT * 2];
	char *text = malloc(SIZE + 1);
	(void)state;
	memset(text, 'x', SIZE);
	text[SIZE] = '\0';
	memset(probes, 0, sizeof(probes));
	for (int i = 0; i < COUNT; i++) {
		probe_new(&probes[2 * i], DB_SLOW, 20000);
		probe_send(&probes[2 * i], DB_echo, text, "1");
		probe_new(&probes[2 * i + 1], DB_SLOW, 20000);
		probe_send(&probes[2 * i + 1], DB_series, "1000", "3000");
	}
	free(text);
	probe_wait(probes, COUNT * 2);
	for (int i = 0; i < COUNT; i++) {
		assert_int_equal(probes[2 * i].outcome, DB_OK);
		assert_int_equal(probes[2 * i + 1].rows, 3000);
	}
}

static void test_large_over_tls(void **state)
{
	driver_start(test_env("TEST_DATABASE_TLS"), 1, 1, 100, 20000, 2);
	test_large(state);
	driver_stop();
}

/* Nothing pending, everything ready: no timer keeps the worker awake. */
static void test_idle_has_no_timer(void **state)
{
	struct probe probe;
	(void)state;
	probe_run(&probe, DB_echo, "a", "1");
	driver_turn(100);
	assert_int_equal(shim_timers(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_session, up, down),
	    cmocka_unit_test_setup_teardown(test_session_settings, up, down),
	    cmocka_unit_test(test_options_of_the_url_are_kept),
	    cmocka_unit_test_setup_teardown(test_every_type, up, down),
	    cmocka_unit_test_setup_teardown(test_many, up, down),
	    cmocka_unit_test_setup_teardown(test_error_is_alone, up, down),
	    cmocka_unit_test_setup_teardown(test_transaction_is_rolled_back, up, down),
	    cmocka_unit_test_setup_teardown(test_error_fields, up, down),
	    cmocka_unit_test_setup_teardown(test_error_at_commit, up_single, down),
	    cmocka_unit_test_setup_teardown(test_steps_are_checked, up, down),
	    cmocka_unit_test_setup_teardown(test_full_queue_refuses, up_single, down),
	    cmocka_unit_test_setup_teardown(test_draining_refuses, up_single, down),
	    cmocka_unit_test_setup_teardown(test_deadline_in_flight, up_single, down),
	    cmocka_unit_test_setup_teardown(test_statement_timeout, up_single, down),
	    cmocka_unit_test_setup_teardown(test_abandon, up_single, down),
	    cmocka_unit_test_setup_teardown(test_callback_sends, up_single, down),
	    cmocka_unit_test_setup_teardown(test_large, up, down),
	    cmocka_unit_test(test_large_over_tls),
	    cmocka_unit_test_setup_teardown(test_idle_has_no_timer, up, down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
