/*
 * validate_text: scalars. The rules of strings (used for JSON too) and the reading of numbers and
 * booleans from path and query, where everything is text. Entry points: validate_priv.h.
 *
 * Patterns run over bytes in the C locale; the build has refused those that would mean something
 * else over characters. A text is matched only after its length was found to be within bounds.
 */
#include "http/validate_priv.h"

#include "core/clock.h"
#include "core/mem.h"
#include "core/utf8.h"
#include "core/uuid.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

static regex_t *compiled;
static int compiled_count;

static void free_patterns(void)
{
	for (int i = 0; i < compiled_count; i++)
		regfree(&compiled[i]);
	mem_free(compiled);
	compiled = NULL;
	compiled_count = 0;
}

int validate_patterns(const char *const *patterns, int count)
{
	free_patterns();
	compiled = mem_alloc(sizeof(*compiled) * (size_t)(count + 1));
	if (compiled == NULL)
		return -1;
	for (; compiled_count < count; compiled_count++) {
		if (regcomp(&compiled[compiled_count], patterns[compiled_count],
			    REG_EXTENDED | REG_NOSUB) != 0) {
			free_patterns();
			return -1;
		}
	}
	return 0;
}

/* ── formats ────────────────────────────────────────────────────────────────────────────────── */

static size_t uri_scheme(const char *text)
{
	if (strncasecmp(text, "https://", 8) == 0)
		return 8;
	return strncasecmp(text, "http://", 7) == 0 ? 7 : 0;
}

/* http or https, a host, no user name and password, only what RFC 3986 allows. */
static bool uri_valid(const char *text, size_t len)
{
	size_t host = uri_scheme(text);
	size_t authority = host + strcspn(text + host, "/?#");

	if (host == 0 || authority == host || text[host] == ':')
		return false;
	if (memchr(text + host, '@', authority - host) != NULL)
		return false;
	for (size_t i = host; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c <= ' ' || c >= 0x7f || strchr("\"<>\\^`{|}", c) != NULL)
			return false;
		if (c == '%' && (!isxdigit((unsigned char)text[i + 1]) ||
				 !isxdigit((unsigned char)text[i + 2])))
			return false;
	}
	return true;
}

/* The name of the format that the text does not have, NULL when all is well. */
static const char *format_missed(enum field_type type, const char *text, size_t len)
{
	switch (type) {
	case FIELD_UUID:
		return uuid_valid(text, len) ? NULL : "uuid";
	case FIELD_DATE:
		return clock_date_valid(text, len) ? NULL : "date (YYYY-MM-DD)";
	case FIELD_TIMESTAMP:
		return clock_timestamp_valid(text, len) ? NULL : "date-time (RFC 3339)";
	case FIELD_URI:
		return uri_valid(text, len) ? NULL : "uri (http, https)";
	case FIELD_STRING:
	case FIELD_INTEGER:
	case FIELD_NUMBER:
	case FIELD_BOOLEAN:
	case FIELD_ARRAY:
	case FIELD_OBJECT:
	case FIELD_ANY_OF:
		break;
	}
	return NULL;
}

/* ── rules ──────────────────────────────────────────────────────────────────────────────────── */

static bool fail_choice(struct validation *v, const struct spot *spot, const struct field *field)
{
	const char *all = field->choices[0];

	for (int i = 1; all != NULL && field->choices[i] != NULL; i++)
		all = arena_printf(v->op->arena, "%s, %s", all, field->choices[i]);
	return validate_fail(v, spot, CHECK_ENUM, all);
}

static bool chosen(const struct field *field, const char *text)
{
	for (int i = 0; field->choices[i] != NULL; i++) {
		if (strcmp(field->choices[i], text) == 0)
			return true;
	}
	return false;
}

static bool matches(const struct field *field, const char *text)
{
	if (field->pattern_index < 0)
		return true;
	return field->pattern_index < compiled_count &&
	       regexec(&compiled[field->pattern_index], text, 0, NULL, 0) == 0;
}

bool validate_string(struct validation *v, const struct spot *spot, const struct field *field,
		     const char *text, size_t len)
{
	const char *format;
	int64_t length;

	if (memchr(text, '\0', len) != NULL)
		return validate_fail(v, spot, CHECK_NUL, NULL);
	length = (int64_t)utf8_length(text, len);
	if (length < field->min)
		return validate_fail_int(v, spot, CHECK_TOO_SHORT, field->min);
	if (length > field->max)
		return validate_fail_int(v, spot, CHECK_TOO_LONG, field->max);
	if (field->choices != NULL && !chosen(field, text))
		return fail_choice(v, spot, field);
	format = format_missed(field->type, text, len);
	if (format != NULL)
		return validate_fail(v, spot, CHECK_FORMAT, format);
	if (!matches(field, text))
		return validate_fail(v, spot, CHECK_PATTERN, field->pattern);
	return true;
}

