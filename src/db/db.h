/*
 * db: PostgreSQL for an event loop: pipelined, non-blocking, bounded.
 *
 * A unit of work is a db_call: up to DB_STEPS named statements that are one transaction, ended by a
 * sync of its own, so that one call's error cannot touch its neighbours. The caller makes a call,
 * adds steps, sends it and is called back exactly once with the outcome, on the worker's loop,
 * never from inside db_send. Nothing here blocks.
 *
 * Life of a call and who owns it:
 *
 *     db_call_new → db_step… → db_send ──ok──→ the driver owns it → on_done(call) → freed
 *                                 └─error──→ freed at once, on_done is not called
 *
 * A caller that goes away first (its client disconnected) says db_abandon: on_done will not be
 * called, the statement still runs to its end and the driver frees the call.
 *
 * Every wait has a deadline: a call that is not answered in time is given DB_TIMEOUT (and stays
 * with the driver until its result has passed by). When the queue is full db_send refuses at once.
 * When the connection is lost, what was in flight gets DB_UNAVAILABLE; what had not been sent is
 * kept until its deadline for a reconnect. Reconnects use backoff with jitter.
 *
 * What this layer does not know: routes, requests, problems, what any statement means.
 */
#ifndef PARTYSTUDY_DB_DB_H
#define PARTYSTUDY_DB_DB_H

#include "core/buf.h"
#include "statements.h" /* generated: enum db_statement, DB_STATEMENT_COUNT */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DB_STEPS 6
#define DB_PARAMS_MAX 48

/* What the build made of one block of sql/queries. */
struct db_statement_info {
	const char *name; /* also the name it is prepared under */
	const char *text; /* with $1…$n */
	const char *const *params; /* names in the order of $1…$n */
	int nparams;
	bool many; /* -- name: x :many */
};

const struct db_statement_info *db_statement_info(enum db_statement statement);

/* One parameter in PostgreSQL's text form; `text` NULL is SQL NULL. It is copied. */
struct db_param {
	const char *text; /* NUL-terminated */
};

enum db_lane {
	DB_FAST, /* point statements */
	DB_SLOW, /* reports, exports, long lists: never in the way of the fast lane */
	DB_LANES
};

enum db_outcome {
	DB_OK,
	DB_ERROR,       /* a statement failed: see db_error; the transaction is rolled back */
	DB_UNAVAILABLE, /* the connection was lost, or there was none */
	DB_TIMEOUT      /* the deadline passed; the transaction may still commit */
};

struct db_error {
	char sqlstate[6];
	char message[256];
	char constraint[64]; /* of 23xxx errors */
	char column[64];     /* of errors that a function of ours raises: the field meant */
};

struct db_call;

/* Called once with the outcome. Results may be read until it returns. */
typedef void (*db_on_done)(struct db_call *call, void *ctx);

/* A call with no steps yet; NULL when memory is short. */
struct db_call *db_call_new(enum db_lane lane, uint32_t timeout_ms, db_on_done on_done, void *ctx);

/*
 * Adds a statement with `nparams` parameters (copied). Returns the step's index, or -1 when there
 * is no room, memory is short or `nparams` is not what the statement takes.
 */
int db_step(struct db_call *call, enum db_statement statement, const struct db_param *params,
            int nparams);

/* Hands the call to the driver. False: refused, the queue is full or the worker is draining. */
bool db_send(struct db_call *call) __attribute__((warn_unused_result));

/* The caller no longer wants to hear of it. */
void db_abandon(struct db_call *call);

/* Frees a call that was never sent. */
void db_call_free(struct db_call *call);

/* ── in on_done ─────────────────────────────────────────────────────────────────────────────── */

enum db_outcome db_outcome(const struct db_call *call);
const struct db_error *db_error(const struct db_call *call);

/* Rows of a step; 0 for a step that gives none. */
int db_rows(const struct db_call *call, int step);
int db_columns(const struct db_call *call, int step);
const char *db_column_name(const struct db_call *call, int step, int column);
/* The column's index or -1. */
int db_column(const struct db_call *call, int step, const char *name);
/* The value in text form, NULL for SQL NULL; `len` may be NULL. Valid while on_done runs. */
const char *db_value(const struct db_call *call, int step, int row, int column, size_t *len);

/*
 * Appends one row as a JSON object, keys being the column names. Columns whose name begins with an
 * underscore are for the server and left out. Types: bool, int2/4/8, float and numeric (NaN and
 * the infinities become null), json and jsonb as they are, timestamptz as RFC 3339 in UTC, date,
 * uuid, text, ltree; one-dimensional arrays of these; int4multirange and int4range as [[from, to), …].
 */
void db_row_json(struct buf *out, const struct db_call *call, int step, int row);

/* ── life of the worker ─────────────────────────────────────────────────────────────────────── */

struct db_settings {
	const char *url; /* a libpq connection string; several hosts allowed */
	int connections[DB_LANES];
	int queue; /* calls waiting or in flight, per lane */
	int statement_timeout_ms;
};

/* Opens the worker's connections (returns at once, they come up by themselves). */
void db_start(const struct db_settings *settings);

/* Refuses new calls from now on. */
void db_drain(void);

/* Calls not yet answered. */
int db_pending(void);

/* Closes every connection; calls left get DB_UNAVAILABLE. */
void db_stop(void);

/* True while at least one connection of the fast lane is ready. */
bool db_ready(void);

/* Gauges for /metrics and for the tests' teardown. */
struct db_stats {
	int connections_ready;
	int connections_wanted;
	int waiting;   /* accepted, not sent */
	int in_flight; /* sent, not answered */
	uint64_t calls;
	uint64_t errors;
	uint64_t refused;
	uint64_t timeouts;
	uint64_t reconnects;
};
void db_stats(struct db_stats *out);

#endif
