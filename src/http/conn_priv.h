/*
 * conn_priv: what the parts of conn share. conn.c holds the life of a connection and the API,
 * conn_read.c feeds Kore's parser, conn_io.c moves bytes.
 */
#ifndef PARTYSTUDY_HTTP_CONN_PRIV_H
#define PARTYSTUDY_HTTP_CONN_PRIV_H

#include "core/problem.h"
#include "http/conn.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 *              ┌──────────────── reply sent, connection kept ◄──────────────┐
 *              ▼                                                            │
 * accepted → HEAD ─ head passed ─► BODY ─ all of it ─► BUSY ─ conn_reply ─► SENDING
 *              │  └─ without a body ────────────────────▲  └─ with close ──► LINGER → gone
 *              └─ refused, or too slow (BODY as well) ──────────────────────►
 */
enum conn_phase {
	CONN_HEAD,    /* waiting for a head or reading one */
	CONN_BODY,    /* the body goes to Kore as it comes */
	CONN_BUSY,    /* a request is being worked on; nothing is read */
	CONN_SENDING, /* the reply is on its way; nothing is read until it has gone */
	CONN_LINGER   /* the last bytes are on their way; what comes in is thrown away */
};

/* Hangs on c->hdlr_extra, which Kore frees; what hangs below it goes in c->disconnect. */
struct conn {
	enum conn_phase phase;
	bool ops;
	bool fresh;            /* no message has ended on it yet */
	bool started;          /* bytes of the present head have come */
	bool close;            /* what the present request's head says */
	bool read_wants_write; /* TLS: a read waits for the socket to be writable */
	bool write_wants_read;
	bool shut;    /* LINGER: our side has been closed */
	bool chinese; /* the present request's language and id, for a refusal of its body */
	char request_id[65];
	uint64_t since;    /* when the present phase began, on kore_time_ms */
	uint64_t progress; /* when bytes last moved: sent, or thrown away in LINGER */
	size_t body_left;  /* BODY: bytes that Kore has not had yet */
	size_t discarded;  /* LINGER */
	size_t scanned;    /* of `kept`, by the guard */
	uint8_t *kept;     /* read and not consumed: part of a head, or pipelined requests */
	size_t kept_len;
	size_t kept_cap;
};

static inline struct conn *conn_of(const struct connection *c)
{
	return c->hdlr_extra;
}

/* ── conn.c ─────────────────────────────────────────────────────────────────────────────────── */

void conn_enter(struct conn *conn, enum conn_phase phase);
/* Answers what never became a request, and lingers. */
void conn_refuse(struct connection *c, enum problem problem);
/* Takes the connection on to where its phase leads; after anything that may have changed it. */
void conn_settle(struct connection *c);

/* ── conn_read.c ────────────────────────────────────────────────────────────────────────────── */

/* c->read: at most one message's bytes, into c->rnb. */
int conn_read(struct connection *c, size_t *bytes);

/* ── conn_io.c ──────────────────────────────────────────────────────────────────────────────── */

enum io_result { IO_OK, IO_AGAIN, IO_EOF, IO_ERROR };

enum io_result conn_io_read(struct connection *c, void *bytes, size_t len, size_t *got);
/* c->write */
int conn_io_write(struct connection *c, size_t len, size_t *written);
/* Throws away what has come in; IO_AGAIN when there is nothing more for now. */
enum io_result conn_io_discard(struct connection *c, size_t *count);
/* Closes our side: the client reads all that was sent, then the end. */
void conn_io_shut(struct connection *c);

/* Keeps bytes for later; false when memory is short. */
bool conn_keep(struct conn *conn, const void *bytes, size_t len);
/* Forgets the first `len` kept bytes. */
void conn_unkeep(struct conn *conn, size_t len);

#endif
