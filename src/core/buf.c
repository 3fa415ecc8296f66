/*
 * buf: a growing byte buffer. Entry points in buf.h.
 *
 * Invariants: data[len] is a NUL once the buffer has been touched; `cap` counts without that NUL,
 * so a writer may fill all of `cap` by itself; cap == 0 means that nothing is allocated and data is
 * NULL (a buffer of zeroes) or the shared empty string, which nobody may write to.
 */
#include "core/buf.h"
#include "core/mem.h"

#include <stdio.h>
#include <string.h>

#define BUF_FIRST 256
#define BUF_MAX   (SIZE_MAX / 4) /* far from any overflow of the sums below */

static char empty[1];

void buf_init(struct buf *buf, size_t cap)
{
	*buf = (struct buf){.data = empty};
	if (cap > 0)
		buf_reserve(buf, cap);
}

void buf_free(struct buf *buf)
{
	if (buf->cap > 0)
		mem_free(buf->data);
	*buf = (struct buf){.data = empty};
}

void buf_reset(struct buf *buf)
{
	buf->len = 0;
	buf->failed = false;
	if (buf->cap > 0)
		buf->data[0] = '\0';
	else
		buf->data = empty;
}

static bool buf_grow(struct buf *buf, size_t need)
{
	size_t cap = buf->cap > 0 ? buf->cap * 2 : BUF_FIRST;
	if (cap < need)
		cap = need;
	char *data = mem_resize(buf->cap > 0 ? buf->data : NULL, cap + 1);
	if (data == NULL) {
		buf->failed = true;
		return false;
	}
	data[buf->len] = '\0';
	buf->data = data;
	buf->cap = cap;
	return true;
}

bool buf_reserve(struct buf *buf, size_t extra)
{
	if (buf->failed)
		return false;
	if (extra <= buf->cap - buf->len && buf->cap > 0)
		return true;
	if (extra > BUF_MAX - buf->len) {
		buf->failed = true;
		return false;
	}
	return buf_grow(buf, buf->len + extra);
}

void buf_append(struct buf *buf, const void *bytes, size_t len)
{
	if (len == 0 || !buf_reserve(buf, len))
		return;
	memcpy(buf->data + buf->len, bytes, len);
	buf->len += len;
	buf->data[buf->len] = '\0';
}

void buf_puts(struct buf *buf, const char *text)
{
	buf_append(buf, text, strlen(text));
}

void buf_putc(struct buf *buf, char c)
{
	if (!buf_reserve(buf, 1))
		return;
	buf->data[buf->len++] = c;
	buf->data[buf->len] = '\0';
}

void buf_printf(struct buf *buf, const char *format, ...)
{
	va_list args;

	if (!buf_reserve(buf, 1))
		return;
	va_start(args, format);
	int len = vsnprintf(buf->data + buf->len, buf->cap - buf->len + 1, format, args);
	va_end(args);
	if (len < 0) {
		buf->data[buf->len] = '\0';
		buf->failed = true;
		return;
	}
	if ((size_t)len > buf->cap - buf->len) { /* cut: once more with room */
		buf->data[buf->len] = '\0';
		if (!buf_reserve(buf, (size_t)len))
			return;
		va_start(args, format);
		vsnprintf(buf->data + buf->len, (size_t)len + 1, format, args);
		va_end(args);
	}
	buf->len += (size_t)len;
}

void buf_int(struct buf *buf, int64_t number)
{
	char digits[20]; /* 19 digits and a sign */
	size_t at = sizeof digits;
	/* Not -number: that overflows for the smallest one. */
	uint64_t rest = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;

	do {
		digits[--at] = (char)('0' + rest % 10);
		rest /= 10;
	} while (rest > 0);
	if (number < 0)
		digits[--at] = '-';
	buf_append(buf, digits + at, sizeof digits - at);
}
