/*
 * conn: the life of a client's connection (conn.h; conn_priv.h has the picture of its phases).
 *
 * Kore's connection stays Kore's: it is accepted, put into epoll, flushed and freed there. We stand
 * in for its event handler, its read and its write, switch off its two timers and keep the time
 * limits ourselves. Whatever changes a connection's phase outside of conn_enter is a mistake; after
 * whatever may have changed it conn_settle is called, once, by the outermost caller.
 */
#include "http/conn_priv.h"

#include "core/conf.h"
#include "core/log.h"
#include "core/mem.h"
#include "http/access_log.h"
#include "http/listen.h"
#include "http/reply.h"
#include "http/tls.h"

#include <poll.h>
#include <stdint.h>

#define LIMITS_EVERY_MS 250
#define LINGER_IDLE_MS  2000        /* without a byte from the client */
#define LINGER_MS       10000       /* altogether */
#define LINGER_BYTES    (16u << 20) /* what a client may go on sending after a refusal */
#define SENDING_MS      600000      /* for a whole reply, however the client trickles */

static bool draining;
static bool kicked;

static void on_event(void *arg, int error);

static bool is_ours(const struct connection *c)
{
	return c->evt.handle == on_event;
}

void conn_enter(struct conn *conn, enum conn_phase phase)
{
	conn->phase = phase;
	conn->since = conn->progress = kore_time_ms();
	if (phase == CONN_HEAD) {
		conn->started = false;
		conn->close = false;
		conn->chinese = true;
		conn->request_id[0] = '\0';
	}
}

/* ── a new connection, and its end ──────────────────────────────────────────────────────────── */

static void on_disconnect(struct connection *c)
{
	struct conn *conn = conn_of(c);
	mem_free(conn->kept);
	conn->kept = NULL;
	conn->kept_len = conn->kept_cap = 0;
}

static struct conn *adopt(struct connection *c)
{
	struct conn *conn = kore_calloc(1, sizeof *conn);
	conn->fresh = true;
	conn_enter(conn, CONN_HEAD);
	c->hdlr_extra = conn;
	c->proto = CONN_PROTO_HTTP;
	c->state = CONN_STATE_ESTABLISHED;
	c->read = conn_read;
	c->write = conn_io_write;
	c->disconnect = on_disconnect;
	c->evt.handle = on_event;
	c->evt.flags = 0; /* Kore's pool hands out the last owner's */
	c->http_timeout = 0;
	c->idle_timer.length = UINT64_MAX;
	net_recv_queue(c, http_header_max, NETBUF_CALL_CB_ALWAYS, http_header_recv);
	listen_balance();
	return conn;
}

void conn_accept_http(struct connection *c)
{
	(void)adopt(c);
}

void conn_accept_https(struct connection *c)
{
	(void)adopt(c);
	c->ssl = tls_session(c->fd);
	if (c->ssl == NULL)
		kore_connection_disconnect(c);
}

void conn_accept_ops(struct connection *c)
{
	adopt(c)->ops = true;
}

bool conn_is_ops(const struct connection *c)
{
	return is_ours(c) && conn_of(c)->ops;
}

/* ── from phase to phase ────────────────────────────────────────────────────────────────────── */

static void on_kick(void *arg, uint64_t now)
{
	(void)arg;
	(void)now;
	kicked = false;
}

/*
 * A request that comes out of the kept bytes is put at the head of Kore's list, which Kore may have
 * passed already in this turn: a timer that is due at once keeps the loop from sleeping over it.
 */
static void kick(void)
{
	if (kicked)
		return;
	kicked = true;
	(void)kore_timer_add(on_kick, 0, NULL, KORE_TIMER_ONESHOT);
}

/* The reply has gone: the next message. Reads at once, since no event may come for what is there.
 */
static void next_message(struct connection *c, struct conn *conn)
{
	conn_enter(conn, CONN_HEAD);
	conn->scanned = 0;
	c->evt.flags |= KORE_EVENT_READ;
	http_start_recv(c);
	if (conn->phase == CONN_BUSY)
		kick();
}

