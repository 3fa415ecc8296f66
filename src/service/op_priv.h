/* op_priv: what the parts of op share; handlers do not include it. */
#ifndef PARTYSTUDY_SERVICE_OP_PRIV_H
#define PARTYSTUDY_SERVICE_OP_PRIV_H

#include "service/op.h"

/* SHA-256 over operation, path values and the canonical body, as \x… hex. */
const char *op_fingerprint(struct op *op);

/* Location of what was created: the operation's path, filled in, and the new id. */
void op_locate(struct op *op);

/* The sealed cursor that goes on after `row`; in the arena, NULL on failure. */
const char *op_cursor(struct op *op, struct db_call *call, int step, int row);

/* Keeps the reply for repetitions, then answers. False: it could not be sent, answer at once. */
bool op_keep(struct op *op);

/* Answers with the reply that was kept. */
void op_replay(struct op *op);

#endif
