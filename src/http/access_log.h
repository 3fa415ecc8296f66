/* access_log: one JSON line per answered request, and its share in the metrics. */
#ifndef PARTYSTUDY_HTTP_ACCESS_LOG_H
#define PARTYSTUDY_HTTP_ACCESS_LOG_H

#include "http/request_priv.h"

#include <stddef.h>

void access_log(struct request *rq, size_t bytes);

/* The same for a message that was refused before it became a request. */
void access_log_refusal(const struct connection *c, enum problem problem, const char *request_id,
			size_t bytes);

#endif
