/*
 * uuid: making and checking identifiers (RFC 9562). Entry points in uuid.h.
 *
 * Random bytes come from the kernel a pool at a time, as a system call for each id would cost more
 * than the rest. The pool belongs to one process: after a fork the child must not hand out what its
 * parent and siblings hand out, so a fork empties its pool. For the event loop's thread
 * only.
 */
#include "core/uuid.h"
#include "core/clock.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define UUID_BYTES  16
#define POOL_BYTES  2560
#define RANDOM_PART 10 /* 80 bits, of which version and variant take 6 */

static struct {
	unsigned char bytes[POOL_BYTES];
	size_t left;
	bool watched; /* pool_forget has been registered */
} pool;

static void pool_forget(void)
{
	pool.left = 0;
}

/* Without random bytes no id can be made that is safe to use: better to stop than to repeat one. */
static void pool_fill(void)
{
	size_t have = 0;

	if (!pool.watched)
		pool.watched = pthread_atfork(NULL, NULL, pool_forget) == 0;
	if (!pool.watched)
		abort();
	while (have < POOL_BYTES) {
		ssize_t got = getrandom(pool.bytes + have, POOL_BYTES - have, 0);
		if (got < 0 && errno != EINTR)
			abort();
		if (got > 0)
			have += (size_t)got;
	}
	pool.left = POOL_BYTES;
}

static void pool_take(unsigned char *out, size_t size)
{
	if (pool.left < size)
		pool_fill();
	pool.left -= size;
	memcpy(out, pool.bytes + pool.left, size);
}

static bool hyphen_before(size_t byte)
{
	return byte == 4 || byte == 6 || byte == 8 || byte == 10;
}

/* Sets version and variant, and writes the text. */
static void finish(char out[UUID_TEXT], unsigned char bytes[UUID_BYTES], unsigned version)
{
	static const char hex[] = "0123456789abcdef";
	char *to = out;

	bytes[6] = (unsigned char)(version << 4 | (bytes[6] & 0x0F));
	bytes[8] = (unsigned char)(0x80 | (bytes[8] & 0x3F));
	for (size_t i = 0; i < UUID_BYTES; i++) {
		if (hyphen_before(i))
			*to++ = '-';
		*to++ = hex[bytes[i] >> 4];
		*to++ = hex[bytes[i] & 15];
	}
	*to = '\0';
}

void uuid_v7(char out[UUID_TEXT])
{
	unsigned char bytes[UUID_BYTES];
	uint64_t now = (uint64_t)clock_unix_ms();

	for (size_t i = 0; i < 6; i++)
		bytes[i] = (unsigned char)(now >> (40 - 8 * i));
	pool_take(bytes + 6, RANDOM_PART);
	finish(out, bytes, 7);
}

void uuid_v8(char out[UUID_TEXT], const uint8_t hash[16])
{
	unsigned char bytes[UUID_BYTES];

	memcpy(bytes, hash, sizeof bytes);
	finish(out, bytes, 8);
}

/* Not isxdigit: that one asks the locale. */
static bool is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

bool uuid_valid(const char *text, size_t len)
{
	if (len != UUID_TEXT - 1)
		return false;
	for (size_t i = 0; i < len; i++) {
		bool hyphen = i == 8 || i == 13 || i == 18 || i == 23;
		if (hyphen ? text[i] != '-' : !is_hex(text[i]))
			return false;
	}
	return true;
}
