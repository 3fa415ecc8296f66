/*
 * metrics: counters of every worker in memory that all share, so that any worker can answer for
 * the whole server. Each worker writes only its own slot; readers add them up.
 */
#ifndef PARTYSTUDY_HTTP_METRICS_H
#define PARTYSTUDY_HTTP_METRICS_H

#include "core/buf.h"

#include <stdint.h>

/* Makes the shared memory; in the parent. 0 or -1. */
int metrics_init(void);
void metrics_worker_start(void);
/* Once a second: gauges that are sampled rather than counted. */
void metrics_worker_tick(int requests_pending);

void metrics_request(int status, uint64_t us);
void metrics_client_gone(void);

/* Prometheus text format 0.0.4. */
void metrics_write(struct buf *out);

#endif
