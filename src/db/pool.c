/*
 * pool: the worker's lanes: which call goes to which connection, what waits, what is too late.
 *
 * Each lane has a FIFO of calls that wait and a few connections; a call goes to the ready
 * connection with the fewest in flight. One one-shot timer does all that depends on time and runs
 * only while a call is pending or a connection is not ready. Entry points: db_start, db_send,
 * db_drain, db_stop; conn.c calls pool_dispatch and pool_deliver after each event.
 */
#include "db/db_priv.h"

#include "core/clock.h"
#include "core/log.h"
#include "core/mem.h"

#include <string.h>

struct db_pool db_pool;

/* ── dispatch and delivery ──────────────────────────────────────────────────────────────────── */

static struct db_conn *lane_pick(const struct lane *lane)
{
	struct db_conn *best = NULL;
	for (int i = 0; i < lane->nconns; i++) {
		struct db_conn *c = &lane->conns[i];
		if (c->state == CONN_READY && c->depth < CONN_DEPTH_MAX &&
		    (best == NULL || c->depth < best->depth))
			best = c;
	}
	return best;
}

void pool_dispatch(enum db_lane which)
{
	struct lane *lane = &db_pool.lanes[which];
	struct db_call *call;
	struct db_conn *c;

	while ((call = TAILQ_FIRST(&lane->waiting)) != NULL && (c = lane_pick(lane)) != NULL)
		wire_send(c, call);
}

void pool_deliver(void)
{
	struct db_call *call;

	if (db_pool.delivering)
		return;
	db_pool.delivering = true;
	while ((call = TAILQ_FIRST(&db_pool.outbox)) != NULL)
		call_deliver(call);
	db_pool.delivering = false;
}

bool db_send(struct db_call *call)
{
	struct lane *lane = &db_pool.lanes[call->lane];

	if (!db_pool.started || db_pool.draining || call->state != CALL_NEW || call->nsteps == 0 ||
	    lane->held >= db_pool.queue) {
		db_pool.refused++;
		db_call_free(call);
		return false;
	}
	db_pool.calls++;
	db_pool.unanswered++;
	call->deadline_ms = clock_monotonic_ms() + call->timeout_ms;
	call_move(call, CALL_WAITING, NULL);
	pool_dispatch(call->lane);
	pool_wake(POOL_TICK_MS);
	return true;
}

/* ── the timer ──────────────────────────────────────────────────────────────────────────────── */

/* A call that waits goes; one in flight is answered and stays as a husk. No callback runs here. */
static void lane_expire(struct lane *lane, uint64_t now)
{
	struct db_call *call;
	struct db_call *next;

	for (call = TAILQ_FIRST(&lane->waiting); call != NULL; call = next) {
		next = TAILQ_NEXT(call, entry);
		if (now >= call->deadline_ms)
			call_end(call, DB_TIMEOUT);
	}
	for (int i = 0; i < lane->nconns; i++) {
		TAILQ_FOREACH(call, &lane->conns[i].in_flight, entry)
		{
			if (now >= call->deadline_ms)
				call_settle(call, DB_TIMEOUT);
		}
	}
}

static bool pool_is_quiet(void)
{
	for (int l = 0; l < DB_LANES; l++) {
		const struct lane *lane = &db_pool.lanes[l];
		if (lane->held > 0)
			return false;
		for (int i = 0; i < lane->nconns; i++) {
			if (lane->conns[i].state != CONN_READY)
				return false;
		}
	}
	return true;
}

static void pool_on_timer(void *arg, u_int64_t kore_now)
{
	uint64_t now = clock_monotonic_ms();

	(void)arg;
	(void)kore_now;
	db_pool.timer = NULL; /* one-shot: Kore frees it when we return */
	for (int l = 0; l < DB_LANES; l++) {
		struct lane *lane = &db_pool.lanes[l];
		for (int i = 0; i < lane->nconns; i++)
			conn_tick(&lane->conns[i], now);
		lane_expire(lane, now);
		pool_dispatch((enum db_lane)l);
	}
	pool_deliver();
	if (db_pool.started && !pool_is_quiet())
		pool_wake(POOL_TICK_MS);
}

void pool_wake(uint64_t ms)
{
	uint64_t when = clock_monotonic_ms() + ms;

	if (db_pool.timer != NULL) {
		if (db_pool.timer_ms <= when)
			return;
		kore_timer_remove(db_pool.timer);
	}
	db_pool.timer = kore_timer_add(pool_on_timer, ms, NULL, KORE_TIMER_ONESHOT);
	db_pool.timer_ms = when;
}

/* ── start and stop ─────────────────────────────────────────────────────────────────────────── */

