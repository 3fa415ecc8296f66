/*
 * conn: one connection to PostgreSQL: opening it, watching its socket, losing it, trying again.
 *
 *     BACKOFF → CONNECTING → PREPARING → READY → RETIRING → BACKOFF → …
 *     and from anywhere, when it breaks: (CLOSING →) BACKOFF
 *
 * The socket is watched level-triggered, for writing only while libpq has bytes left. Every event
 * goes through libpq, which alone says whether the connection is lost; the loop's error flag may
 * belong to an earlier socket of the same struct and is not believed. The fd is taken out of the
 * loop before libpq may close it, since the loop dies of an fd that is gone.
 *
 * A host name in the connection string is resolved by a blocking call: give addresses or sockets.
 */
#include "db/db_priv.h"

#include "core/clock.h"
#include "core/log.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

static const char *const state_names[CONN_STATES] = {
    [CONN_BACKOFF] = "backoff", [CONN_CONNECTING] = "connecting", [CONN_PREPARING] = "preparing",
    [CONN_READY] = "ready",     [CONN_RETIRING] = "retiring",     [CONN_CLOSING] = "closing",
};

#define BIT(state) (1u << (state))

/* From which states each state may be entered. */
static const unsigned state_from[CONN_STATES] = {
    [CONN_BACKOFF] = BIT(CONN_BACKOFF) | BIT(CONN_CONNECTING) | BIT(CONN_PREPARING) |
		     BIT(CONN_READY) | BIT(CONN_RETIRING) | BIT(CONN_CLOSING),
    [CONN_CONNECTING] = BIT(CONN_BACKOFF),
    [CONN_PREPARING] = BIT(CONN_CONNECTING),
    [CONN_READY] = BIT(CONN_PREPARING),
    [CONN_RETIRING] = BIT(CONN_READY),
    [CONN_CLOSING] = BIT(CONN_READY) | BIT(CONN_RETIRING),
};

void conn_set_state(struct db_conn *c, enum conn_state to)
{
	if ((state_from[to] & BIT(c->state)) == 0) {
		log_error("database connection %d.%d: %s after %s", c->lane, c->index,
			  state_names[to], state_names[c->state]);
		assert(!"a state that cannot follow");
	}
	c->state = to;
	if (to == CONN_READY) {
		log_info("database connection %d.%d is ready", c->lane, c->index);
		c->failures = 0;
		if (c->was_ready)
			db_pool.reconnects++;
		c->was_ready = true;
	} else {
		pool_wake(to == CONN_CLOSING ? 1 : POOL_TICK_MS);
	}
}

void conn_watch(struct db_conn *c, int events)
{
	int fd = PQsocket(c->pg);
	if (fd < 0 || (c->fd == fd && c->events == events))
		return;
	kore_platform_event_schedule(fd, events, 0, c);
	c->fd = fd;
	c->events = events;
}

/* When libpq has closed the socket already, the kernel has forgotten it too. */
static void conn_unwatch(struct db_conn *c)
{
	if (c->fd >= 0 && PQsocket(c->pg) == c->fd)
		kore_platform_disable_read(c->fd);
	c->fd = -1;
	c->events = 0;
}

static void conn_close(struct db_conn *c)
{
	struct db_call *call;

	conn_unwatch(c);
	PQfinish(c->pg);
	c->pg = NULL;
	while ((call = TAILQ_FIRST(&c->in_flight)) != NULL)
		call_end(call, DB_UNAVAILABLE);
}

/* Half of it is chance, so that the connections of many workers do not come back in step. */
static uint64_t backoff_ms(int failures)
{
	uint32_t full = CONN_BACKOFF_MAX_MS;
	if (failures < 5 && (CONN_BACKOFF_MIN_MS << failures) < CONN_BACKOFF_MAX_MS)
		full = (uint32_t)CONN_BACKOFF_MIN_MS << failures;
	return full / 2 + arc4random_uniform(full / 2 + 1);
}

/*
 * The loss and the first attempt that fails say why; after that a line now and then is enough. The
 * rest is for whoever looks closer.
 */
bool conn_failure_is_news(const struct db_conn *c)
{
	return c->failures < 2 || c->failures % 60 == 0;
}

static void log_failure(const struct db_conn *c, const char *why)
{
	size_t len = strcspn(why, "\r\n");
	if (len > 300)
		len = 300;
	if (conn_failure_is_news(c))
		log_error("database connection %d.%d failed while %s: %.*s", c->lane, c->index,
			  state_names[c->state], (int)len, why);
	else
		log_debug("database connection %d.%d failed while %s: %.*s", c->lane, c->index,
			  state_names[c->state], (int)len, why);
}

void conn_fail(struct db_conn *c, const char *why)
{
	log_failure(c, why); /* before PQfinish: `why` may be libpq's */
	conn_close(c);
	c->retry_ms = clock_monotonic_ms() + backoff_ms(c->failures);
	c->failures++;
	conn_set_state(c, CONN_BACKOFF);
}

void conn_shut(struct db_conn *c)
{
	conn_close(c);
	c->state = CONN_BACKOFF;
}

/* ── opening ────────────────────────────────────────────────────────────────────────────────── */

