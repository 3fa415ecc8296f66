/*
 * test_reconnect: what the driver does when a connection breaks, the server stops, hangs or cannot
 * be reached. Run under with_cluster.py --schema schema.sql; it stops and starts that server.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <libpq-fe.h>

#include "core/clock.h"
#include "kore_shim.h"
#include "probe.h"

static uint64_t reconnects(void)
{
	struct db_stats stats;
	db_stats(&stats);
	return stats.reconnects;
}

static bool has_reconnected(void *arg)
{
	return reconnects() >= *(uint64_t *)arg;
}

static void wait_reconnect(uint64_t count)
{
	assert_true(shim_run(has_reconnected, &count, 5000));
}

static void pid_of_fast_lane(char pid[64])
{
	struct probe probe;
	snprintf(pid, 64, "%s", probe_run(&probe, DB_backend, NULL, NULL));
}

static void terminate(const char *pid)
{
	struct probe probe;
	probe_new(&probe, DB_SLOW, 5000);
	probe_send(&probe, DB_terminate, pid, NULL);
	probe_wait(&probe, 1);
	assert_string_equal(probe.value, "t");
}

static void test_backend_terminated_in_flight(void **state)
{
	struct probe probes[3] = {0};
	char pid[64];
	(void)state;
	driver_start(test_env("TEST_DATABASE_URL"), 1, 1, 100, 3000, 2);
	pid_of_fast_lane(pid);
	for (int i = 0; i < 3; i++)
		probe_send(&probes[i], DB_nap, "2", NULL);
	terminate(pid);
	probe_wait(probes, 3);
	for (int i = 0; i < 3; i++)
		assert_int_equal(probes[i].outcome, DB_UNAVAILABLE);
	wait_reconnect(1);
	assert_string_equal(probe_run(&probes[0], DB_echo, "back", "1"), "back");
	driver_stop();
}

static void test_backend_terminated_idle(void **state)
{
	struct probe probe;
	char pid[64];
	(void)state;
	driver_start(test_env("TEST_DATABASE_URL"), 1, 1, 100, 3000, 2);
	pid_of_fast_lane(pid);
	terminate(pid);
	wait_reconnect(1);
	assert_string_equal(probe_run(&probe, DB_echo, "back", "1"), "back");
	driver_stop();
}

/* The answer of a call that was abandoned dies with its connection, without a word. */
static void test_abandoned_then_terminated(void **state)
{
	struct probe probe = {0};
	char pid[64];
	(void)state;
	driver_start(test_env("TEST_DATABASE_URL"), 1, 1, 100, 3000, 2);
	pid_of_fast_lane(pid);
	probe_send(&probe, DB_nap, "2", NULL);
	db_abandon(probe.call);
	terminate(pid);
	wait_reconnect(1);
	assert_int_equal(probe.done, 0);
	driver_stop();
}

static void test_server_stops_and_starts(void **state)
{
	struct probe in_flight = {0};
	struct probe late;
	struct probe patient;
	uint64_t start;
	(void)state;
	driver_start(test_env("TEST_DATABASE_URL"), 2, 1, 100, 3000, 3);
	probe_send(&in_flight, DB_nap, "2", NULL);
	driver_turn(50);
	server_control("stop");
	probe_wait(&in_flight, 1);
	assert_int_equal(in_flight.outcome, DB_UNAVAILABLE);
	driver_turn(300);
	assert_false(db_ready());

	/* What is sent now waits: one until its deadline, the other until the server is back. */
	start = clock_monotonic_ms();
	probe_new(&late, DB_FAST, 200);
	probe_send(&late, DB_echo, "late", "1");
	probe_new(&patient, DB_FAST, 8000);
	probe_send(&patient, DB_echo, "patient", "1");
	probe_wait(&late, 1);
	assert_int_equal(late.outcome, DB_TIMEOUT);
	assert_in_range(clock_monotonic_ms() - start, 200, 300);
	driver_turn(1500);
	assert_int_equal(patient.done, 0);

	server_control("start");
	start = clock_monotonic_ms();
	probe_wait(&patient, 1);
	assert_in_range(clock_monotonic_ms() - start, 0, 2000);
	assert_int_equal(patient.outcome, DB_OK);
	wait_reconnect(3);
	assert_true(db_ready());
	driver_stop();
}

static void test_abandoned_while_waiting(void **state)
{
	struct probe probes[2] = {0};
	(void)state;
	driver_start("host=127.0.0.1 port=1 user=nobody", 1, 1, 10, 3000, 0);
	probe_new(&probes[0], DB_FAST, 100);
	probe_send(&probes[0], DB_echo, "a", "1");
	db_abandon(probes[0].call);
	driver_turn(200);
	assert_int_equal(probes[0].done, 0);
	assert_int_equal(db_pending(), 0);
	driver_stop();
}

