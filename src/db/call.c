/*
 * call: one unit of work, from db_call_new to the moment it is freed.
 *
 * A call has up to two owners at once: the wire (a list of the lane or of a connection) and the
 * outbox (its on_done has not run yet). Whoever lets go last frees it: a call that timed out in
 * flight is answered first and stays as a husk until its results have passed; an abandoned one
 * never enters the outbox. call_move and call_settle keep every counter.
 */
#include "db/db_priv.h"

#include "core/clock.h"
#include "core/mem.h"

#include <string.h>

struct db_call *db_call_new(enum db_lane lane, uint32_t timeout_ms, db_on_done on_done, void *ctx)
{
	struct db_call *call = mem_alloc(sizeof(*call));
	if (call == NULL)
		return NULL;
	call->state = CALL_NEW;
	call->lane = lane < DB_LANES ? lane : DB_SLOW;
	call->timeout_ms = timeout_ms;
	call->on_done = on_done;
	call->ctx = ctx;
	call->steps = call->step_store;
	return call;
}

/* Pointers first, then the texts, in one block. */
static const char **params_copy(const struct db_param *params, int nparams)
{
	size_t heads = (size_t)nparams * sizeof(char *);
	size_t size = heads;
	for (int i = 0; i < nparams; i++)
		size += params[i].text != NULL ? strlen(params[i].text) + 1 : 0;

	char *block = mem_alloc(size > 0 ? size : 1);
	if (block == NULL)
		return NULL;
	const char **copy = (const char **)(void *)block;
	char *text = block + heads;
	for (int i = 0; i < nparams; i++) {
		copy[i] = NULL;
		if (params[i].text == NULL)
			continue;
		size_t len = strlen(params[i].text) + 1;
		memcpy(text, params[i].text, len);
		copy[i] = text;
		text += len;
	}
	return copy;
}

int db_step(struct db_call *call, enum db_statement statement, const struct db_param *params,
	    int nparams)
{
	if (call->state != CALL_NEW || call->nsteps == DB_STEPS)
		return -1;
	if ((unsigned)statement >= DB_STATEMENT_COUNT || nparams > DB_PARAMS_MAX ||
	    nparams != db_statement_info(statement)->nparams)
		return -1;

	struct call_step *step = &call->steps[call->nsteps];
	step->params = params_copy(params, nparams);
	if (step->params == NULL)
		return -1;
	step->statement = statement;
	step->nparams = nparams;
	return call->nsteps++;
}

void call_drop_params(struct db_call *call)
{
	for (int i = 0; i < call->nsteps; i++) {
		mem_free(call->steps[i].params);
		call->steps[i].params = NULL;
	}
}

static void call_drop_results(struct db_call *call)
{
	for (int i = 0; i < call->nsteps; i++) {
		row_plan_free(call->steps[i].plan);
		PQclear(call->steps[i].result);
		call->steps[i].plan = NULL;
		call->steps[i].result = NULL;
	}
}

static void call_destroy(struct db_call *call)
{
	call_drop_params(call);
	call_drop_results(call);
	mem_free(call);
}

static void call_release(struct db_call *call)
{
	if (call->state == CALL_OFF && call->settled && !call->undelivered)
		call_destroy(call);
}

void db_call_free(struct db_call *call)
{
	if (call != NULL && call->state == CALL_NEW)
		call_destroy(call);
}

void db_abandon(struct db_call *call)
{
	if (call == NULL)
		return;
	if (call->state == CALL_NEW) {
		call_destroy(call);
		return;
	}
	call->abandoned = true;
}

void call_move(struct db_call *call, enum call_state to, struct db_conn *conn)
{
	struct lane *lane = &db_pool.lanes[call->lane];

	switch (call->state) {
	case CALL_NEW:
		lane->held++;
		break;
	case CALL_WAITING:
		TAILQ_REMOVE(&lane->waiting, call, entry);
		lane->nwaiting--;
		break;
	case CALL_IN_FLIGHT:
		TAILQ_REMOVE(&call->conn->in_flight, call, entry);
		call->conn->depth--;
		break;
	case CALL_OFF:
		return;
	}
	call->state = to;
	call->conn = conn;
	switch (to) {
	case CALL_WAITING:
		TAILQ_INSERT_TAIL(&lane->waiting, call, entry);
		lane->nwaiting++;
		break;
	case CALL_IN_FLIGHT:
		TAILQ_INSERT_TAIL(&conn->in_flight, call, entry);
		conn->depth++;
		break;
	case CALL_NEW:
	case CALL_OFF:
		lane->held--;
		break;
	}
}

void call_settle(struct db_call *call, enum db_outcome outcome)
{
	if (call->settled)
		return;
	call->settled = true;
	call->outcome = outcome;
	db_pool.unanswered--;
	if (outcome == DB_TIMEOUT)
		db_pool.timeouts++;
	else if (outcome != DB_OK)
		db_pool.errors++;
	if (call->abandoned)
		return;
	call->undelivered = true;
	TAILQ_INSERT_TAIL(&db_pool.outbox, call, outbox);
}

void call_end(struct db_call *call, enum db_outcome outcome)
{
	call_move(call, CALL_OFF, NULL);
	call_settle(call, outcome);
	call_release(call);
}

void call_deliver(struct db_call *call)
{
	TAILQ_REMOVE(&db_pool.outbox, call, outbox);
	if (!call->abandoned && call->on_done != NULL)
		call->on_done(call, call->ctx);
	call->undelivered = false;
	if (call->state == CALL_IN_FLIGHT)
		call_drop_results(call);
	call_release(call);
}

bool call_take_result(struct db_call *call, PGresult *result)
{
	if (call->at >= call->nsteps || call->steps[call->at].result != NULL) {
		PQclear(result);
		return false;
	}
	/* Nobody will read what comes for a husk or for a client that has gone. */
	if (call->settled || call->abandoned)
		PQclear(result);
	else
		call->steps[call->at].result = result;
	return true;
}

static void error_field(char *out, size_t size, const PGresult *result, int field)
{
	const char *text = PQresultErrorField(result, field);
	size_t len = text != NULL ? strnlen(text, size - 1) : 0;
	/* A cut must not leave half a character. */
	if (text != NULL && text[len] != '\0') {
		while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80)
			len--;
	}
	if (len > 0)
		memcpy(out, text, len);
	out[len] = '\0';
}

/* 57P0x: the server is going away. No state at all: libpq's own error, the connection is lost. */
static enum db_outcome outcome_of(const char *sqlstate)
{
	if (sqlstate[0] == '\0' || strncmp(sqlstate, "57P0", 4) == 0 ||
	    strncmp(sqlstate, "08", 2) == 0)
		return DB_UNAVAILABLE;
	if (strcmp(sqlstate, "57014") == 0)
		return DB_TIMEOUT;
	return DB_ERROR;
}

void call_take_error(struct db_call *call, const PGresult *result)
{
	if (call->verdict != DB_OK)
		return;
	struct db_error *error = &call->error;
	error_field(error->sqlstate, sizeof(error->sqlstate), result, PG_DIAG_SQLSTATE);
	error_field(error->message, sizeof(error->message), result, PG_DIAG_MESSAGE_PRIMARY);
	error_field(error->constraint, sizeof(error->constraint), result, PG_DIAG_CONSTRAINT_NAME);
	error_field(error->column, sizeof(error->column), result, PG_DIAG_COLUMN_NAME);
	call->verdict = outcome_of(error->sqlstate);
}

enum db_outcome db_outcome(const struct db_call *call)
{
	return call->outcome;
}

const struct db_error *db_error(const struct db_call *call)
{
	return &call->error;
}
