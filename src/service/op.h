/*
 * op: one call of an operation, as a handler sees it: who calls, with which values, and how to
 * answer. No socket, no header, no PGresult. http/ makes it, runs the handler and sends the reply.
 *
 * A handler must end in exactly one answer, at once or from the database's callback:
 *
 *     void course_publish(struct op *op) { op_run(op, DB_course_publish); }
 *
 * Statements are bound by name: a parameter :course_id takes the value of the field course_id, or
 * one of the implicit ones:
 *     :subject          the caller's member id
 *     :session          the session that the access token belongs to
 *     :idempotency_key  the request's Idempotency-Key, NULL without one
 *     :permitted_roles  text[] of the roles that hold the operation's permission
 *     :body             the whole JSON body
 *     :if_match         the version in If-Match, NULL when there is none
 *     :new_id           a fresh UUIDv7 (from the body's x-created-id field when the client chose it)
 *     :after            the decoded cursor (a JSON array), NULL on the first page
 *     :page_limit       limit + 1
 *     :fingerprint      SHA-256 of the request (operation, path, body) as \\x… hex: what "the same
 *                       request again" means, for Idempotency-Key and for ids that clients choose
 *     :language         'zh' or 'en'
 * or one that the handler has put with op_set.
 *
 * Rows speak to the generic encoder through columns with an underscore:
 *     _version  what If-Match is held against      _key  the row's place in a list, for the cursor
 *     _problem  a problem code: the answer is that problem, and the transaction stays committed
 * A statement that refuses calls refuse_if(code, field), which raises SQLSTATE PS000 with the
 * problem's code as its message and the field as its COLUMN and so undoes the whole transaction; a
 * broken constraint is named <problem>__<field>.
 */
#ifndef PARTYSTUDY_SERVICE_OP_H
#define PARTYSTUDY_SERVICE_OP_H

#include "core/arena.h"
#include "core/buf.h"
#include "core/problem.h"
#include "core/uuid.h"
#include "db/db.h"
#include "service/operation.h"

#define OP_SET_MAX 16

enum language { LANGUAGE_ZH, LANGUAGE_EN };

struct caller {
	char subject[UUID_TEXT]; /* member id; "" without a token */
	uint32_t roles;          /* bit set of enum role, as the token says */
	char session[UUID_TEXT]; /* the token's sid */
	char address[46];        /* of the client, as text */
};

/* One bad field of a request. */
struct field_error {
	const char *field;  /* path: "items[3].lesson_id"; in the arena */
	const char *code;   /* required, type, too_long, … ; docs/errors.md */
	char detail_zh[96];
	char detail_en[96];
	struct field_error *next;
};

struct reply {
	int status; /* 0 until answered */
	enum problem problem;
	struct field_error *errors;
	struct buf body;
	const char *content_type;
	char version[24];    /* of the row that is shown; "" none. The ETag is made of it and the bytes */
	char etag[64];       /* with its quotes, where the answer knows it already; "" otherwise */
	char location[256];
	const char *next_cursor; /* of a page that is not the last; http/ makes the Link of it */
	const char *cache_control; /* NULL: private, no-cache for a GET, no-store otherwise */
	int retry_after_s;   /* 0: none */
	bool replayed;       /* kept from an earlier request with the same Idempotency-Key */
};

struct op {
	struct arena *arena;
	const struct operation *operation;
	struct value *values; /* parallel to operation->fields */
	json_t *body;         /* NULL without one; owned by http/ */
	const char *body_text;
	size_t body_len;
	struct caller caller;
	enum language language;
	char if_match[24];      /* digits; "" none; "*" any */
	char if_none_match[64]; /* "" none */
	const char *idempotency_key; /* NULL none */
	bool idempotency_begun;
	int first_step;         /* of the handler's steps in its call: 1 behind idempotency_begin */
	char new_id[UUID_TEXT];
	char fingerprint[68];
	const char *after;      /* decoded cursor or NULL */
	int64_t limit;
	uint64_t deadline_ms;   /* on clock_monotonic_ms */
	struct reply reply;

	struct { const char *name; const char *text; } set[OP_SET_MAX];
	int nset;

	int nsteps;             /* of the call in flight */
	struct db_call *call;   /* in flight, NULL otherwise */
	void *state;            /* the handler's own, in the arena */
	void (*cancel)(struct op *op); /* stops what the handler has under way elsewhere; NULL: nothing */
	void (*then)(struct op *op, struct db_call *call); /* what op_query goes on to */
	void (*answered)(struct op *op); /* set by http/: the reply is ready */
};

/* The value of a field, NULL when it is absent (or the operation has no such field). */
const struct value *op_value(const struct op *op, const char *name);
/* Its text, NULL when absent or null. */
const char *op_text(const struct op *op, const char *name);

/* JSON text in the arena (`flags` are jansson's JSON_…), NULL when memory is short. */
const char *op_json_text(struct arena *arena, const json_t *json, size_t flags);

/* The id of what the request creates: the client's, else one derived from the Idempotency-Key, else new. */
const char *op_new_id(struct op *op);

/* Puts a parameter; `text` must live as long as the op (NULL: SQL NULL). */
void op_set(struct op *op, const char *name, const char *text);

/* Fills params for the statement by name. False (and an internal error logged) when one is unknown. */
bool op_bind(struct op *op, enum db_statement statement, struct db_param params[DB_PARAMS_MAX]);

/* Reads limit and cursor of a paged operation; PROBLEM_cursor_invalid when the cursor is not ours. */
enum problem op_open_page(struct op *op);

/* Runs one statement and answers with its rows: the generic way (one row, a page, or nothing). */
void op_run(struct op *op, enum db_statement statement);

/* The handler of operations that have x-statement. */
void op_run_statement(struct op *op);

/* Runs statements as one transaction and answers with the rows of the last. */
void op_run_all(struct op *op, const enum db_statement *statements, int count);

/*
 * Runs one statement and goes on to `then` with its result. Errors, and rows with _problem, have
 * been answered already and do not reach `then`.
 */
void op_query(struct op *op, enum db_statement statement,
              void (*then)(struct op *op, struct db_call *call));

/* As op_query, for several statements as one transaction. */
void op_transaction(struct op *op, const enum db_statement *statements, int count,
                    void (*then)(struct op *op, struct db_call *call));

/* Answers from step `step` of a finished call, as op_run would. */
void op_answer_rows(struct op *op, struct db_call *call, int step);

/* Answers with the JSON already in reply.body. */
void op_answer(struct op *op, int status);

/* Answers with a problem. */
void op_fail(struct op *op, enum problem problem);

/* Notes a bad field; op_fail(op, PROBLEM_validation_failed) then lists them. */
#define OP_FIELD_ERRORS_MAX 1000 /* further ones are not listed */
void op_field_error(struct op *op, const char *field, const char *code, const char *zh,
                    const char *en);

/* Notes a bad field and answers: problem(s) that are found after validation. */
void op_fail_field(struct op *op, enum problem problem, const char *field);

/* The client has gone: nothing that is in flight may touch the op any more. */
void op_abandon(struct op *op);

#endif
