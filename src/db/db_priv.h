/*
 * db_priv: what the files of src/db share. Not for anyone above.
 *
 * call.c   a unit of work: its steps, its parameters, its outcome, who frees it
 * conn.c   one connection to PostgreSQL and its states
 * wire.c   what goes over a connection that is up: calls out, results in
 * pool.c   the lanes: queues, dispatch, deadlines, the timer, start and stop
 * rows.c   results to JSON objects          values.c   one value to JSON
 *
 * Callbacks: outcomes are gathered in the pool's outbox and delivered by pool_deliver, at the end
 * of an event or of a timer's turn, where no list is being walked and no PGresult loop is under
 * way. So on_done may send, make and abandon calls freely.
 */
#ifndef PARTYSTUDY_DB_DB_PRIV_H
#define PARTYSTUDY_DB_DB_PRIV_H

#include "core/buf.h"
#include "db/db.h"

#include <kore/kore.h>
#include <libpq-fe.h>
#include <sys/queue.h>

/* Calls on one connection at a time: enough to hide the round trip, few enough to balance. */
#define CONN_DEPTH_MAX 64
/* How often deadlines are looked at while anything is pending. */
#define POOL_TICK_MS 20
/* A connection attempt that makes no step for so long is given up. */
#define CONN_STALL_MS 5000
/* Beyond a statement's own time limit; then the server is taken for dead. */
#define CONN_GRACE_MS       2000
#define CONN_BACKOFF_MIN_MS 50
#define CONN_BACKOFF_MAX_MS 1000
/* Reports may take so many times longer than point statements. */
#define SLOW_LANE_FACTOR 10

/* ── calls ──────────────────────────────────────────────────────────────────────────────────── */

struct db_conn;
struct row_plan;

struct call_step {
	enum db_statement statement;
	int nparams;
	const char **params; /* one block, the texts behind the pointers; NULL once sent */
	PGresult *result;
	struct row_plan *plan; /* made by the first db_row_json */
};

enum call_state {
	CALL_NEW,       /* its caller's, on no list */
	CALL_WAITING,   /* lane->waiting */
	CALL_IN_FLIGHT, /* conn->in_flight */
	CALL_OFF        /* off the wire; at most in db_pool.outbox */
};

struct db_call {
	TAILQ_ENTRY(db_call) entry;  /* lane->waiting or conn->in_flight */
	TAILQ_ENTRY(db_call) outbox; /* db_pool.outbox */
	enum call_state state;
	struct db_conn *conn; /* while CALL_IN_FLIGHT */
	enum db_lane lane;
	uint32_t timeout_ms;
	uint64_t deadline_ms;
	db_on_done on_done;
	void *ctx;

	bool settled;            /* `outcome` is final */
	bool undelivered;        /* in db_pool.outbox */
	bool abandoned;          /* on_done is not wanted */
	enum db_outcome outcome; /* once settled */
	enum db_outcome verdict; /* what the results so far amount to */
	struct db_error error;

	int nsteps;
	int at;                  /* the step whose results are arriving */
	struct call_step *steps; /* = step_store; a pointer, so that a const call can cache plans */
	struct call_step step_store[DB_STEPS];
};

TAILQ_HEAD(call_list, db_call);

/* The one function that changes a call's state and the lists it is on. `conn` for CALL_IN_FLIGHT.
 */
void call_move(struct db_call *call, enum call_state to, struct db_conn *conn);
/* Makes the outcome final and queues on_done, once; later ones are ignored. */
void call_settle(struct db_call *call, enum db_outcome outcome);
/* Off every list, settled, and freed as soon as on_done has run. */
void call_end(struct db_call *call, enum db_outcome outcome);
/* Runs on_done unless it is unwanted; frees the call unless it is still on the wire. */
void call_deliver(struct db_call *call);
/* Takes a step's result, which it owns from now on. False: no step was waiting for one. */
bool call_take_result(struct db_call *call, PGresult *result);
/* Notes the first error of the unit. The result stays the caller's. */
void call_take_error(struct db_call *call, const PGresult *result);
/* The parameters have been sent and are not needed any more. */
void call_drop_params(struct db_call *call);

/* ── connections ────────────────────────────────────────────────────────────────────────────── */

