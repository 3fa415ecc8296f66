/*
 * values: one value in PostgreSQL's text form to JSON. Pure functions over bytes; entry points are
 * value_kind (once per column) and value_json (once per value).
 *
 * To add a type, add its row to `types`; to give it another shape, add a value_shape and its case
 * in scalar_json. Types without a fixed OID (ltree, domains' base types aside) are written as
 * strings. A value that is not in the form PostgreSQL writes becomes null, never broken JSON.
 */
#include "db/db_priv.h"

#include "core/jsonw.h"

#include <string.h>

/* OIDs as pg_type.dat fixes them. */
static const struct {
	Oid type;
	Oid array;
	enum value_shape shape;
} types[] = {
    {2950, 2951, VALUE_QUOTED}, /* uuid */
    {25, 1009, VALUE_STRING},   /* text */
    {1043, 1015, VALUE_STRING}, /* varchar */
    {1042, 1014, VALUE_STRING}, /* bpchar */
    {19, 1003, VALUE_STRING},   /* name */
    {23, 1007, VALUE_RAW},      /* int4 */
    {20, 1016, VALUE_RAW},      /* int8 */
    {21, 1005, VALUE_RAW},      /* int2 */
    {26, 1028, VALUE_RAW},      /* oid */
    {16, 1000, VALUE_BOOL},     /* bool */
    {1184, 1185, VALUE_TIMESTAMPTZ}, {1082, 1182, VALUE_DATE}, {3802, 3807, VALUE_RAW}, /* jsonb */
    {114, 199, VALUE_RAW},                                                              /* json */
    {1700, 1231, VALUE_NUMBER}, /* numeric */
    {701, 1022, VALUE_NUMBER},  /* float8 */
    {700, 1021, VALUE_NUMBER},  /* float4 */
    {4451, 6150, VALUE_RANGES}, /* int4multirange */
    {3904, 3905, VALUE_RANGES}, /* int4range */
    {4536, 6157, VALUE_RANGES}, /* int8multirange */
    {3926, 3927, VALUE_RANGES}, /* int8range */
};

struct value_kind value_kind(Oid type)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (types[i].type == type)
			return (struct value_kind){types[i].shape, false};
		if (types[i].array == type)
			return (struct value_kind){types[i].shape, true};
	}
	return (struct value_kind){VALUE_STRING, false};
}

static void put_null(struct buf *out)
{
	buf_append(out, "null", 4);
}

static void put_quoted(struct buf *out, const char *text, size_t len)
{
	buf_putc(out, '"');
	buf_append(out, text, len);
	buf_putc(out, '"');
}

