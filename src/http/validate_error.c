/*
 * validate_error: what is said about a bad field. The one table of codes and texts is CHECKS in
 * validate_priv.h; here it is filled in and the field's path is written. Paths are made only when
 * there is something to say, so a good request pays nothing for them.
 */
#include "http/validate_priv.h"

#include "core/utf8.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *code;
	const char *zh;
	const char *en;
} checks[CHECK_COUNT] = {
#define CHECK(name, code, zh, en) [CHECK_##name] = {code, zh, en},
    CHECKS
#undef CHECK
};

const char *validate_type_name(enum field_type type)
{
	switch (type) {
	case FIELD_INTEGER:
		return "integer";
	case FIELD_NUMBER:
		return "number";
	case FIELD_BOOLEAN:
		return "boolean";
	case FIELD_ARRAY:
		return "array";
	case FIELD_OBJECT:
	case FIELD_ANY_OF:
		return "object";
	case FIELD_STRING:
	case FIELD_UUID:
	case FIELD_DATE:
	case FIELD_TIMESTAMP:
	case FIELD_URI:
		break;
	}
	return "string";
}

/* The bytes of `text`, at most `max`, that end with a whole character. */
static size_t whole_characters(const char *text, size_t max)
{
	size_t len = strlen(text);
	size_t at = 0;

	while (at < len) {
		size_t step = utf8_sequence(text + at, len - at);

		if (step == 0)
			step = 1;
		if (at + step > max)
			break;
		at += step;
	}
	return at;
}

static void append(char *out, size_t size, size_t *at, const char *text, size_t len)
{
	char *to = out + *at;
	size_t room = size - 1 - *at;

	if (len > room)
		len = room;
	memcpy(to, text, len);
	to[len] = '\0';
	*at += whole_characters(to, len);
	out[*at] = '\0';
}

static void fill(char *out, size_t size, const char *template, const char *bound)
{
	const char *gap = strstr(template, "{}");
	size_t at = 0;

	out[0] = '\0';
	if (gap == NULL || bound == NULL) {
		append(out, size, &at, template, strlen(template));
		return;
	}
	append(out, size, &at, template, (size_t)(gap - template));
	append(out, size, &at, bound, strlen(bound));
	append(out, size, &at, gap + 2, strlen(gap + 2));
}

static const char *path_of(struct arena *arena, const struct spot *spot)
{
	const char *up;
	int len;

	if (spot == NULL)
		return "";
	up = path_of(arena, spot->up);
	if (up == NULL)
		return NULL;
	if (spot->name == NULL)
		return arena_printf(arena, "%s[%zu]", up, spot->index);
	len = (int)whole_characters(spot->name, VALIDATE_NAME_MAX);
	return arena_printf(arena, "%s%s%.*s", up, up[0] != '\0' ? "." : "", len, spot->name);
}

bool validate_full(const struct validation *v)
{
	return v->errors >= VALIDATE_ERRORS_MAX;
}

bool validate_fail(struct validation *v, const struct spot *spot, enum check check,
		   const char *bound)
{
	struct field_error sizes;
	char zh[sizeof(sizes.detail_zh)];
	char en[sizeof(sizes.detail_en)];
	const char *path;

	if (validate_full(v))
		return false;
	v->errors++;
	path = path_of(v->op->arena, spot);
	if (path == NULL)
		return false;
	fill(zh, sizeof(zh), checks[check].zh, bound);
	fill(en, sizeof(en), checks[check].en, bound);
	op_field_error(v->op, path, checks[check].code, zh, en);
	return false;
}

bool validate_fail_int(struct validation *v, const struct spot *spot, enum check check,
		       int64_t bound)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%" PRId64, bound);
	return validate_fail(v, spot, check, text);
}
