/*
 * conn: a client's connection on Kore's loop, between the socket and Kore's HTTP parser.
 *
 * It reads from the socket (in clear or through TLS), lets the guard judge each message's head, and
 * hands to Kore's parser exactly one message at a time: a head rewritten to the few headers that
 * anything here reads (so that Kore's limit of 25 lines, its `Host` prefix match and its way with
 * bare CR and LF never matter), then exactly Content-Length bytes of body. What comes after it (a
 * pipelined request) waits until the reply has been queued. What the guard refuses is answered here
 * in problem+json; the connection then stops reading requests, drains for a moment so that the
 * client can read the answer, and closes. Time limits on heads and bodies are kept here as well,
 * since Kore's answer to them has no body.
 */
#ifndef PARTYSTUDY_HTTP_CONN_H
#define PARTYSTUDY_HTTP_CONN_H

#include <kore/kore.h>
#include <kore/http.h>

#include <stdbool.h>
#include <stddef.h>

/* Called by Kore for each new connection of the servers "http", "https" and "ops". */
void conn_accept_http(struct connection *c);
void conn_accept_https(struct connection *c);
void conn_accept_ops(struct connection *c);

/* True for a connection to the ops port. */
bool conn_is_ops(const struct connection *c);

/*
 * Queues a whole reply (head and body, copied) for the request that `req` is, flushes what the
 * socket takes and gets ready for the next request; with `close`, closes when all is sent (the head
 * must then say connection: close). Does nothing when the client has gone (req->owner is NULL).
 * The Kore handler returns KORE_RESULT_OK after it.
 */
void conn_reply(struct http_request *req, const void *head, size_t head_len, const void *body,
                size_t body_len, bool close);

/* True when the reply must carry connection: close (the client asked, HTTP/1.0, or we drain). */
bool conn_must_close(const struct http_request *req);

/* The peer's address as text. */
void conn_peer(const struct connection *c, char *out, size_t size);

/* The client's address as text: the peer, or what a trusted proxy says in X-Forwarded-For. */
void conn_address(const struct http_request *req, char *out, size_t size);

/* Starts the time limits' timer; once per worker. */
void conn_start(void);

/* Closes idle connections and lets the busy ones close after their reply. */
void conn_drain(void);

/* Connections that are busy with a request. */
int conn_busy(void);

#endif
