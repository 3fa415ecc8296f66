/*
 * op_keep: Idempotency-Key, as far as it goes beyond one transaction.
 *
 * The work and the note that it was done are one transaction (idempotency_begin is its first
 * step). The reply is kept in a second one before it is sent. Should the server die in between, a
 * repetition does the work again: its ids are derived from the key, so that it finds what it made
 * the first time.
 */
#include "service/op_priv.h"

#include "core/clock.h"

#include <stdio.h>
#include <stdlib.h>

static void on_kept(struct db_call *call, void *ctx)
{
	struct op *op = ctx;

	(void)call; /* kept or not, the work is done and the client must learn of it */
	op->call = NULL;
	op->answered(op);
}

bool op_keep(struct op *op)
{
	struct db_param params[DB_PARAMS_MAX];
	struct db_call *call;

	if (op->reply.replayed || op->reply.status >= 300)
		return false;
	op_set(op, "reply_status", arena_printf(op->arena, "%d", op->reply.status));
	op_set(op, "reply_location", op->reply.location[0] != '\0' ? op->reply.location : NULL);
	op_set(op, "reply_version", op->reply.version[0] != '\0' ? op->reply.version : NULL);
	op_set(op, "reply_body", op->reply.body.len > 0 ? op->reply.body.data : NULL);
	call = db_call_new(DB_FAST, 2000, on_kept, op);
	if (call == NULL)
		return false;
	if (!op_bind(op, DB_idempotency_keep, params) ||
	    db_step(call, DB_idempotency_keep, params,
		    db_statement_info(DB_idempotency_keep)->nparams) < 0) {
		db_call_free(call);
		return false;
	}
	op->call = call;
	if (!db_send(call)) {
		op->call = NULL;
		return false;
	}
	return true;
}

static void on_reply(struct op *op, struct db_call *call)
{
	const char *text;
	size_t len;

	if (db_rows(call, 0) == 0 || db_value(call, 0, 0, 0, NULL) == NULL) {
		op_fail(op, PROBLEM_idempotency_in_progress);
		return;
	}
	if ((text = db_value(call, 0, 0, 1, NULL)) != NULL)
		(void)snprintf(op->reply.location, sizeof(op->reply.location), "%s", text);
	if ((text = db_value(call, 0, 0, 2, NULL)) != NULL)
		(void)snprintf(op->reply.version, sizeof(op->reply.version), "%s", text);
	if ((text = db_value(call, 0, 0, 3, &len)) != NULL)
		buf_append(&op->reply.body, text, len);
	op->reply.replayed = true;
	op_answer(op, atoi(db_value(call, 0, 0, 0, NULL)));
}

void op_replay(struct op *op)
{
	op_query(op, DB_idempotency_reply, on_reply);
}