static void linger(struct connection *c, struct conn *conn)
{
	size_t count;
	enum io_result result;
	if (!TAILQ_EMPTY(&c->send_queue))
		return;
	if (!conn->shut) {
		conn_io_shut(c);
		conn->shut = true;
		conn->since = conn->progress = kore_time_ms();
	}
	while ((result = conn_io_discard(c, &count)) == IO_OK) {
		conn->progress = kore_time_ms();
		conn->discarded += count;
		if (conn->discarded > LINGER_BYTES)
			break;
	}
	if (result != IO_AGAIN)
		kore_connection_disconnect(c);
}

void conn_settle(struct connection *c)
{
	struct conn *conn = conn_of(c);
	if (c->state == CONN_STATE_DISCONNECTING)
		return;
	if (conn->phase == CONN_SENDING && TAILQ_EMPTY(&c->send_queue)) {
		if (draining && conn->kept_len == 0)
			conn_enter(conn, CONN_LINGER);
		else
			next_message(c, conn);
	}
	c->http_timeout = 0; /* Kore sets it with every head */
	if (c->state != CONN_STATE_DISCONNECTING && conn->phase == CONN_LINGER)
		linger(c, conn);
}

void conn_refuse(struct connection *c, enum problem problem)
{
	struct conn *conn = conn_of(c);
	struct buf out;
	buf_init(&out, 512);
	if (conn->request_id[0] == '\0')
		uuid_v7(conn->request_id);
	reply_refusal(&out, problem, conn->chinese ? LANGUAGE_ZH : LANGUAGE_EN, conn->request_id,
		      c->ssl != NULL);
	if (!out.failed)
		net_send_queue(c, out.data, out.len);
	access_log_refusal(c, problem, conn->request_id, out.len);
	buf_free(&out);
	conn_enter(conn, CONN_LINGER);
	if (!net_send_flush(c))
		kore_connection_disconnect(c);
}

/* ── events ─────────────────────────────────────────────────────────────────────────────────── */

/*
 * epoll has seen an error or an end (Kore asks for EPOLLRDHUP). A client that has only stopped
 * sending still gets its reply; where we are reading anyway, the read tells which it is.
 */
static bool is_alive(struct connection *c, struct conn *conn)
{
	struct pollfd fd = {.fd = c->fd};
	if (conn->phase == CONN_HEAD || conn->phase == CONN_BODY) {
		c->evt.flags |= KORE_EVENT_READ;
		return true;
	}
	if (poll(&fd, 1, 0) == -1 || (fd.revents & POLLERR) != 0)
		return false;
	/* Both ends closed. In LINGER that is how it should end: what is unread goes first. */
	return (fd.revents & POLLHUP) == 0 || conn->phase == CONN_LINGER;
}

static void on_event(void *arg, int error)
{
	struct connection *c = arg;
	struct conn *conn = conn_of(c);
	if (c->state == CONN_STATE_DISCONNECTING)
		return;
	if (error != 0 && !is_alive(c, conn)) {
		kore_connection_disconnect(c);
		return;
	}
	if (conn->read_wants_write && (c->evt.flags & KORE_EVENT_WRITE) != 0)
		c->evt.flags |= KORE_EVENT_READ;
	if (conn->write_wants_read && (c->evt.flags & KORE_EVENT_READ) != 0)
		c->evt.flags |= KORE_EVENT_WRITE;
	if (!kore_connection_handle(c))
		kore_connection_disconnect(c);
	conn_settle(c);
}

/* ── replies ────────────────────────────────────────────────────────────────────────────────── */

bool conn_must_close(const struct http_request *req)
{
	if (req->owner == NULL)
		return true;
	const struct conn *conn = conn_of(req->owner);
	return draining || conn->close;
}

void conn_reply(struct http_request *req, const void *head, size_t head_len, const void *body,
		size_t body_len, bool close)
{
	struct connection *c = req->owner;
	if (c == NULL || c->state == CONN_STATE_DISCONNECTING)
		return;
	struct conn *conn = conn_of(c);
	if (conn->phase != CONN_BUSY) { /* refused for a limit of time, or answered twice */
		log_error("a reply for a connection that waits for none");
		return;
	}
	net_send_queue(c, head, head_len);
	if (body_len > 0)
		net_send_queue(c, body, body_len);
	conn_enter(conn, close ? CONN_LINGER : CONN_SENDING);
	if (!net_send_flush(c))
		kore_connection_disconnect(c);
	conn_settle(c);
}

