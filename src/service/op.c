/*
 * op: binding, running and answering, the same for every operation. See op.h for the manners.
 *
 * Every way to an answer goes through answer_now, which runs once per op. A reply to a request with
 * an Idempotency-Key is kept in the database before it is sent (op_keep.c).
 */
#include "service/op_priv.h"

#include "auth/auth.h"
#include "core/clock.h"
#include "core/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* ── values ─────────────────────────────────────────────────────────────────────────────────── */

const struct value *op_value(const struct op *op, const char *name)
{
	for (int i = 0; i < op->operation->nfields; i++) {
		if (strcmp(op->operation->fields[i].name, name) == 0)
			return op->values[i].present ? &op->values[i] : NULL;
	}
	return NULL;
}

const char *op_text(const struct op *op, const char *name)
{
	const struct value *value = op_value(op, name);

	return value == NULL || value->null ? NULL : value->text;
}

void op_set(struct op *op, const char *name, const char *text)
{
	int i = 0;

	while (i < op->nset && strcmp(op->set[i].name, name) != 0)
		i++;
	if (i == OP_SET_MAX) {
		log_error("operation %s sets more than %d parameters", op->operation->id,
			  OP_SET_MAX);
		return;
	}
	op->set[i].name = name;
	op->set[i].text = text;
	if (i == op->nset)
		op->nset++;
}

/* ── binding ────────────────────────────────────────────────────────────────────────────────── */

static const char *or_null(const char *text)
{
	return text != NULL && text[0] != '\0' ? text : NULL;
}

static const char *if_match(struct op *op)
{
	return strcmp(op->if_match, "*") == 0 ? NULL : or_null(op->if_match);
}

static const char *page_limit(struct op *op)
{
	return arena_printf(op->arena, "%" PRId64, op->limit + 1);
}

static const char *subject(struct op *op)
{
	return or_null(op->caller.subject);
}

static const char *session(struct op *op)
{
	return or_null(op->caller.session);
}

static const char *permitted_roles(struct op *op)
{
	return permission_roles(op->operation->permission);
}

static const char *body(struct op *op)
{
	return op->body_text;
}

static const char *after(struct op *op)
{
	return op->after;
}

static const char *language(struct op *op)
{
	return op->language == LANGUAGE_EN ? "en" : "zh";
}

static const char *idempotency_key(struct op *op)
{
	return op->idempotency_key;
}

/* The implicit parameters. The build knows their names too: tools/gen_operations.py. */
static const struct {
	const char *name;
	const char *(*text)(struct op *op);
} implicits[] = {
    {"subject", subject},
    {"permitted_roles", permitted_roles},
    {"session", session},
    {"body", body},
    {"if_match", if_match},
    {"new_id", op_new_id},
    {"after", after},
    {"page_limit", page_limit},
    {"language", language},
    {"fingerprint", op_fingerprint},
    {"idempotency_key", idempotency_key},
};

static bool parameter(struct op *op, const char *name, struct db_param *param)
{
	for (int i = 0; i < op->nset; i++) {
		if (strcmp(op->set[i].name, name) == 0) {
			param->text = op->set[i].text;
			return true;
		}
	}
	for (int i = 0; i < op->operation->nfields; i++) {
		if (strcmp(op->operation->fields[i].name, name) == 0) {
			param->text = op_text(op, name);
			return true;
		}
	}
	for (size_t i = 0; i < sizeof(implicits) / sizeof(implicits[0]); i++) {
		if (strcmp(implicits[i].name, name) == 0) {
			param->text = implicits[i].text(op);
			return true;
		}
	}
	return false;
}

bool op_bind(struct op *op, enum db_statement statement, struct db_param params[DB_PARAMS_MAX])
{
	const struct db_statement_info *info = db_statement_info(statement);

	if (info->nparams > DB_PARAMS_MAX)
		return false;
	for (int i = 0; i < info->nparams; i++) {
		if (!parameter(op, info->params[i], &params[i])) {
			log_error("operation %s cannot bind :%s of statement %s", op->operation->id,
				  info->params[i], info->name);
			return false;
		}
	}
	return !arena_overflowed(op->arena);
}

/* ── answering ──────────────────────────────────────────────────────────────────────────────── */

