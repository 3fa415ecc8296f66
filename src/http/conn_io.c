/*
 * conn_io: bytes between a connection's socket (in clear or through TLS) and memory, and the small
 * buffer of bytes that were read and could not be used yet.
 *
 * The sockets are edge-triggered: a function here goes on until the kernel has said EAGAIN, or
 * leaves Kore's event flag standing so that it is called again. With TLS a read may have to wait
 * for the socket to be writable and the other way round; the conn remembers which.
 */
#include "http/conn_priv.h"

#include "core/mem.h"
#include "http/tls.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#define DISCARD_SIZE 65536

static enum io_result tls_read_result(struct conn *conn, enum tls_result result)
{
	conn->read_wants_write = result == TLS_WANT_WRITE;
	switch (result) {
	case TLS_OK:
		return IO_OK;
	case TLS_WANT_READ:
	case TLS_WANT_WRITE:
		return IO_AGAIN;
	case TLS_EOF:
		return IO_EOF;
	default:
		return IO_ERROR;
	}
}

static enum io_result recv_result(ssize_t r)
{
	if (r > 0)
		return IO_OK;
	if (r == 0)
		return IO_EOF;
	return errno == EAGAIN || errno == EWOULDBLOCK ? IO_AGAIN : IO_ERROR;
}

enum io_result conn_io_read(struct connection *c, void *bytes, size_t len, size_t *got)
{
	ssize_t r;
	if (c->ssl != NULL)
		return tls_read_result(conn_of(c), tls_read(c->ssl, bytes, len, got));
	do {
		r = recv(c->fd, bytes, len, 0);
	} while (r == -1 && errno == EINTR);
	*got = r > 0 ? (size_t)r : 0;
	return recv_result(r);
}

static int write_later(struct connection *c)
{
	c->evt.flags &= ~KORE_EVENT_WRITE;
	return KORE_RESULT_OK;
}

static int write_tls(struct connection *c, const void *bytes, size_t len, size_t *written)
{
	enum tls_result result = tls_write(c->ssl, bytes, len, written);
	conn_of(c)->write_wants_read = result == TLS_WANT_READ;
	if (result == TLS_OK)
		return KORE_RESULT_OK;
	if (result == TLS_WANT_READ || result == TLS_WANT_WRITE)
		return write_later(c);
	return KORE_RESULT_ERROR;
}

static int write_clear(struct connection *c, const void *bytes, size_t len, size_t *written)
{
	/* What follows in the queue is sent at once after this: no need for a small packet. */
	int more = TAILQ_NEXT(c->snb, list) != NULL ? MSG_MORE : 0;
	ssize_t r = send(c->fd, bytes, len, MSG_NOSIGNAL | more);
	if (r >= 0)
		*written = (size_t)r;
	else if (errno == EAGAIN || errno == EWOULDBLOCK)
		return write_later(c);
	else if (errno != EINTR)
		return KORE_RESULT_ERROR;
	return KORE_RESULT_OK;
}

/* Kore asks for 8 KiB at a time and uses only the count returned: send all that is left. */
int conn_io_write(struct connection *c, size_t len, size_t *written)
{
	const struct netbuf *nb = c->snb;
	const uint8_t *bytes = nb->buf + nb->s_off;
	(void)len;
	*written = 0;
	int r = c->ssl != NULL ? write_tls(c, bytes, nb->b_len - nb->s_off, written)
			       : write_clear(c, bytes, nb->b_len - nb->s_off, written);
	if (*written > 0)
		conn_of(c)->progress = kore_time_ms();
	return r;
}

/* With MSG_TRUNC the kernel drops the bytes of a TCP stream without copying them. */
enum io_result conn_io_discard(struct connection *c, size_t *count)
{
	static uint8_t nowhere[DISCARD_SIZE];
	ssize_t r;
	do {
		r = recv(c->fd, nowhere, sizeof nowhere, MSG_TRUNC);
	} while (r == -1 && errno == EINTR);
	*count = r > 0 ? (size_t)r : 0;
	return recv_result(r);
}

void conn_io_shut(struct connection *c)
{
	if (c->ssl != NULL)
		tls_goodbye(c->ssl);
	(void)shutdown(c->fd, SHUT_WR);
}

bool conn_keep(struct conn *conn, const void *bytes, size_t len)
{
	if (len == 0)
		return true;
	if (conn->kept_len + len > conn->kept_cap) {
		size_t cap = conn->kept_cap != 0 ? conn->kept_cap : 512;
		while (cap < conn->kept_len + len)
			cap *= 2;
		uint8_t *larger = mem_resize(conn->kept, cap);
		if (larger == NULL)
			return false;
		conn->kept = larger;
		conn->kept_cap = cap;
	}
	memcpy(conn->kept + conn->kept_len, bytes, len);
	conn->kept_len += len;
	return true;
}

void conn_unkeep(struct conn *conn, size_t len)
{
	conn->kept_len -= len;
	if (conn->kept_len > 0) {
		memmove(conn->kept, conn->kept + len, conn->kept_len);
		return;
	}
	mem_free(conn->kept); /* most connections never need it again */
	conn->kept = NULL;
	conn->kept_cap = 0;
}
