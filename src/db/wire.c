/*
 * wire: what goes over a connection that is up: statements to prepare and calls out, results in.
 *
 * In pipeline mode the results of a unit come as: per statement one result and a NULL; then one
 * PGRES_PIPELINE_SYNC, which no NULL follows. After an error the rest of the unit comes as
 * PGRES_PIPELINE_ABORTED; an error at the sync itself (a deferred constraint) comes after the last
 * statement's NULL and has a NULL of its own. Anything else means that we and the server are out of
 * step, and the connection is given up.
 *
 * One send() per unit: libpq 15 flushes in PQpipelineSync and has no other way to put a sync.
 */
#include "db/db_priv.h"

#include "core/clock.h"
#include "core/log.h"

#include <openssl/ssl.h>
#include <string.h>
#include <sys/epoll.h>

static bool wire_flush(struct db_conn *c)
{
	int left = PQflush(c->pg);
	if (left < 0)
		return false;
	conn_watch(c, EPOLLIN | EPOLLRDHUP | (left > 0 ? EPOLLOUT : 0));
	return true;
}

/*
 * When the socket is full, libpq reads while it writes, and what it has read raises no event any
 * more. A result that is complete by now is therefore fetched by the timer.
 */
static void wire_note_unseen(struct db_conn *c)
{
	if (PQisBusy(c->pg) == 0) {
		c->poke = true;
		pool_wake(1);
	}
}

bool wire_prepare(struct db_conn *c)
{
	for (int i = 0; i < DB_STATEMENT_COUNT; i++) {
		const struct db_statement_info *info = db_statement_info((enum db_statement)i);
		if (PQsendPrepare(c->pg, info->name, info->text, 0, NULL) != 1)
			return false;
	}
	if (PQpipelineSync(c->pg) != 1)
		return false;
	c->prepared = 0;
	c->prepare_failed = false;
	conn_set_state(c, CONN_PREPARING);
	return wire_flush(c);
}

static bool wire_put_call(struct db_conn *c, const struct db_call *call)
{
	for (int i = 0; i < call->nsteps; i++) {
		const struct call_step *step = &call->steps[i];
		if (PQsendQueryPrepared(c->pg, db_statement_info(step->statement)->name,
					step->nparams, step->params, NULL, NULL, 0) != 1)
			return false;
	}
	return PQpipelineSync(c->pg) == 1 && wire_flush(c);
}

void wire_send(struct db_conn *c, struct db_call *call)
{
	if (c->depth == 0)
		c->progress_ms = clock_monotonic_ms();
	call_move(call, CALL_IN_FLIGHT, c);
	/* What failed half-way has no sync and is never committed; the call is lost with the rest.
	 */
	if (wire_put_call(c, call))
		wire_note_unseen(c);
	else
		conn_set_state(c, CONN_CLOSING);
	call_drop_params(call);
}

/* ── results ────────────────────────────────────────────────────────────────────────────────── */

static bool wire_expects(const struct db_conn *c)
{
	if (c->state == CONN_PREPARING)
		return true;
	return (c->state == CONN_READY || c->state == CONN_RETIRING) && !TAILQ_EMPTY(&c->in_flight);
}

/*
 * Errors that the session will meet again and again: a plan that a migration has outdated, a
 * statement that is not prepared here, a primary that has become a standby.
 */
static bool session_is_useless(const char *sqlstate)
{
	return strcmp(sqlstate, "0A000") == 0 || strcmp(sqlstate, "26000") == 0 ||
	       strcmp(sqlstate, "25006") == 0;
}

static bool take_separator(struct db_conn *c, int *at)
{
	if (c->separated)
		return false;
	c->separated = true;
	(*at)++;
	return true;
}

static void log_unprepared(const struct db_conn *c, const PGresult *result)
{
	const char *name = "?";
	if (c->prepared < DB_STATEMENT_COUNT)
		name = db_statement_info((enum db_statement)c->prepared)->name;
	const char *why = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	if (conn_failure_is_news(c))
		log_error("statement %s cannot be prepared: %s", name, why != NULL ? why : "?");
}

/* False: out of step, or a statement that could not be prepared. */
static bool take_prepared(struct db_conn *c, PGresult *result)
{
	if (result == NULL)
		return take_separator(c, &c->prepared);
	ExecStatusType status = PQresultStatus(result);
	c->separated = false;
	if (status == PGRES_FATAL_ERROR && !c->prepare_failed) {
		c->prepare_failed = true;
		log_unprepared(c, result);
	}
	PQclear(result);
	if (status != PGRES_PIPELINE_SYNC)
		return true;
	if (c->prepare_failed || c->prepared != DB_STATEMENT_COUNT)
		return false;
	conn_set_state(c, CONN_READY);
	return true;
}

static void take_error(struct db_conn *c, struct db_call *call, PGresult *result)
{
	call_take_error(call, result);
	PQclear(result);
	if (c->state == CONN_READY && session_is_useless(call->error.sqlstate))
		conn_set_state(c, CONN_RETIRING);
}

static bool take_call_result(struct db_conn *c, PGresult *result)
{
	struct db_call *call = TAILQ_FIRST(&c->in_flight);

	if (result == NULL)
		return take_separator(c, &call->at);
	c->separated = false;
	switch (PQresultStatus(result)) {
	case PGRES_TUPLES_OK:
	case PGRES_COMMAND_OK:
	case PGRES_EMPTY_QUERY:
		return call_take_result(call, result);
	case PGRES_FATAL_ERROR:
		take_error(c, call, result);
		return true;
	case PGRES_PIPELINE_ABORTED:
		PQclear(result);
		return true;
	case PGRES_PIPELINE_SYNC:
		PQclear(result);
		call_end(call, call->verdict);
		return true;
	default: /* COPY: not in a pipeline */
		PQclear(result);
		return false;
	}
}

static bool wire_results(struct db_conn *c)
{
	while (wire_expects(c) && PQisBusy(c->pg) == 0) {
		PGresult *result = PQgetResult(c->pg);
		bool in_step = c->state == CONN_PREPARING ? take_prepared(c, result)
							  : take_call_result(c, result);
		if (!in_step)
			return false;
	}
	return true;
}

/* libpq reads part of a TLS record and OpenSSL keeps the rest, of which the socket says nothing. */
static bool wire_receive(struct db_conn *c)
{
	do {
		if (PQconsumeInput(c->pg) != 1)
			return false;
	} while (PQsslInUse(c->pg) && SSL_pending(PQgetssl(c->pg)) > 0);
	return true;
}

void wire_io(struct db_conn *c)
{
	c->poke = false;
	c->progress_ms = clock_monotonic_ms();
	/* What has arrived is used even when the connection is lost with it. */
	bool alive = wire_receive(c);
	bool in_step = wire_results(c);
	if (alive && in_step)
		alive = wire_flush(c);

	if (!in_step && c->state == CONN_PREPARING && c->prepare_failed)
		conn_fail(c, "a statement cannot be prepared");
	else if (!in_step && alive)
		conn_fail(c, "out of step with the server");
	else if (!alive)
		conn_fail(c, PQerrorMessage(c->pg));
	else if (wire_expects(c))
		wire_note_unseen(c);
}
