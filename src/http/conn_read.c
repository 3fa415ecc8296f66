/*
 * conn_read: what Kore's parser gets to see. conn_read stands in for Kore's own read: it fills
 * c->rnb with one rewritten head (and as much of its body as fits), then with exactly the rest of
 * the body, and then reads nothing until the reply has gone.
 *
 * Kore calls it again and again while KORE_EVENT_READ is set, and calls its parser after each call
 * that leaves it set: so it is cleared whenever there is nothing to hand over, and never when there
 * is. What Kore would answer by itself, with an empty body, is refused here before it sees it.
 */
#include "http/conn_priv.h"

#include "core/conf.h"
#include "http/guard.h"
#include "http/router.h"

#include <string.h>

#define SCRATCH_SIZE 65536
#define APPEND_MAX   16384 /* read at once behind a head that is not complete: bounds `kept` */

static const char please_continue[] = "HTTP/1.1 100 Continue\r\n\r\n";

/* One of each per worker: nothing in them outlives a call. */
static uint8_t scratch[SCRATCH_SIZE];
static struct guard_result verdict;

static int read_nothing(struct connection *c)
{
	c->evt.flags &= ~KORE_EVENT_READ;
	return KORE_RESULT_OK;
}

/* Not an error to Kore: http_start_recv would not hear of it. */
static int read_no_more(struct connection *c)
{
	kore_connection_disconnect(c);
	return read_nothing(c);
}

static int read_refuse(struct connection *c, enum problem problem)
{
	struct conn *conn = conn_of(c);
	conn->chinese = verdict.chinese;
	memcpy(conn->request_id, verdict.request_id, sizeof conn->request_id);
	conn_refuse(c, problem);
	return read_nothing(c);
}

/* Whether the rewritten head asks for an operation with x-large-body; only POSTs have it. */
static bool is_large(const struct guard_result *result)
{
	static const char post[] = "POST ";
	const size_t skip = sizeof post - 1;
	struct route_match match;
	if (result->head_len <= skip || memcmp(result->head, post, skip) != 0)
		return false;
	const char *path = result->head + skip;
	router_find(METHOD_POST, path, strcspn(path, "? "), &match);
	return match.operation != NULL && match.operation->large_body;
}

static size_t body_limit(void)
{
	const struct conf *c = conf();
	return (size_t)(c->batch_body_max > c->body_max ? c->batch_body_max : c->body_max);
}

/* What the guard cannot know. */
static enum problem check_passed(const struct guard_result *result)
{
	const struct conf *c = conf();
	size_t limit = (size_t)(is_large(result) ? c->batch_body_max : c->body_max);
	if (result->content_length > limit)
		return PROBLEM_body_too_large;
	if (http_request_count >= http_request_limit)
		return PROBLEM_overloaded;
	return PROBLEM_NONE;
}

static void begin_message(struct conn *conn)
{
	if (conn->started)
		return;
	conn->started = true;
	/* The first head is due within the limit from the accept on: a handshake buys no more time.
	 */
	if (!conn->fresh)
		conn->since = kore_time_ms();
}

/* False when Kore could not send it: the connection is gone. */
static bool send_continue(struct connection *c)
{
	net_send_queue(c, please_continue, sizeof please_continue - 1);
	return net_send_flush(c) == KORE_RESULT_OK;
}

/*
 * A head has passed: gives it to Kore with what is there of its body, keeps what comes after. `at`
 * and `len` are the message's bytes, in the scratch buffer or among the kept ones.
 */
static int hand_over(struct connection *c, struct conn *conn, const uint8_t *at, size_t len,
		     size_t *bytes)
{
	enum problem problem = check_passed(&verdict);
	if (problem != PROBLEM_NONE)
		return read_refuse(c, problem);

	size_t rest = len - verdict.consumed;
	size_t body = rest < verdict.content_length ? rest : verdict.content_length;
	size_t room = c->rnb->b_len - verdict.head_len;
	if (body > room)
		body = room;
	size_t used = verdict.consumed + body;
	memcpy(c->rnb->buf, verdict.head, verdict.head_len);
	memcpy(c->rnb->buf + verdict.head_len, at + verdict.consumed, body);
	if (at == conn->kept)
		conn_unkeep(conn, used);
	else if (!conn_keep(conn, at + used, len - used))
		return read_no_more(c);

	conn->scanned = 0;
	conn->fresh = false;
	conn->close = verdict.close;
	conn->chinese = verdict.chinese;
	memcpy(conn->request_id, verdict.request_id, sizeof conn->request_id);
	conn->body_left = verdict.content_length - body;
	conn_enter(conn, conn->body_left > 0 ? CONN_BODY : CONN_BUSY);
	if (verdict.expects_continue && rest == 0 && !send_continue(c))
		return read_no_more(c);
	*bytes = verdict.head_len + body;
	return KORE_RESULT_OK;
}

/* Reads from the socket: behind the kept bytes when there are any, else into the scratch buffer. */
static enum io_result read_more(struct connection *c, struct conn *conn, const uint8_t **at,
				size_t *len)
{
	size_t got;
	size_t most = conn->kept_len > 0 ? APPEND_MAX : SCRATCH_SIZE;
	enum io_result result = conn_io_read(c, scratch, most, &got);
	if (result != IO_OK)
		return result;
	*at = scratch;
	*len = got;
	if (conn->kept_len == 0)
		return IO_OK;
	if (!conn_keep(conn, scratch, got))
		return IO_ERROR;
	*at = conn->kept;
	*len = conn->kept_len;
	return IO_OK;
}

static int read_head(struct connection *c, struct conn *conn, size_t *bytes)
{
	for (;;) {
		const uint8_t *at = conn->kept;
		size_t len = conn->kept_len;
		if (conn->kept_len == conn->scanned) { /* what was kept has been looked at */
			enum io_result result = read_more(c, conn, &at, &len);
			if (result != IO_OK)
				return result == IO_AGAIN ? read_nothing(c) : read_no_more(c);
		}
		begin_message(conn);
		guard_inspect(at, len, conn->scanned, body_limit(), &verdict);
		if (verdict.verdict == GUARD_REFUSE)
			return read_refuse(c, verdict.problem);
		if (verdict.verdict == GUARD_PASS)
			return hand_over(c, conn, at, len, bytes);
		if (at == scratch && !conn_keep(conn, at, len))
			return read_no_more(c);
		conn->scanned = len;
	}
}

static int read_body(struct connection *c, struct conn *conn, size_t *bytes)
{
	uint8_t *to = c->rnb->buf + c->rnb->s_off;
	size_t room = c->rnb->b_len - c->rnb->s_off;
	if (room > conn->body_left)
		room = conn->body_left;
	if (conn->kept_len > 0) {
		*bytes = conn->kept_len < room ? conn->kept_len : room;
		memcpy(to, conn->kept, *bytes);
		conn_unkeep(conn, *bytes);
	} else {
		enum io_result result = conn_io_read(c, to, room, bytes);
		if (result != IO_OK)
			return result == IO_AGAIN ? read_nothing(c) : read_no_more(c);
	}
	conn->body_left -= *bytes;
	if (conn->body_left == 0)
		conn_enter(conn, CONN_BUSY);
	return KORE_RESULT_OK;
}

int conn_read(struct connection *c, size_t *bytes)
{
	struct conn *conn = conn_of(c);
	*bytes = 0;
	switch (conn->phase) {
	case CONN_HEAD:
		return read_head(c, conn, bytes);
	case CONN_BODY:
		return read_body(c, conn, bytes);
	default:
		return read_nothing(c);
	}
}