static bool is_infinity(const char *text, size_t len)
{
	return (len == 8 && memcmp(text, "infinity", 8) == 0) ||
	       (len == 9 && memcmp(text, "-infinity", 9) == 0);
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* NaN, Infinity and -Infinity are the only forms that do not end in a digit. */
static void number_json(struct buf *out, const char *text, size_t len)
{
	if (len > 0 && is_digit(text[len - 1]))
		buf_append(out, text, len);
	else
		put_null(out);
}

static void date_json(struct buf *out, const char *text, size_t len)
{
	if (is_infinity(text, len))
		put_null(out);
	else
		jsonw_escape(out, text, len);
}

/*
 * "2026-11-23 12:24:03.123+00" to "2026-11-23T12:24:03.123Z". RFC 3339 has four digits for the year
 * and no other era; what lies outside is passed on as PostgreSQL writes it.
 */
static void timestamptz_json(struct buf *out, const char *text, size_t len)
{
	if (len < 22 || text[4] != '-' || text[10] != ' ' ||
	    memcmp(text + len - 3, "+00", 3) != 0) {
		date_json(out, text, len);
		return;
	}
	if (!buf_reserve(out, len))
		return;
	char *p = out->data + out->len;
	*p++ = '"';
	memcpy(p, text, len - 3);
	p[10] = 'T';
	p += len - 3;
	*p++ = 'Z';
	*p++ = '"';
	*p = '\0';
	out->len = (size_t)(p - out->data);
}

/* ── ranges ─────────────────────────────────────────────────────────────────────────────────── */

/* A bound, null where there is none. Returns what follows it. */
static const char *bound_json(struct buf *out, const char *p, const char *end)
{
	const char *start = p;
	while (p < end && (is_digit(*p) || *p == '-'))
		p++;
	if (p > start)
		buf_append(out, start, (size_t)(p - start));
	else
		put_null(out);
	return p;
}

/* At "[a,b)" or a half-open form of it. Returns what follows, NULL when it is something else. */
static const char *range_json(struct buf *out, const char *p, const char *end)
{
	if (p == end || (*p != '[' && *p != '('))
		return NULL;
	buf_putc(out, '[');
	p = bound_json(out, p + 1, end);
	if (p == end || *p != ',')
		return NULL;
	buf_putc(out, ',');
	p = bound_json(out, p + 1, end);
	if (p == end || (*p != ')' && *p != ']'))
		return NULL;
	buf_putc(out, ']');
	return p + 1;
}

/* "{[1,3),[5,7)}", "[1,3)" or "empty": always a list of pairs. */
static bool ranges_walk(struct buf *out, const char *p, const char *end)
{
	bool multi = p < end && *p == '{';
	bool first = true;

	buf_putc(out, '[');
	if (end - p == 5 && memcmp(p, "empty", 5) == 0)
		p = end;
	if (multi)
		p++;
	while (p < end && *p != '}') {
		if (!first) {
			if (!multi || *p++ != ',')
				return false;
			buf_putc(out, ',');
		}
		first = false;
		p = range_json(out, p, end);
		if (p == NULL)
			return false;
	}
	buf_putc(out, ']');
	return multi ? end - p == 1 : p == end;
}

/* Undoes a half-written value. */
static void or_null(struct buf *out, size_t start, bool ok)
{
	if (ok || out->failed || out->data == NULL)
		return;
	out->len = start;
	out->data[start] = '\0';
	put_null(out);
}

static void ranges_json(struct buf *out, const char *text, size_t len)
{
	size_t start = out->len;
	or_null(out, start, ranges_walk(out, text, text + len));
}

static void scalar_json(struct buf *out, enum value_shape shape, const char *text, size_t len)
{
	switch (shape) {
	case VALUE_STRING:
		jsonw_escape(out, text, len);
		break;
	case VALUE_QUOTED:
		put_quoted(out, text, len);
		break;
	case VALUE_RAW:
		buf_append(out, text, len);
		break;
	case VALUE_NUMBER:
		number_json(out, text, len);
		break;
	case VALUE_BOOL:
		if (len == 1 && text[0] == 't')
			buf_append(out, "true", 4);
		else
			buf_append(out, "false", 5);
		break;
	case VALUE_DATE:
		date_json(out, text, len);
		break;
	case VALUE_TIMESTAMPTZ:
		timestamptz_json(out, text, len);
		break;
	case VALUE_RANGES:
		ranges_json(out, text, len);
		break;
	}
}

/* ── arrays ─────────────────────────────────────────────────────────────────────────────────── */

/* At the opening quote. Returns what follows the closing one, NULL when there is none. */
static const char *quoted_element(struct buf *out, enum value_shape shape, const char *p,
				  const char *end)
{
	const char *start = ++p;
	bool escaped = false;

	while (p < end && *p != '"') {
		if (*p == '\\') {
			escaped = true;
			if (++p == end)
				return NULL;
		}
		p++;
	}
	if (p == end)
		return NULL;
	if (!escaped) {
		scalar_json(out, shape, start, (size_t)(p - start));
		return p + 1;
	}

	struct buf plain;
	buf_init(&plain, (size_t)(p - start));
	for (const char *q = start; q < p; q++) {
		if (*q == '\\')
			q++;
		buf_putc(&plain, *q);
	}
	if (plain.failed)
		out->failed = true;
	else
		scalar_json(out, shape, plain.data, plain.len);
	buf_free(&plain);
	return p + 1;
}

static const char *bare_element(struct buf *out, enum value_shape shape, const char *p,
				const char *end)
{
	const char *start = p;
	while (p < end && *p != ',' && *p != '}' && *p != '{' && *p != '"')
		p++;
	if (p == start)
		return NULL;
	if (p - start == 4 && memcmp(start, "NULL", 4) == 0)
		put_null(out);
	else
		scalar_json(out, shape, start, (size_t)(p - start));
	return p;
}

/* One item of an array that holds values or, nested, arrays. Returns what follows it. */
static const char *array_item(struct buf *out, enum value_shape shape, const char *p,
			      const char *end, int *depth)
{
	if (*p == '{') {
		buf_putc(out, '[');
		(*depth)++;
		return p + 1;
	}
	if (*p == '"')
		return quoted_element(out, shape, p, end);
	return bare_element(out, shape, p, end);
}

static bool array_walk(struct buf *out, enum value_shape shape, const char *p, const char *end)
{
	int depth = 0;
	bool want_item = true; /* else a comma or a closing brace */

	while (p < end) {
		if (*p == '}' && depth > 0 && (!want_item || p[-1] == '{')) {
			buf_putc(out, ']');
			p++;
			want_item = false;
			if (--depth == 0)
				return p == end;
		} else if (want_item && (depth > 0 || *p == '{')) {
			want_item = *p == '{';
			p = array_item(out, shape, p, end, &depth);
			if (p == NULL)
				return false;
		} else if (*p == ',' && !want_item) {
			buf_putc(out, ',');
			p++;
			want_item = true;
		} else {
			return false;
		}
	}
	return false;
}

/* "{…}", or "[0:1]={…}" where the bounds are not the usual ones. */
static void array_json(struct buf *out, enum value_shape shape, const char *text, size_t len)
{
	const char *end = text + len;
	const char *p = text;
	size_t start = out->len;

	if (len > 0 && *p == '[') {
		const char *equals = memchr(p, '=', len);
		p = equals != NULL ? equals + 1 : end;
	}
	or_null(out, start, array_walk(out, shape, p, end));
}

void value_json(struct buf *out, struct value_kind kind, const char *text, size_t len)
{
	if (kind.array)
		array_json(out, kind.shape, text, len);
	else
		scalar_json(out, kind.shape, text, len);
}
