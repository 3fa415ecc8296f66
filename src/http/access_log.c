/*
 * access_log: what was asked and how it went. The path is the operation's template and there is no
 * query, since both may carry what is personal; who asked is the member's id.
 */
#include "http/access_log.h"

#include "core/clock.h"
#include "core/conf.h"
#include "core/jsonw.h"
#include "core/log.h"
#include "http/conn.h"
#include "http/metrics.h"

#include <inttypes.h>

static struct buf kept; /* kept: one allocation per worker */

static void begin(struct jsonw *w, const char *request_id)
{
	char now[CLOCK_TEXT];

	clock_format(now, clock_unix_ms());
	buf_reset(&kept);
	jsonw_init(w, &kept);
	jsonw_object_open(w);
	jsonw_key(w, "time");
	jsonw_text(w, now);
	jsonw_key(w, "worker");
	jsonw_int(w, worker->id);
	jsonw_key(w, "request_id");
	jsonw_text(w, request_id);
}

static void end(struct jsonw *w)
{
	jsonw_object_close(w);
	if (!kept.failed)
		log_line(kept.data, kept.len);
}

static void line(const struct request *rq, uint64_t us, size_t bytes)
{
	const struct op *op = &rq->op;
	const char *trace = NULL;
	struct jsonw w;

	begin(&w, rq->request_id);
	jsonw_key(&w, "method");
	jsonw_text(&w, http_method_text(rq->http->method));
	jsonw_key(&w, "path");
	jsonw_text(&w, op->operation != NULL ? op->operation->path : NULL);
	jsonw_key(&w, "operation");
	jsonw_text(&w, op->operation != NULL ? op->operation->id : NULL);
	jsonw_key(&w, "status");
	jsonw_int(&w, op->reply.status);
	if (op->reply.problem != PROBLEM_NONE) {
		jsonw_key(&w, "code");
		jsonw_text(&w, problem_info(op->reply.problem)->code);
	}
	jsonw_key(&w, "us");
	jsonw_int(&w, (int64_t)us);
	jsonw_key(&w, "bytes");
	jsonw_int(&w, (int64_t)bytes);
	jsonw_key(&w, "subject");
	jsonw_text(&w, op->caller.subject[0] != '\0' ? op->caller.subject : NULL);
	jsonw_key(&w, "address");
	jsonw_text(&w, op->caller.address);
	if (http_request_header(rq->http, "traceparent", &trace) == KORE_RESULT_OK) {
		jsonw_key(&w, "traceparent");
		jsonw_text(&w, trace);
	}
	end(&w);
}

void access_log(struct request *rq, size_t bytes)
{
	uint64_t us = clock_monotonic_us() - rq->started_us;

	metrics_request(rq->op.reply.status, us);
	if (!conn_is_ops(rq->http->owner))
		line(rq, us, bytes);
}

void access_log_refusal(const struct connection *c, enum problem problem, const char *request_id,
			size_t bytes)
{
	const struct problem_info *info = problem_info(problem);
	char address[46];
	struct jsonw w;

	metrics_request(info->status, 0);
	conn_peer(c, address, sizeof(address));
	begin(&w, request_id);
	jsonw_key(&w, "status");
	jsonw_int(&w, info->status);
	jsonw_key(&w, "code");
	jsonw_text(&w, info->code);
	jsonw_key(&w, "bytes");
	jsonw_int(&w, (int64_t)bytes);
	jsonw_key(&w, "address");
	jsonw_text(&w, address);
	end(&w);
}