/*
 * What stands before dbname is a default that the connection string may overrule, what follows it
 * is ours. tcp_user_timeout bounds the wait for a host that swallows packets, so that libpq goes on
 * to the next one; it does not look at connect_timeout when polled.
 */
static PGconn *pg_start(const struct db_conn *c)
{
	const char *const keys[] = {"fallback_application_name",
				    "gssencmode",
				    "tcp_user_timeout",
				    "keepalives_idle",
				    "dbname",
				    "client_encoding",
				    "options",
				    NULL};
	const char *const values[] = {"partystudy",
				      "disable",
				      "3000",
				      "30",
				      db_pool.url,
				      "UTF8",
				      db_pool.lanes[c->lane].options,
				      NULL};
	return PQconnectStartParams(keys, values, 1);
}

/* The default prints on standard error. What our statements notice is nothing for the log. */
static void on_notice(void *arg, const PGresult *notice)
{
	(void)arg;
	(void)notice;
}

static void conn_open(struct db_conn *c)
{
	conn_set_state(c, CONN_CONNECTING);
	c->progress_ms = clock_monotonic_ms();
	c->poke = false;
	c->separated = false;
	c->pg = pg_start(c);
	if (c->pg == NULL) {
		conn_fail(c, "memory is short");
	} else if (PQstatus(c->pg) == CONNECTION_BAD) {
		conn_fail(c, db_pool.url_bad ? "the connection string cannot be read"
					     : PQerrorMessage(c->pg));
	} else {
		PQsetNoticeReceiver(c->pg, on_notice, NULL);
		conn_watch(c, EPOLLOUT);
	}
}

static void conn_opened(struct db_conn *c)
{
	if (PQsetnonblocking(c->pg, 1) != 0 || PQenterPipelineMode(c->pg) != 1 || !wire_prepare(c))
		conn_fail(c, PQerrorMessage(c->pg));
}

/* libpq may close the socket and open another (the next host, no SSL): hence off the loop and on.
 */
static void conn_poll(struct db_conn *c)
{
	conn_unwatch(c);
	c->progress_ms = clock_monotonic_ms();
	switch (PQconnectPoll(c->pg)) {
	case PGRES_POLLING_READING:
		conn_watch(c, EPOLLIN | EPOLLRDHUP);
		break;
	case PGRES_POLLING_WRITING:
		conn_watch(c, EPOLLOUT);
		break;
	case PGRES_POLLING_OK:
		conn_opened(c);
		break;
	default:
		conn_fail(c, PQerrorMessage(c->pg));
		break;
	}
}

/* ── events ─────────────────────────────────────────────────────────────────────────────────── */

static void conn_on_event(void *arg, int error)
{
	struct db_conn *c = arg;

	(void)error;
	c->evt.flags = 0;
	switch (c->state) {
	case CONN_CONNECTING:
		conn_poll(c);
		break;
	case CONN_PREPARING:
	case CONN_READY:
	case CONN_RETIRING:
		wire_io(c);
		break;
	default: /* an event of this turn for a socket that is gone */
		break;
	}
	pool_dispatch(c->lane);
	pool_deliver();
}

/*
 * Dead: the oldest call is long past its deadline and nothing at all has come for as long as one
 * statement may take. The second half matters: behind slow statements a call may well start late.
 */
static bool conn_is_dead(const struct db_conn *c, uint64_t now)
{
	const struct db_call *oldest = TAILQ_FIRST(&c->in_flight);
	uint64_t grace = (uint64_t)db_pool.lanes[c->lane].statement_timeout_ms + CONN_GRACE_MS;
	return oldest != NULL && now > oldest->deadline_ms + grace && now > c->progress_ms + grace;
}

static void conn_tick_up(struct db_conn *c, uint64_t now)
{
	if (c->poke)
		wire_io(c);
	if (c->state == CONN_RETIRING && TAILQ_EMPTY(&c->in_flight))
		conn_fail(c, "replaced: its prepared statements or its role no longer fit");
	else if ((c->state == CONN_READY || c->state == CONN_RETIRING) && conn_is_dead(c, now))
		conn_fail(c, "the server does not answer");
}

void conn_tick(struct db_conn *c, uint64_t now)
{
	switch (c->state) {
	case CONN_BACKOFF:
		if (now >= c->retry_ms)
			conn_open(c);
		break;
	case CONN_CONNECTING:
	case CONN_PREPARING:
		if (now > c->progress_ms + CONN_STALL_MS)
			conn_fail(c, "no answer in time");
		break;
	case CONN_READY:
	case CONN_RETIRING:
		conn_tick_up(c, now);
		break;
	case CONN_CLOSING:
		conn_fail(c, PQerrorMessage(c->pg));
		break;
	case CONN_STATES:
		break;
	}
}

void conn_init(struct db_conn *c, enum db_lane lane, int index)
{
	memset(c, 0, sizeof(*c));
	c->evt.type = KORE_TYPE_PGSQL_CONN;
	c->evt.handle = conn_on_event;
	c->state = CONN_BACKOFF;
	c->lane = lane;
	c->index = index;
	c->fd = -1;
	TAILQ_INIT(&c->in_flight);
}