void op_answer(struct op *op, int status)
{
	if (op->reply.status != 0)
		return;
	if (op->reply.body.failed || arena_overflowed(op->arena)) {
		op_fail(op, PROBLEM_internal_error);
		return;
	}
	op->reply.status = status;
	if (op->idempotency_begun && op_keep(op))
		return;
	op->answered(op);
}

void op_fail(struct op *op, enum problem problem)
{
	if (op->reply.status != 0)
		return;
	op->reply.problem = problem;
	op->reply.status = problem_info(problem)->status;
	if (op->reply.status == 503 && op->reply.retry_after_s == 0)
		op->reply.retry_after_s = 1;
	op->answered(op);
}

void op_field_error(struct op *op, const char *field, const char *code, const char *zh,
		    const char *en)
{
	struct field_error **end = &op->reply.errors;
	struct field_error *error;
	int count = 0;

	for (; *end != NULL; end = &(*end)->next)
		count++;
	if (count >= OP_FIELD_ERRORS_MAX)
		return;
	error = arena_alloc(op->arena, sizeof(*error));
	if (error == NULL)
		return;
	error->field = arena_strndup(op->arena, field, strlen(field));
	error->code = code;
	(void)snprintf(error->detail_zh, sizeof(error->detail_zh), "%s", zh);
	(void)snprintf(error->detail_en, sizeof(error->detail_en), "%s", en);
	*end = error;
}

void op_fail_field(struct op *op, enum problem problem, const char *field)
{
	const struct problem_info *info = problem_info(problem);

	if (field != NULL && field[0] != '\0')
		op_field_error(op, field, info->code, info->zh, info->en);
	op_fail(op, problem);
}

static void answer_page(struct op *op, struct db_call *call, int step)
{
	int rows = db_rows(call, step);
	int shown = rows > op->limit ? (int)op->limit : rows;
	struct buf *out = &op->reply.body;

	buf_puts(out, "{\"items\":[");
	for (int row = 0; row < shown; row++) {
		if (row > 0)
			buf_putc(out, ',');
		db_row_json(out, call, step, row);
	}
	buf_puts(out, "],\"next_cursor\":");
	if (rows > shown && shown > 0) {
		op->reply.next_cursor = op_cursor(op, call, step, shown - 1);
		if (op->reply.next_cursor == NULL) {
			op_fail(op, PROBLEM_internal_error);
			return;
		}
		buf_printf(out, "\"%s\"}", op->reply.next_cursor);
	} else {
		buf_puts(out, "null}");
	}
	op_answer(op, op->operation->success);
}

void op_answer_rows(struct op *op, struct db_call *call, int step)
{
	int version;

	step += op->first_step;
	if (op->operation->paged) {
		answer_page(op, call, step);
		return;
	}
	if (op->operation->success == 204) {
		op_answer(op, 204);
		return;
	}
	if (db_rows(call, step) == 0) {
		op_fail(op, PROBLEM_not_found);
		return;
	}
	db_row_json(&op->reply.body, call, step, 0);
	version = db_column(call, step, "_version");
	if (version >= 0) {
		(void)snprintf(op->reply.version, sizeof(op->reply.version), "%s",
			       db_value(call, step, 0, version, NULL));
	}
	if (op->operation->success == 201)
		op_locate(op);
	op_answer(op, op->operation->success);
}

/* ── running ────────────────────────────────────────────────────────────────────────────────── */

/* A code from the database: the answer when it is one of ours, an error of ours when it is not. */
static void fail_by_code(struct op *op, const char *code, size_t len, const char *field)
{
	enum problem problem = problem_by_code(code, len);

	if (problem == PROBLEM_NONE) {
		log_error("operation %s: the database said '%.*s'", op->operation->id, (int)len,
			  code);
		problem = PROBLEM_internal_error;
	}
	op_fail_field(op, problem, field);
}

/* Constraints are named <problem>__<field>, with a further __… where a name is needed twice. */
static void fail_by_constraint(struct op *op, const char *constraint)
{
	const char *field = strstr(constraint, "__");
	const char *end;

	if (field == NULL) {
		fail_by_code(op, constraint, strlen(constraint), NULL);
		return;
	}
	end = strstr(field + 2, "__");
	if (end == NULL)
		end = constraint + strlen(constraint);
	fail_by_code(op, constraint, (size_t)(field - constraint),
		     arena_strndup(op->arena, field + 2, (size_t)(end - field - 2)));
}

