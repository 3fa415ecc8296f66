/*
 * buf: a growing byte buffer, the place where replies are built.
 *
 * A failed growth sets `failed` and later appends do nothing, so that a writer checks once.
 * The bytes are always followed by a NUL that `len` does not count.
 */
#ifndef PARTYSTUDY_CORE_BUF_H
#define PARTYSTUDY_CORE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
	char *data;
	size_t len;
	size_t cap;
	bool failed;
};

/* An empty buffer with room for `cap` bytes (0: none yet). */
void buf_init(struct buf *buf, size_t cap);
/* Frees the bytes; the buffer is empty and usable afterwards. */
void buf_free(struct buf *buf);
/* Keeps the memory, forgets the bytes and the failure. */
void buf_reset(struct buf *buf);
/* Room for `extra` more bytes; false when memory is short. */
bool buf_reserve(struct buf *buf, size_t extra);
void buf_append(struct buf *buf, const void *bytes, size_t len);
void buf_puts(struct buf *buf, const char *text);
void buf_putc(struct buf *buf, char c);
void buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buf_int(struct buf *buf, int64_t number);

#endif