/* What the connection string itself gives as options; ours follow and win. */
static void append_own_options(struct buf *out)
{
	char *error = NULL;
	PQconninfoOption *parsed = PQconninfoParse(db_pool.url, &error);

	db_pool.url_bad = parsed == NULL;
	for (PQconninfoOption *o = parsed; o != NULL && o->keyword != NULL; o++) {
		if (strcmp(o->keyword, "options") == 0 && o->val != NULL) {
			buf_puts(out, o->val);
			buf_putc(out, ' ');
		}
	}
	PQconninfoFree(parsed);
	PQfreemem(error);
}

/* The session's settings travel with the connection request: no statement has to be run for them.
 */
static char *lane_options(int statement_timeout_ms)
{
	struct buf text;
	buf_init(&text, 256);
	append_own_options(&text);
	buf_printf(&text,
		   "-c statement_timeout=%d -c TimeZone=UTC -c DateStyle=ISO"
		   " -c IntervalStyle=iso_8601 -c bytea_output=hex -c extra_float_digits=1",
		   statement_timeout_ms);
	char *options = text.failed ? NULL : mem_strdup(text.data);
	buf_free(&text);
	return options;
}

static bool lane_start(enum db_lane which, int nconns, int statement_timeout_ms)
{
	struct lane *lane = &db_pool.lanes[which];

	TAILQ_INIT(&lane->waiting);
	lane->statement_timeout_ms = statement_timeout_ms;
	lane->options = lane_options(statement_timeout_ms);
	if (nconns <= 0)
		return true;
	lane->conns = mem_alloc((size_t)nconns * sizeof(*lane->conns));
	if (lane->options == NULL || lane->conns == NULL)
		return false;
	lane->nconns = nconns;
	for (int i = 0; i < nconns; i++)
		conn_init(&lane->conns[i], which, i);
	return true;
}

static void pool_free(void)
{
	for (int l = 0; l < DB_LANES; l++) {
		mem_free(db_pool.lanes[l].conns);
		mem_free(db_pool.lanes[l].options);
	}
	mem_free(db_pool.url);
	memset(&db_pool, 0, sizeof(db_pool));
}

void db_start(const struct db_settings *settings)
{
	bool ok = true;

	memset(&db_pool, 0, sizeof(db_pool));
	TAILQ_INIT(&db_pool.outbox);
	db_pool.queue = settings->queue;
	db_pool.url = mem_strdup(settings->url);
	for (int l = 0; l < DB_LANES && db_pool.url != NULL; l++) {
		int factor = l == DB_SLOW ? SLOW_LANE_FACTOR : 1;
		ok = lane_start((enum db_lane)l, settings->connections[l],
				settings->statement_timeout_ms * factor) &&
		     ok;
	}
	if (!ok || db_pool.url == NULL) {
		log_error("the database driver cannot start: memory is short");
		pool_free();
		return;
	}
	db_pool.started = true;
	pool_wake(1);
}

void db_drain(void)
{
	db_pool.draining = true;
}

void db_stop(void)
{
	struct db_call *call;

	if (!db_pool.started)
		return;
	db_pool.started = false;
	for (int l = 0; l < DB_LANES; l++) {
		struct lane *lane = &db_pool.lanes[l];
		for (int i = 0; i < lane->nconns; i++)
			conn_shut(&lane->conns[i]);
		while ((call = TAILQ_FIRST(&lane->waiting)) != NULL)
			call_end(call, DB_UNAVAILABLE);
	}
	pool_deliver();
	if (db_pool.timer != NULL)
		kore_timer_remove(db_pool.timer);
	pool_free();
}

/* ── what is to be seen from outside ────────────────────────────────────────────────────────── */

static int lane_ready(const struct lane *lane)
{
	int ready = 0;
	for (int i = 0; i < lane->nconns; i++)
		ready += lane->conns[i].state == CONN_READY;
	return ready;
}

bool db_ready(void)
{
	return lane_ready(&db_pool.lanes[DB_FAST]) > 0;
}

int db_pending(void)
{
	return db_pool.unanswered;
}

void db_stats(struct db_stats *out)
{
	memset(out, 0, sizeof(*out));
	for (int l = 0; l < DB_LANES; l++) {
		out->connections_ready += lane_ready(&db_pool.lanes[l]);
		out->connections_wanted += db_pool.lanes[l].nconns;
		out->waiting += db_pool.lanes[l].nwaiting;
	}
	out->in_flight = db_pool.unanswered - out->waiting;
	out->calls = db_pool.calls;
	out->errors = db_pool.errors;
	out->refused = db_pool.refused;
	out->timeouts = db_pool.timeouts;
	out->reconnects = db_pool.reconnects;
}
