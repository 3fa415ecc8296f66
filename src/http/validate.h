/*
 * validate: one generic validator for every operation. It binds path, query and body to typed
 * values and collects every bad field before it gives up, so that a client learns all at once.
 */
#ifndef PARTYSTUDY_HTTP_VALIDATE_H
#define PARTYSTUDY_HTTP_VALIDATE_H

#include "http/router.h"
#include "service/op.h"

/* Compiles the patterns. 0 or -1. */
int validate_init(void);

/*
 * Binds op->values for op->operation. `query` is the raw query string (NULL: none). The JSON body
 * (op->body_text, op->body_len) is parsed into op->body, which op_release of the caller frees with
 * json_decref. Returns PROBLEM_NONE, or the problem to answer with (bad_json, json_too_deep,
 * bad_encoding, validation_failed with op->reply.errors filled, cursor_invalid is not decided
 * here). Nothing is bound by halves: on a problem no handler runs.
 */
enum problem validate_request(struct op *op, const struct route_match *match, const char *query);

#endif
