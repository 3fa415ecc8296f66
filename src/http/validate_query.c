/*
 * validate_query: application/x-www-form-urlencoded as the query of a URI has it. Entry points:
 * validate_priv.h. The URI's own limit (about 2,000 bytes) bounds the number of parameters.
 *
 * An array is written a,b,c (style form, explode false); it is split after decoding, since clients
 * escape the comma as well as not, so an item cannot hold a comma.
 */
#include "http/validate_priv.h"

#include "core/buf.h"
#include "core/jsonw.h"
#include "core/utf8.h"

#include <string.h>

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

char *validate_decode(struct arena *arena, const char *raw, size_t len, bool plus,
		      size_t *decoded_len)
{
	char *out = arena_strndup(arena, raw, len);
	size_t to = 0;

	if (out == NULL)
		return NULL;
	for (size_t i = 0; i < len; i++, to++) {
		out[to] = plus && raw[i] == '+' ? ' ' : raw[i];
		if (raw[i] != '%')
			continue;
		if (len - i < 3 || hex(raw[i + 1]) < 0 || hex(raw[i + 2]) < 0)
			return NULL;
		out[to] = (char)(hex(raw[i + 1]) << 4 | hex(raw[i + 2]));
		i += 2;
	}
	out[to] = '\0';
	if (memchr(out, '\0', to) != NULL || !utf8_valid(out, to))
		return NULL;
	*decoded_len = to;
	return out;
}

/* ── arrays ─────────────────────────────────────────────────────────────────────────────────── */

static void write_item(struct jsonw *w, const struct field *field, const struct value *value)
{
	switch (field->type) {
	case FIELD_INTEGER:
	case FIELD_NUMBER:
	case FIELD_BOOLEAN:
		jsonw_raw(w, value->text, value->len);
		break;
	default:
		jsonw_string(w, value->text != NULL ? value->text : "", value->len);
		break;
	}
}

static int64_t count_items(const char *text)
{
	int64_t count = text[0] != '\0' ? 1 : 0;

	while ((text = strchr(text, ',')) != NULL) {
		count++;
		text++;
	}
	return count;
}

/* Cuts `text` at its commas in place. */
static bool array_items(struct validation *v, const struct spot *spot, const struct field *field,
			char *text, struct jsonw *w)
{
	bool good = true;
	char *rest = text[0] != '\0' ? text : NULL;

	for (size_t i = 0; rest != NULL; i++) {
		char *item = strsep(&rest, ",");
		struct spot at = {spot, NULL, i};
		struct value value = {0};

		if (validate_scalar(v, &at, field->items, item, strlen(item), &value))
			write_item(w, field->items, &value);
		else
			good = false;
	}
	return good;
}

static bool array_value(struct validation *v, const struct spot *spot, const struct field *field,
			char *text, struct value *out)
{
	int64_t count = count_items(text);
	struct buf json;
	struct jsonw w;
	bool good;

	if (count < field->min)
		return validate_fail_int(v, spot, CHECK_TOO_FEW, field->min);
	if (count > field->max)
		return validate_fail_int(v, spot, CHECK_TOO_MANY, field->max);
	buf_init(&json, 0);
	jsonw_init(&w, &json);
	jsonw_array_open(&w);
	good = array_items(v, spot, field, text, &w);
	jsonw_array_close(&w);
	/* Short memory leaves text NULL, which validate_request takes for a failure. */
	out->text = json.failed ? NULL : arena_strndup(v->op->arena, json.data, json.len);
	out->len = json.len;
	buf_free(&json);
	return good;
}

/* ── parameters ─────────────────────────────────────────────────────────────────────────────── */

static int find_parameter(const struct operation *operation, const char *name)
{
	for (int i = 0; i < operation->nfields; i++) {
		if (operation->fields[i].place == PLACE_QUERY &&
		    strcmp(operation->fields[i].name, name) == 0)
			return i;
	}
	return -1;
}

static void parameter(struct validation *v, const char *name, const char *raw, size_t len)
{
	const struct operation *operation = v->op->operation;
	int index = find_parameter(operation, name);
	struct spot spot = {NULL, name, 0};
	struct value *value;
	char *text;

	if (index < 0) {
		validate_fail(v, &spot, CHECK_UNKNOWN, NULL);
		return;
	}
	value = &v->op->values[index];
	if (value->present) {
		validate_fail(v, &spot, CHECK_REPEATED, NULL);
		return;
	}
	value->present = true;
	text = validate_decode(v->op->arena, raw, len, true, &len);
	if (text == NULL)
		validate_fail(v, &spot, CHECK_ENCODING, NULL);
	else if (operation->fields[index].type == FIELD_ARRAY)
		array_value(v, &spot, &operation->fields[index], text, value);
	else
		validate_scalar(v, &spot, &operation->fields[index], text, len, value);
}

static void pair(struct validation *v, const char *raw, size_t len)
{
	const char *equals = memchr(raw, '=', len);
	size_t name_len = equals != NULL ? (size_t)(equals - raw) : len;
	size_t value_at = equals != NULL ? name_len + 1 : len;
	char *name = validate_decode(v->op->arena, raw, name_len, true, &name_len);

	if (name == NULL) {
		struct spot spot = {NULL, "query", 0};

		validate_fail(v, &spot, CHECK_ENCODING, NULL);
		return;
	}
	parameter(v, name, raw + value_at, len - value_at);
}

void validate_query(struct validation *v, const char *query)
{
	const char *at = query != NULL ? query : "";

	while (*at != '\0' && !validate_full(v)) {
		size_t len = strcspn(at, "&");

		if (len > 0)
			pair(v, at, len);
		at += len;
		if (*at == '&')
			at++;
	}
}
