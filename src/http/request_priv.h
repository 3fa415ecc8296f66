/* request_priv: the request as the files of http/ see it. */
#ifndef PARTYSTUDY_HTTP_REQUEST_PRIV_H
#define PARTYSTUDY_HTTP_REQUEST_PRIV_H

#include "service/op.h"

#include <kore/kore.h>
#include <kore/http.h>

struct request {
	struct op op; /* first: op->answered casts back */
	struct http_request *http;
	char request_id[65];
	uint64_t started_us;
	unsigned allowed; /* bit set of enum method for Allow */
	bool ready;       /* the reply is complete */
	bool sent;
};

#endif
