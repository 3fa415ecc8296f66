/* ops: /livez, /readyz and /metrics, on the loopback port only. */
#ifndef PARTYSTUDY_HTTP_OPS_H
#define PARTYSTUDY_HTTP_OPS_H

#include "http/request_priv.h"

void ops_serve(struct request *rq);

#endif
