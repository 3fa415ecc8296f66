/*
 * request: the life of one request between Kore and the service layer: router, auth gate,
 * validator, handler, reply. One per http_request, in its own arena.
 */
#ifndef PARTYSTUDY_HTTP_REQUEST_H
#define PARTYSTUDY_HTTP_REQUEST_H

#include <kore/kore.h>
#include <kore/http.h>

/* Builds the router's and the validator's tables; in the parent. 0 or -1. */
int request_init(void);

/* Once per worker. */
void request_worker_start(void);

/* Once a second per worker. */
void request_worker_tick(void);

/* The one route: Kore calls it for a new request and again after each wake-up. */
int request_entry(struct http_request *req);

#endif