static void fail_by_error(struct op *op, const struct db_error *error)
{
	if (strcmp(error->sqlstate, "PS000") == 0) {
		fail_by_code(op, error->message, strlen(error->message), error->column);
	} else if (strcmp(error->sqlstate, "PS001") == 0) {
		op_replay(op);
	} else if (strncmp(error->sqlstate, "23", 2) == 0 && error->constraint[0] != '\0') {
		fail_by_constraint(op, error->constraint);
	} else if (strncmp(error->sqlstate, "40", 2) == 0) {
		op_fail(op, PROBLEM_overloaded);
	} else {
		log_error("operation %s: SQLSTATE %s", op->operation->id, error->sqlstate);
		op_fail(op, PROBLEM_internal_error);
	}
}

static bool refused_by_row(struct op *op, struct db_call *call, int step)
{
	int column = db_column(call, step, "_problem");
	const char *code;
	size_t len;

	if (column < 0 || db_rows(call, step) == 0)
		return false;
	code = db_value(call, step, 0, column, &len);
	if (code == NULL)
		return false;
	fail_by_code(op, code, len, NULL);
	return true;
}

static void on_done(struct db_call *call, void *ctx)
{
	struct op *op = ctx;
	void (*then)(struct op *, struct db_call *) = op->then;

	op->call = NULL;
	switch (db_outcome(call)) {
	case DB_ERROR:
		fail_by_error(op, db_error(call));
		return;
	case DB_UNAVAILABLE:
		op_fail(op, PROBLEM_database_unavailable);
		return;
	case DB_TIMEOUT:
		op_fail(op, PROBLEM_deadline_exceeded);
		return;
	case DB_OK:
		break;
	}
	for (int step = 0; step < op->nsteps; step++) {
		if (refused_by_row(op, call, step))
			return;
	}
	if (then != NULL)
		then(op, call);
	else
		op_answer_rows(op, call, op->nsteps - 1 - op->first_step);
}

static bool add_step(struct op *op, struct db_call *call, enum db_statement statement)
{
	struct db_param params[DB_PARAMS_MAX];

	return op_bind(op, statement, params) &&
	       db_step(call, statement, params, db_statement_info(statement)->nparams) >= 0;
}

static bool add_steps(struct op *op, struct db_call *call, const enum db_statement *statements,
		      int count)
{
	op->first_step = 0;
	if (op->idempotency_key != NULL && op->operation->idempotent_key &&
	    !op->idempotency_begun) {
		if (!add_step(op, call, DB_idempotency_begin))
			return false;
		op->first_step = 1;
	}
	for (int i = 0; i < count; i++) {
		if (!add_step(op, call, statements[i]))
			return false;
	}
	op->nsteps = op->first_step + count;
	return true;
}

void op_transaction(struct op *op, const enum db_statement *statements, int count,
		    void (*then)(struct op *op, struct db_call *call))
{
	uint64_t now = clock_monotonic_ms();
	enum db_lane lane = op->operation->slow ? DB_SLOW : DB_FAST;
	struct db_call *call;

	if (now >= op->deadline_ms) {
		op_fail(op, PROBLEM_deadline_exceeded);
		return;
	}
	call = db_call_new(lane, (uint32_t)(op->deadline_ms - now), on_done, op);
	if (call == NULL || !add_steps(op, call, statements, count)) {
		if (call != NULL)
			db_call_free(call);
		op_fail(op, PROBLEM_internal_error);
		return;
	}
	op->then = then;
	op->call = call;
	if (!db_send(call)) {
		op->call = NULL;
		op_fail(op, PROBLEM_overloaded);
		return;
	}
	op->idempotency_begun = op->idempotency_begun || op->first_step > 0;
}

void op_query(struct op *op, enum db_statement statement,
	      void (*then)(struct op *op, struct db_call *call))
{
	op_transaction(op, &statement, 1, then);
}

void op_run(struct op *op, enum db_statement statement)
{
	op_transaction(op, &statement, 1, NULL);
}

void op_run_statement(struct op *op)
{
	op_run(op, (enum db_statement)op->operation->statement);
}

void op_run_all(struct op *op, const enum db_statement *statements, int count)
{
	op_transaction(op, statements, count, NULL);
}

void op_abandon(struct op *op)
{
	if (op->call != NULL)
		db_abandon(op->call);
	op->call = NULL;
	if (op->cancel != NULL)
		op->cancel(op);
	op->cancel = NULL;
}
