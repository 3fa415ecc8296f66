/* probe: see probe.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/clock.h"
#include "core/log.h"
#include "kore_shim.h"
#include "probe.h"

int probe_orders;

static void on_probe(struct db_call *call, void *ctx)
{
	struct probe *probe = ctx;

	assert_ptr_equal(call, probe->call);
	probe->done++;
	probe->order = ++probe_orders;
	probe->outcome = db_outcome(call);
	probe->error = *db_error(call);
	for (int step = 0; step < DB_STEPS; step++) {
		if (db_columns(call, step) == 0)
			continue;
		const char *value = db_value(call, step, 0, 0, NULL);
		probe->rows = db_rows(call, step);
		snprintf(probe->value, sizeof(probe->value), "%s", value != NULL ? value : "-");
	}
	if (probe->then != NULL)
		probe->then(probe);
}

void probe_new(struct probe *probe, enum db_lane lane, uint32_t timeout_ms)
{
	memset(probe, 0, sizeof(*probe));
	probe->call = db_call_new(lane, timeout_ms, on_probe, probe);
	assert_non_null(probe->call);
}

void probe_step(struct probe *probe, enum db_statement statement, const char *a, const char *b)
{
	struct db_param params[2] = {{a}, {b}};
	assert_true(
	    db_step(probe->call, statement, params, db_statement_info(statement)->nparams) >= 0);
}

void probe_send(struct probe *probe, enum db_statement statement, const char *a, const char *b)
{
	if (probe->call == NULL || probe->done > 0)
		probe_new(probe, DB_FAST, 5000);
	probe_step(probe, statement, a, b);
	assert_true(db_send(probe->call));
	assert_int_equal(probe->done, 0);
}

struct waited {
	struct probe *probes;
	int count;
};

static bool all_done(void *arg)
{
	const struct waited *waited = arg;
	for (int i = 0; i < waited->count; i++) {
		if (waited->probes[i].done == 0)
			return false;
	}
	return true;
}

void probe_wait(struct probe *probes, int count)
{
	struct waited waited = {probes, count};
	assert_true(shim_run(all_done, &waited, 10000));
	for (int i = 0; i < count; i++)
		assert_int_equal(probes[i].done, 1);
}

const char *probe_run(struct probe *probe, enum db_statement statement, const char *a,
		      const char *b)
{
	memset(probe, 0, sizeof(*probe));
	probe_send(probe, statement, a, b);
	probe_wait(probe, 1);
	assert_int_equal(probe->outcome, DB_OK);
	return probe->value;
}

static bool enough_ready(void *arg)
{
	struct db_stats stats;
	db_stats(&stats);
	return stats.connections_ready >= *(int *)arg;
}

bool driver_wait_ready(int connections, int timeout_ms)
{
	return shim_run(enough_ready, &connections, timeout_ms);
}

void driver_start(const char *url, int fast, int slow, int queue, int statement_timeout_ms,
		  int ready)
{
	struct db_settings settings = {.url = url,
				       .connections = {[DB_FAST] = fast, [DB_SLOW] = slow},
				       .queue = queue,
				       .statement_timeout_ms = statement_timeout_ms};
	probe_orders = 0;
	db_start(&settings);
	assert_true(driver_wait_ready(ready, 10000));
}

void driver_stop(void)
{
	struct db_stats stats;

	db_stats(&stats);
	assert_int_equal(stats.waiting, 0);
	assert_int_equal(stats.in_flight, 0);
	assert_int_equal(db_pending(), 0);
	db_stop();
	assert_int_equal(shim_timers(), 0);
	log_flush();
}

static bool never(void *arg)
{
	(void)arg;
	return false;
}

void driver_turn(int ms)
{
	shim_run(never, NULL, ms);
}

const char *test_env(const char *name)
{
	const char *value = getenv(name);
	if (value == NULL || *value == '\0')
		fail_msg("%s is not set: run this under tests/db/with_cluster.py", name);
	return value;
}

void server_control(const char *action)
{
	char command[512];
	snprintf(command, sizeof(command), "%s %s", test_env("TEST_DATABASE_CTL"), action);
	assert_int_equal(system(command), 0);
}
