/*
 * validate_json: one JSON value against its field, and all that is in it. Entry points:
 * validate_priv.h. The depth of the recursion is that of the schema, which contains no loop, and
 * the search ends when no further error would be listed.
 */
#include "http/validate_priv.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char *const variant_member = "kind"; /* DISCRIMINATOR in tools/spec_schema.py */

static bool wrong_type(struct validation *v, const struct spot *spot, const struct field *field)
{
	return validate_fail(v, spot, CHECK_TYPE, validate_type_name(field->type));
}

/*
 * x-item-errors: the first thing wrong with each item is noted and the request goes on; the handler
 * answers for each item by itself. The count of errors starts one below the bound, so that one more
 * is listed and the search in this item ends; the request's own count is left alone.
 */
static void note_bad_item(const struct validation *v, const struct spot *at,
			  const struct field *field, json_t *json)
{
	struct validation one = {.op = v->op, .errors = VALIDATE_ERRORS_MAX - 1};

	(void)validate_json(&one, at, field, json);
}

static bool check_array(struct validation *v, const struct spot *spot, const struct field *field,
			const json_t *json)
{
	size_t count = json_array_size(json);
	bool good = true;

	if ((int64_t)count < field->min)
		return validate_fail_int(v, spot, CHECK_TOO_FEW, field->min);
	if ((int64_t)count > field->max)
		return validate_fail_int(v, spot, CHECK_TOO_MANY, field->max);
	for (size_t i = 0; i < count && !validate_full(v); i++) {
		struct spot at = {spot, NULL, i};

		if (field->item_errors)
			note_bad_item(v, &at, field->items, json_array_get(json, i));
		else
			good &= validate_json(v, &at, field->items, json_array_get(json, i));
	}
	return good;
}

static bool is_member(const struct field *field, const char *name)
{
	for (int i = 0; i < field->nfields; i++) {
		if (strcmp(field->fields[i].name, name) == 0)
			return true;
	}
	return false;
}

static bool refuse_unknown(struct validation *v, const struct spot *spot, const struct field *field,
			   json_t *json)
{
	const char *name;
	json_t *member;
	bool good = true;

	json_object_foreach(json, name, member)
	{
		struct spot at = {spot, name, 0};

		if (!is_member(field, name))
			good = validate_fail(v, &at, CHECK_UNKNOWN, NULL);
		if (validate_full(v))
			break;
	}
	return good;
}

static bool check_object(struct validation *v, const struct spot *spot, const struct field *field,
			 json_t *json)
{
	bool good = true;

	for (int i = 0; i < field->nfields && !validate_full(v); i++) {
		const struct field *member = &field->fields[i];
		struct spot at = {spot, member->name, 0};
		json_t *value = json_object_get(json, member->name);

		if (value != NULL)
			good &= validate_json(v, &at, member, value);
		else if (member->required)
			good = validate_fail(v, &at, CHECK_REQUIRED, NULL);
	}
	return refuse_unknown(v, spot, field, json) && good;
}

static bool fail_variant(struct validation *v, const struct spot *spot, const struct field *field)
{
	const char *all = "";

	for (int i = 0; all != NULL && i < field->nfields; i++)
		all = arena_printf(v->op->arena, "%s%s%s", all, i > 0 ? ", " : "",
				   field->fields[i].name);
	return validate_fail(v, spot, CHECK_ENUM, all);
}

/* The member `kind` says which of the variants the object has to be. */
static bool check_variant(struct validation *v, const struct spot *spot, const struct field *field,
			  json_t *json)
{
	const json_t *kind = json_object_get(json, variant_member);
	struct spot at = {spot, variant_member, 0};

	if (kind == NULL)
		return validate_fail(v, &at, CHECK_REQUIRED, NULL);
	if (!json_is_string(kind))
		return validate_fail(v, &at, CHECK_TYPE, validate_type_name(FIELD_STRING));
	for (int i = 0; i < field->nfields; i++) {
		if (strcmp(field->fields[i].name, json_string_value(kind)) == 0)
			return check_object(v, spot, &field->fields[i], json);
	}
	return fail_variant(v, &at, field);
}

static bool check_string(struct validation *v, const struct spot *spot, const struct field *field,
			 const json_t *json)
{
	if (!json_is_string(json))
		return wrong_type(v, spot, field);
	return validate_string(v, spot, field, json_string_value(json), json_string_length(json));
}

bool validate_json(struct validation *v, const struct spot *spot, const struct field *field,
		   json_t *json)
{
	if (json_is_null(json))
		return field->nullable || validate_fail(v, spot, CHECK_NOT_NULLABLE, NULL);
	switch (field->type) {
	case FIELD_INTEGER:
		return json_is_integer(json)
			   ? validate_integer(v, spot, field, json_integer_value(json))
			   : wrong_type(v, spot, field);
	case FIELD_NUMBER:
		return json_is_number(json)
			   ? validate_number(v, spot, field, json_number_value(json))
			   : wrong_type(v, spot, field);
	case FIELD_BOOLEAN:
		return json_is_boolean(json) || wrong_type(v, spot, field);
	case FIELD_ARRAY:
		return json_is_array(json) ? check_array(v, spot, field, json)
					   : wrong_type(v, spot, field);
	case FIELD_OBJECT:
		return json_is_object(json) ? check_object(v, spot, field, json)
					    : wrong_type(v, spot, field);
	case FIELD_ANY_OF:
		return json_is_object(json) ? check_variant(v, spot, field, json)
					    : wrong_type(v, spot, field);
	case FIELD_STRING:
	case FIELD_UUID:
	case FIELD_DATE:
	case FIELD_TIMESTAMP:
	case FIELD_URI:
		break;
	}
	return check_string(v, spot, field, json);
}

/* ── binding ────────────────────────────────────────────────────────────────────────────────── */

static void bind(struct value *out, const char *text)
{
	out->text = text;
	out->len = text != NULL ? strlen(text) : 0;
}

/* 0.1 rather than 0.10000000000000001, but never another number. */
static const char *real_text(struct arena *arena, double number)
{
	const char *text = arena_printf(arena, "%.15g", number);

	if (text != NULL && strtod(text, NULL) != number)
		return arena_printf(arena, "%.17g", number);
	return text;
}

void validate_bind_json(struct op *op, const struct field *field, json_t *json, struct value *out)
{
	out->present = true;
	out->json = json;
	switch (json_typeof(json)) {
	case JSON_NULL:
		out->null = true;
		break;
	case JSON_TRUE:
	case JSON_FALSE:
		out->integer = json_is_true(json);
		bind(out, json_is_true(json) ? "true" : "false");
		break;
	case JSON_INTEGER:
		out->integer = json_integer_value(json);
		bind(out, arena_printf(op->arena, "%" PRId64, out->integer));
		break;
	case JSON_REAL:
		bind(out, real_text(op->arena, json_real_value(json)));
		break;
	case JSON_STRING:
		validate_bind_text(op, field, json_string_value(json), json_string_length(json),
				   out);
		break;
	case JSON_ARRAY:
	case JSON_OBJECT:
		bind(out, op_json_text(op->arena, json, JSON_COMPACT));
		break;
	}
}