enum conn_state {
	CONN_BACKOFF,    /* no PGconn; the timer opens it at retry_ms */
	CONN_CONNECTING, /* PQconnectPoll has not finished */
	CONN_PREPARING,  /* one pipeline with every statement is under way, in_flight is empty */
	CONN_READY,      /* takes calls: the state that lane dispatch looks for */
	CONN_RETIRING,   /* takes no more calls; replaced when in_flight is empty */
	CONN_CLOSING,    /* broke where no outcome may be told; the timer closes it */
	CONN_STATES
};

struct db_conn {
	struct kore_event evt; /* first: Kore's loop hands us this address */
	enum conn_state state;
	enum db_lane lane;
	int index;
	PGconn *pg;
	int fd;               /* as registered with the loop, -1 when not */
	int events;           /* as registered */
	uint64_t progress_ms; /* when the server was last seen to do something */
	uint64_t retry_ms;
	int failures;   /* attempts in a row that did not get to CONN_READY */
	bool was_ready; /* at any time: the next time is a reconnect */
	bool poke;      /* results may lie in libpq's buffer with no event to come */
	bool separated; /* the last thing read was the NULL between two statements */
	int prepared;   /* statements answered for while CONN_PREPARING */
	bool prepare_failed;
	struct call_list in_flight;
	int depth; /* length of in_flight, husks of timed-out calls included */
};

void conn_init(struct db_conn *c, enum db_lane lane, int index);
/* The one function that changes a connection's state. */
void conn_set_state(struct db_conn *c, enum conn_state to);
/* Registers for `events` (EPOLLIN, EPOLLOUT), level-triggered. */
void conn_watch(struct db_conn *c, int events);
/* Closes it, answers what was in flight with DB_UNAVAILABLE and plans the next attempt. */
void conn_fail(struct db_conn *c, const char *why);
/* Whether the next failure belongs into the log. */
bool conn_failure_is_news(const struct db_conn *c);
/* As conn_fail, for good. */
void conn_shut(struct db_conn *c);
/* The timer's part: reconnects, gives up, pokes. */
void conn_tick(struct db_conn *c, uint64_t now);

/* Sends every statement to be prepared and goes to CONN_PREPARING. False: the connection is broken.
 */
bool wire_prepare(struct db_conn *c);
/* Sends a waiting call. Never calls back; a broken connection goes to CONN_CLOSING. */
void wire_send(struct db_conn *c, struct db_call *call);
/* Reads what has come and writes what is left. */
void wire_io(struct db_conn *c);

/* ── the pool ───────────────────────────────────────────────────────────────────────────────── */

struct lane {
	struct call_list waiting;
	int nwaiting;
	int held; /* waiting and in flight, husks included: what the queue's bound is about */
	struct db_conn *conns;
	int nconns;
	int statement_timeout_ms;
	char *options; /* for the server's command line: libpq's parameter of that name */
};

struct db_pool {
	bool started;
	bool draining;
	bool url_bad; /* libpq cannot read it; its complaint may quote a password, so it is not
			 logged */
	char *url;
	int queue;
	struct lane lanes[DB_LANES];
	struct call_list outbox;
	bool delivering;
	int unanswered;
	struct kore_timer *timer;
	uint64_t timer_ms; /* when it runs */
	uint64_t calls, errors, refused, timeouts, reconnects;
};

extern struct db_pool db_pool;

/* Sends what waits while a connection has room. */
void pool_dispatch(enum db_lane lane);
/* Runs the callbacks of settled calls. */
void pool_deliver(void);
/* Has the timer run within `ms`. */
void pool_wake(uint64_t ms);

/* ── rows ───────────────────────────────────────────────────────────────────────────────────── */

void row_plan_free(struct row_plan *plan);

enum value_shape {
	VALUE_STRING, /* escaped; also every type that is not listed */
	VALUE_QUOTED, /* needs quotes but never an escape */
	VALUE_RAW,    /* is JSON as it stands */
	VALUE_NUMBER, /* as RAW, but for NaN and the infinities */
	VALUE_BOOL,
	VALUE_DATE,
	VALUE_TIMESTAMPTZ,
	VALUE_RANGES /* int4range, int8range and their multiranges */
};

struct value_kind {
	enum value_shape shape;
	bool array;
};

struct value_kind value_kind(Oid type);
/* Appends a value in PostgreSQL's text form as JSON. What it cannot read becomes null. */
void value_json(struct buf *out, struct value_kind kind, const char *text, size_t len);

#endif