bool validate_integer(struct validation *v, const struct spot *spot, const struct field *field,
		      int64_t number)
{
	if (number < field->min)
		return validate_fail_int(v, spot, CHECK_TOO_SMALL, field->min);
	if (number > field->max)
		return validate_fail_int(v, spot, CHECK_TOO_LARGE, field->max);
	return true;
}

bool validate_number(struct validation *v, const struct spot *spot, const struct field *field,
		     double number)
{
	if (field->min != INT64_MIN && number < (double)field->min)
		return validate_fail_int(v, spot, CHECK_TOO_SMALL, field->min);
	if (field->max != INT64_MAX && number > (double)field->max)
		return validate_fail_int(v, spot, CHECK_TOO_LARGE, field->max);
	return true;
}

/* ── scalars in path and query ──────────────────────────────────────────────────────────────── */

static bool wrong_type(struct validation *v, const struct spot *spot, const struct field *field)
{
	return validate_fail(v, spot, CHECK_TYPE, validate_type_name(field->type));
}

/* The length of -?(0|[1-9][0-9]*) at the start, 0 when it is not there. */
static size_t integer_length(const char *text)
{
	size_t sign = text[0] == '-' ? 1 : 0;
	size_t digits = strspn(text + sign, "0123456789");

	if (digits == 0 || (digits > 1 && text[sign] == '0'))
		return 0;
	return sign + digits;
}

static bool scalar_integer(struct validation *v, const struct spot *spot, const struct field *field,
			   const char *text, size_t len, struct value *out)
{
	if (len == 0 || integer_length(text) != len)
		return wrong_type(v, spot, field);
	errno = 0;
	out->integer = strtoll(text, NULL, 10);
	if (errno == ERANGE && out->integer < 0)
		return validate_fail_int(v, spot, CHECK_TOO_SMALL, field->min);
	if (errno == ERANGE)
		return validate_fail_int(v, spot, CHECK_TOO_LARGE, field->max);
	if (!validate_integer(v, spot, field, out->integer))
		return false;
	out->text = out->integer == 0 ? "0" : text; /* "-0" is 0 */
	out->len = strlen(out->text);
	return true;
}

/* JSON's grammar, which keeps hexadecimal, "inf" and "nan" out. */
static bool number_valid(const char *text, size_t len)
{
	size_t at = integer_length(text);
	size_t digits;

	if (at == 0)
		return false;
	if (text[at] == '.') {
		digits = strspn(text + at + 1, "0123456789");
		if (digits == 0)
			return false;
		at += 1 + digits;
	}
	if (text[at] == 'e' || text[at] == 'E') {
		at++;
		if (text[at] == '+' || text[at] == '-')
			at++;
		digits = strspn(text + at, "0123456789");
		if (digits == 0)
			return false;
		at += digits;
	}
	return at == len;
}

static bool scalar_number(struct validation *v, const struct spot *spot, const struct field *field,
			  const char *text, size_t len, struct value *out)
{
	double number;

	if (!number_valid(text, len))
		return wrong_type(v, spot, field);
	number = strtod(text, NULL);
	if (!isfinite(number))
		return wrong_type(v, spot, field);
	out->text = text;
	out->len = len;
	return validate_number(v, spot, field, number);
}

static bool scalar_boolean(struct validation *v, const struct spot *spot, const struct field *field,
			   const char *text, struct value *out)
{
	bool yes = strcmp(text, "true") == 0;

	if (!yes && strcmp(text, "false") != 0)
		return wrong_type(v, spot, field);
	out->integer = yes;
	out->text = yes ? "true" : "false";
	out->len = strlen(out->text);
	return true;
}

bool validate_scalar(struct validation *v, const struct spot *spot, const struct field *field,
		     const char *text, size_t len, struct value *out)
{
	switch (field->type) {
	case FIELD_INTEGER:
		return scalar_integer(v, spot, field, text, len, out);
	case FIELD_NUMBER:
		return scalar_number(v, spot, field, text, len, out);
	case FIELD_BOOLEAN:
		return scalar_boolean(v, spot, field, text, out);
	case FIELD_STRING:
	case FIELD_UUID:
	case FIELD_DATE:
	case FIELD_TIMESTAMP:
	case FIELD_URI:
		if (!validate_string(v, spot, field, text, len))
			return false;
		validate_bind_text(v->op, field, text, len, out);
		return true;
	case FIELD_ARRAY:
	case FIELD_OBJECT:
	case FIELD_ANY_OF:
		break; /* refused by the build in this place */
	}
	return wrong_type(v, spot, field);
}

void validate_bind_text(struct op *op, const struct field *field, const char *text, size_t len,
			struct value *out)
{
	char *lower;

	out->text = text;
	out->len = len;
	if (field->type != FIELD_UUID)
		return;
	lower = arena_strndup(op->arena, text, len);
	for (size_t i = 0; lower != NULL && i < len; i++)
		lower[i] = (char)tolower((unsigned char)lower[i]);
	out->text = lower;
}