/* Both are answered by db_stop: the one that waits and the one in flight. */
static void test_stop_answers(void **state)
{
	struct probe probes[2] = {0};
	(void)state;
	driver_start("host=127.0.0.1 port=1 user=nobody", 1, 1, 10, 3000, 0);
	probe_send(&probes[0], DB_echo, "a", "1");
	db_stop();
	driver_start(test_env("TEST_DATABASE_URL"), 1, 1, 10, 3000, 2);
	probe_send(&probes[1], DB_nap, "1", NULL);
	db_stop();
	for (int i = 0; i < 2; i++) {
		assert_int_equal(probes[i].done, 1);
		assert_int_equal(probes[i].outcome, DB_UNAVAILABLE);
	}
	assert_int_equal(shim_timers(), 0);
}

/* The backend is frozen: only the driver's own clock can tell. */
static void test_server_hangs(void **state)
{
	struct probe probes[2] = {0};
	char pid[64];
	(void)state;
	driver_start(test_env("TEST_DATABASE_URL"), 1, 1, 10, 300, 2);
	pid_of_fast_lane(pid);
	assert_int_equal(kill((pid_t)atoi(pid), SIGSTOP), 0);
	probe_new(&probes[0], DB_FAST, 100);
	probe_send(&probes[0], DB_echo, "lost", "1");
	probe_new(&probes[1], DB_FAST, 60000);
	probe_send(&probes[1], DB_echo, "lost", "1");
	probe_wait(probes, 2);
	kill((pid_t)atoi(pid), SIGCONT);
	assert_int_equal(probes[0].outcome, DB_TIMEOUT);
	assert_int_equal(probes[1].outcome, DB_UNAVAILABLE);
	wait_reconnect(1);
	assert_string_equal(probe_run(&probes[0], DB_echo, "back", "1"), "back");
	driver_stop();
}

static void test_multi_host(void **state)
{
	PQconninfoOption *parsed = PQconninfoParse(test_env("TEST_DATABASE_URL"), NULL);
	const char *host = NULL;
	const char *port = NULL;
	char url[512];
	struct probe probe;
	(void)state;
	for (PQconninfoOption *o = parsed; o->keyword != NULL; o++) {
		if (strcmp(o->keyword, "host") == 0)
			host = o->val;
		if (strcmp(o->keyword, "port") == 0)
			port = o->val;
	}
	snprintf(url, sizeof(url),
		 "host=127.0.0.1,%s port=1,%s user=postgres dbname=postgres "
		 "target_session_attrs=read-write",
		 host, port);
	PQconninfoFree(parsed);
	driver_start(url, 2, 1, 10, 3000, 3);
	assert_string_equal(probe_run(&probe, DB_echo, "there", "1"), "there");
	driver_stop();
}

/* A database without our tables: never ready, never a crash, and the calls have their deadline. */
static void test_statement_cannot_be_prepared(void **state)
{
	char url[512];
	struct probe probe;
	(void)state;
	snprintf(url, sizeof(url), "%s dbname=template1", test_env("TEST_DATABASE_URL"));
	driver_start(url, 1, 1, 10, 3000, 0);
	probe_new(&probe, DB_FAST, 500);
	probe_send(&probe, DB_echo, "a", "1");
	probe_wait(&probe, 1);
	assert_int_equal(probe.outcome, DB_TIMEOUT);
	assert_false(db_ready());
	driver_stop();
}

static void test_bad_url(void **state)
{
	struct probe probe;
	(void)state;
	driver_start("postgresql://user:secret@[", 1, 1, 10, 3000, 0);
	probe_new(&probe, DB_FAST, 200);
	probe_send(&probe, DB_echo, "a", "1");
	probe_wait(&probe, 1);
	assert_int_equal(probe.outcome, DB_TIMEOUT);
	driver_stop();
}

/* A migration changed what a prepared statement returns: that session is replaced by itself. */
static void test_outdated_plan_is_replaced(void **state)
{
	struct probe probe;
	(void)state;
	driver_start(test_env("TEST_DATABASE_URL"), 1, 1, 10, 3000, 2);
	probe_run(&probe, DB_shape, NULL, NULL);
	probe_new(&probe, DB_SLOW, 5000);
	probe_send(&probe, DB_shape_change, NULL, NULL);
	probe_wait(&probe, 1);
	assert_int_equal(probe.outcome, DB_OK);
	probe_new(&probe, DB_FAST, 5000);
	probe_send(&probe, DB_shape, NULL, NULL);
	probe_wait(&probe, 1);
	assert_int_equal(probe.outcome, DB_ERROR);
	assert_string_equal(probe.error.sqlstate, "0A000");
	probe_run(&probe, DB_shape, NULL, NULL);
	assert_int_equal(reconnects(), 1);
	driver_stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_backend_terminated_in_flight),
	    cmocka_unit_test(test_backend_terminated_idle),
	    cmocka_unit_test(test_abandoned_then_terminated),
	    cmocka_unit_test(test_abandoned_while_waiting),
	    cmocka_unit_test(test_stop_answers),
	    cmocka_unit_test(test_server_hangs),
	    cmocka_unit_test(test_multi_host),
	    cmocka_unit_test(test_statement_cannot_be_prepared),
	    cmocka_unit_test(test_bad_url),
	    cmocka_unit_test(test_outdated_plan_is_replaced),
	    cmocka_unit_test(test_server_stops_and_starts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