/* ── limits of time ─────────────────────────────────────────────────────────────────────────── */

static uint64_t seconds(int s)
{
	return (uint64_t)s * 1000;
}

/* Nothing has come: there is no one to tell, it closes quietly. */
static void limit_head(struct connection *c, const struct conn *conn, uint64_t waited)
{
	bool counted = conn->started || conn->fresh;
	if (waited < seconds(counted ? conf()->header_timeout_s : conf()->keepalive_s))
		return;
	if (conn->started && (c->ssl == NULL || tls_established(c->ssl)))
		conn_refuse(c, PROBLEM_request_timeout);
	else
		kore_connection_disconnect(c);
}

static bool sends_too_slowly(const struct conn *conn, uint64_t now)
{
	return now - conn->progress >= seconds(conf()->keepalive_s) ||
	       now - conn->since >= SENDING_MS;
}

static bool lingers_too_long(const struct connection *c, const struct conn *conn, uint64_t now)
{
	if (!TAILQ_EMPTY(&c->send_queue))
		return sends_too_slowly(conn, now);
	return now - conn->progress >= LINGER_IDLE_MS || now - conn->since >= LINGER_MS;
}

static void limit(struct connection *c, struct conn *conn, uint64_t now)
{
	switch (conn->phase) {
	case CONN_HEAD:
		limit_head(c, conn, now - conn->since);
		break;
	case CONN_BODY:
		if (now - conn->since >= seconds(conf()->body_timeout_s))
			conn_refuse(c, PROBLEM_request_timeout);
		break;
	case CONN_BUSY: /* the request has a deadline of its own */
		break;
	case CONN_SENDING:
		if (sends_too_slowly(conn, now))
			kore_connection_disconnect(c);
		break;
	case CONN_LINGER:
		if (lingers_too_long(c, conn, now))
			kore_connection_disconnect(c);
		break;
	}
	conn_settle(c);
}

static void on_limits(void *arg, uint64_t now)
{
	struct connection *c, *next;
	(void)arg;
	for (c = TAILQ_FIRST(&connections); c != NULL; c = next) {
		next = TAILQ_NEXT(c, list);
		/* An event of this turn may be later than the loop's `now`. */
		if (is_ours(c) && conn_of(c)->since <= now && conn_of(c)->progress <= now)
			limit(c, conn_of(c), now);
	}
	listen_balance();
}

void conn_start(void)
{
	(void)kore_timer_add(on_limits, LIMITS_EVERY_MS, NULL, 0);
}

/* ── the end ────────────────────────────────────────────────────────────────────────────────── */

static bool is_idle(const struct conn *conn)
{
	return conn->phase == CONN_HEAD && !conn->started;
}

void conn_drain(void)
{
	struct connection *c, *next;
	draining = true;
	for (c = TAILQ_FIRST(&connections); c != NULL; c = next) {
		next = TAILQ_NEXT(c, list);
		if (!is_ours(c) || !is_idle(conn_of(c)))
			continue;
		/* A request may lie in the socket already: its client counts on an answer. */
		c->evt.flags |= KORE_EVENT_READ;
		if (!net_recv_flush(c))
			kore_connection_disconnect(c);
		conn_settle(c);
		if (c->state != CONN_STATE_DISCONNECTING && is_idle(conn_of(c)))
			kore_connection_disconnect(c);
	}
}

int conn_busy(void)
{
	const struct connection *c;
	int busy = 0;
	TAILQ_FOREACH(c, &connections, list)
	{
		if (!is_ours(c))
			continue;
		bool waits = is_idle(conn_of(c)) || conn_of(c)->phase == CONN_LINGER;
		if (!waits || !TAILQ_EMPTY(&c->send_queue))
			busy++;
	}
	return busy;
}
