/*
 * jsonw: JSON text into a buf, and the depth check before jansson. Entry points in jsonw.h.
 *
 * The writer trusts its caller to open and close in order; it sees to commas and escapes only.
 * Failures show in the buf, once, at the end. Most text has nothing to escape, so whole runs of
 * plain bytes are copied.
 */
#include "core/jsonw.h"
#include "core/utf8.h"

#include <string.h>

#define REPLACEMENT "\xEF\xBF\xBD" /* U+FFFD */

void jsonw_init(struct jsonw *w, struct buf *buf)
{
	w->buf = buf;
	w->comma = false;
}

/* Before each value: the comma, when one came before. */
static void begin_value(struct jsonw *w)
{
	if (w->comma)
		buf_putc(w->buf, ',');
	w->comma = true;
}

static void open_bracket(struct jsonw *w, char bracket)
{
	begin_value(w);
	buf_putc(w->buf, bracket);
	w->comma = false;
}

static void close_bracket(struct jsonw *w, char bracket)
{
	buf_putc(w->buf, bracket);
	w->comma = true;
}

void jsonw_object_open(struct jsonw *w)
{
	open_bracket(w, '{');
}

void jsonw_object_close(struct jsonw *w)
{
	close_bracket(w, '}');
}

void jsonw_array_open(struct jsonw *w)
{
	open_bracket(w, '[');
}

void jsonw_array_close(struct jsonw *w)
{
	close_bracket(w, ']');
}

void jsonw_key(struct jsonw *w, const char *key)
{
	begin_value(w);
	jsonw_escape(w->buf, key, strlen(key));
	buf_putc(w->buf, ':');
	w->comma = false;
}

void jsonw_string(struct jsonw *w, const char *text, size_t len)
{
	begin_value(w);
	jsonw_escape(w->buf, text, len);
}

void jsonw_text(struct jsonw *w, const char *text)
{
	if (text == NULL)
		jsonw_null(w);
	else
		jsonw_string(w, text, strlen(text));
}

void jsonw_int(struct jsonw *w, int64_t number)
{
	begin_value(w);
	buf_int(w->buf, number);
}

void jsonw_bool(struct jsonw *w, bool value)
{
	begin_value(w);
	buf_puts(w->buf, value ? "true" : "false");
}

void jsonw_null(struct jsonw *w)
{
	begin_value(w);
	buf_append(w->buf, "null", 4);
}

void jsonw_raw(struct jsonw *w, const char *bytes, size_t len)
{
	begin_value(w);
	buf_append(w->buf, bytes, len);
}

/* ── strings ────────────────────────────────────────────────────────────────────────────────── */

static bool is_plain(unsigned char byte)
{
	return byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\';
}

/* Bytes from the start that may be copied as they are: plain ASCII and well-formed sequences. */
static size_t run_length(const char *text, size_t len)
{
	size_t at = 0;

	while (at < len) {
		unsigned char byte = (unsigned char)text[at];
		if (is_plain(byte)) {
			at++;
			continue;
		}
		size_t step = byte < 0x80 ? 0 : utf8_sequence(text + at, len - at);
		if (step == 0)
			break;
		at += step;
	}
	return at;
}

/* Letters of the short escapes, 0 where there is none. */
static char short_escape(unsigned char byte)
{
	switch (byte) {
	case '"':
	case '\\':
		return (char)byte;
	case '\b':
		return 'b';
	case '\f':
		return 'f';
	case '\n':
		return 'n';
	case '\r':
		return 'r';
	case '\t':
		return 't';
	default:
		return 0;
	}
}

static void escape_byte(struct buf *buf, unsigned char byte)
{
	static const char hex[] = "0123456789abcdef";
	char letter = short_escape(byte);

	if (letter != 0)
		buf_append(buf, (char[]){'\\', letter}, 2);
	else if (byte < 0x20)
		buf_append(buf, (char[]){'\\', 'u', '0', '0', hex[byte >> 4], hex[byte & 15]}, 6);
	else
		buf_append(buf, REPLACEMENT, sizeof REPLACEMENT - 1);
}

void jsonw_escape(struct buf *buf, const char *text, size_t len)
{
	size_t at = 0;

	buf_putc(buf, '"');
	while (at < len) {
		size_t run = run_length(text + at, len - at);
		buf_append(buf, text + at, run);
		at += run;
		if (at < len)
			escape_byte(buf, (unsigned char)text[at++]);
	}
	buf_putc(buf, '"');
}

/* ── depth ──────────────────────────────────────────────────────────────────────────────────── */

/* The index of the quote that ends the string whose text begins at `at`, or `len`. */
static size_t string_end(const char *text, size_t len, size_t at)
{
	while (at < len && text[at] != '"')
		at += text[at] == '\\' ? 2 : 1;
	return at < len ? at : len;
}

bool jsonw_depth_ok(const char *text, size_t len)
{
	int depth = 0;

	for (size_t at = 0; at < len; at++) {
		switch (text[at]) {
		case '"':
			at = string_end(text, len, at + 1);
			break;
		case '{':
		case '[':
			if (++depth > JSONW_DEPTH_MAX)
				return false;
			break;
		case '}':
		case ']':
			if (depth > 0) /* a surplus one is the parser's to refuse */
				depth--;
			break;
		default:
			break;
		}
	}
	return true;
}
