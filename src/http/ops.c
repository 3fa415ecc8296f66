/* ops: for operators and their tools; no token, hence the loopback port. */
#include "http/ops.h"

#include "db/db.h"
#include "http/metrics.h"
#include "http/request.h"

#include <string.h>

void ops_serve(struct request *rq)
{
	struct op *op = &rq->op;
	const char *path = rq->http->path;

	op->reply.content_type = "text/plain; version=0.0.4; charset=utf-8";
	op->reply.cache_control = "no-store";
	if (rq->http->method != HTTP_METHOD_GET && rq->http->method != HTTP_METHOD_HEAD) {
		rq->allowed = 1u << METHOD_GET;
		op_fail(op, PROBLEM_method_not_allowed);
	} else if (strcmp(path, "/livez") == 0) {
		buf_puts(&op->reply.body, "ok\n");
		op_answer(op, 200);
	} else if (strcmp(path, "/readyz") == 0) {
		if (!db_ready()) {
			op_fail(op, PROBLEM_database_unavailable);
			return;
		}
		buf_puts(&op->reply.body, "ready\n");
		op_answer(op, 200);
	} else if (strcmp(path, "/metrics") == 0) {
		request_worker_tick();
		metrics_write(&op->reply.body);
		op_answer(op, 200);
	} else {
		op_fail(op, PROBLEM_not_found);
	}
}
