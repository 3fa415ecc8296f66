/*
 * jsonw: writing JSON text into a buf (RFC 8259), and the checks made before jansson parses.
 *
 * The writer puts commas by itself. Text that is not valid UTF-8 is written with U+FFFD in the
 * place of each bad byte, so that invalid input never makes invalid JSON.
 */
#ifndef PARTYSTUDY_CORE_JSONW_H
#define PARTYSTUDY_CORE_JSONW_H

#include "buf.h"

#define JSONW_DEPTH_MAX 32

struct jsonw {
	struct buf *buf;
	bool comma; /* the next value needs a comma before it */
};

void jsonw_init(struct jsonw *w, struct buf *buf);
void jsonw_object_open(struct jsonw *w);
void jsonw_object_close(struct jsonw *w);
void jsonw_array_open(struct jsonw *w);
void jsonw_array_close(struct jsonw *w);
/* `key` is written with escapes; the value follows by any of the calls below. */
void jsonw_key(struct jsonw *w, const char *key);
void jsonw_string(struct jsonw *w, const char *text, size_t len);
/* NULL writes null. */
void jsonw_text(struct jsonw *w, const char *text);
void jsonw_int(struct jsonw *w, int64_t number);
void jsonw_bool(struct jsonw *w, bool value);
void jsonw_null(struct jsonw *w);
/* Bytes that are known to be one valid JSON value. */
void jsonw_raw(struct jsonw *w, const char *bytes, size_t len);

/* A quoted, escaped JSON string straight into `buf`. */
void jsonw_escape(struct buf *buf, const char *text, size_t len);

/*
 * True when no array or object in `text` is nested deeper than JSONW_DEPTH_MAX. Looks at brackets
 * outside strings only: whether the text is JSON at all is for the parser to say.
 */
bool jsonw_depth_ok(const char *text, size_t len);

#endif
