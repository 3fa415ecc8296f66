/*
 * validate: a whole request: path, query, body. Entry points: validate.h.
 *
 * All fields are looked at before anything is said. On any problem the values are left in no
 * particular state; the caller must not run the handler.
 */
#include "http/validate.h"

#include "core/jsonw.h"
#include "core/utf8.h"
#include "http/validate_priv.h"

#include <stdlib.h>
#include <string.h>

int validate_init(void)
{
	return validate_patterns(operation_patterns, operation_pattern_count);
}

/* ── path and defaults ──────────────────────────────────────────────────────────────────────── */

/* The path's fields come first in the table, in the order of the template. */
static void validate_path(struct validation *v, const struct route_match *match)
{
	const struct operation *operation = v->op->operation;

	for (int i = 0; i < operation->nfields && i < match->nparams; i++) {
		const struct field *field = &operation->fields[i];
		struct spot spot = {NULL, field->name, 0};
		size_t len = match->params[i].len;
		char *text = validate_decode(v->op->arena, match->params[i].text, len, false, &len);

		v->op->values[i].present = true;
		if (text == NULL)
			validate_fail(v, &spot, CHECK_ENCODING, NULL);
		else
			validate_scalar(v, &spot, field, text, len, &v->op->values[i]);
	}
}

static void bind_fallback(struct value *value, const struct field *field)
{
	value->present = true;
	value->text = field->fallback;
	value->len = strlen(field->fallback);
	if (field->type == FIELD_INTEGER)
		value->integer = strtoll(field->fallback, NULL, 10);
	else if (field->type == FIELD_BOOLEAN)
		value->integer = strcmp(field->fallback, "true") == 0;
}

/* Complains of what is required and absent; puts defaults. */
static void finish_absent(struct validation *v)
{
	const struct operation *operation = v->op->operation;

	for (int i = 0; i < operation->nfields; i++) {
		const struct field *field = &operation->fields[i];
		struct spot spot = {NULL, field->name, 0};

		if (v->op->values[i].present)
			continue;
		if (field->fallback != NULL)
			bind_fallback(&v->op->values[i], field);
		else if (field->required)
			validate_fail(v, &spot, CHECK_REQUIRED, NULL);
	}
}

/* ── body ───────────────────────────────────────────────────────────────────────────────────── */

static enum problem parse_body(struct op *op)
{
	if (op->body_len == 0)
		return PROBLEM_bad_json;
	if (!utf8_valid(op->body_text, op->body_len))
		return PROBLEM_bad_encoding;
	if (!jsonw_depth_ok(op->body_text, op->body_len))
		return PROBLEM_json_too_deep;
	op->body = json_loadb(op->body_text, op->body_len,
			      JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
	return op->body != NULL ? PROBLEM_NONE : PROBLEM_bad_json;
}

static void body_field(struct validation *v, int index, const struct spot *spot, json_t *json)
{
	const struct field *field = &v->op->operation->fields[index];
	struct value *value = &v->op->values[index];

	value->present = true; /* whatever is wrong with it, it is not absent */
	if (validate_json(v, spot, field, json))
		validate_bind_json(v->op, field, json, value);
}

static int first_body_field(const struct operation *operation)
{
	int i = 0;

	while (i < operation->nfields && operation->fields[i].place != PLACE_BODY)
		i++;
	return i;
}

static int find_body_field(const struct operation *operation, const char *name)
{
	for (int i = first_body_field(operation); i < operation->nfields; i++) {
		if (strcmp(operation->fields[i].name, name) == 0)
			return i;
	}
	return -1;
}

static void validate_members(struct validation *v)
{
	const struct operation *operation = v->op->operation;
	const char *name;
	json_t *member;

	json_object_foreach(v->op->body, name, member)
	{
		int index = find_body_field(operation, name);
		struct spot spot = {NULL, name, 0};

		if (index >= 0)
			body_field(v, index, &spot, member);
		else
			validate_fail(v, &spot, CHECK_UNKNOWN, NULL);
		if (validate_full(v))
			return;
	}
}

/* A body that is no object is bound as one field without a name. */
static void validate_body(struct validation *v)
{
	const struct operation *operation = v->op->operation;
	int first = first_body_field(operation);
	struct spot whole = {NULL, "body", 0};

	if (first < operation->nfields && operation->fields[first].name[0] == '\0')
		body_field(v, first, &whole, v->op->body);
	else if (json_is_object(v->op->body))
		validate_members(v);
	else
		validate_fail(v, &whole, CHECK_TYPE, validate_type_name(FIELD_OBJECT));
}

/* ── the request ────────────────────────────────────────────────────────────────────────────── */

/* A value that should have a text and has none: memory was short on the way. */
static bool bound_by_halves(const struct op *op)
{
	for (int i = 0; i < op->operation->nfields; i++) {
		const struct value *value = &op->values[i];

		if (value->present && !value->null && value->text == NULL)
			return true;
	}
	return false;
}

static enum problem verdict(const struct validation *v)
{
	const struct op *op = v->op;

	if (arena_overflowed(op->arena))
		return op->body_len > 0 ? PROBLEM_body_too_large : PROBLEM_internal_error;
	if (v->errors > 0)
		return PROBLEM_validation_failed;
	return bound_by_halves(op) ? PROBLEM_internal_error : PROBLEM_NONE;
}

enum problem validate_request(struct op *op, const struct route_match *match, const char *query)
{
	struct validation v = {.op = op};
	enum problem problem;

	op->values =
	    arena_alloc(op->arena, sizeof(*op->values) * (size_t)(op->operation->nfields + 1));
	if (op->values == NULL)
		return PROBLEM_internal_error;
	if (op->operation->has_body || op->body_len > 0) {
		problem = parse_body(op);
		if (problem != PROBLEM_NONE)
			return problem;
	}
	validate_path(&v, match);
	validate_query(&v, query);
	if (op->body != NULL)
		validate_body(&v);
	finish_absent(&v);
	return verdict(&v);
}
