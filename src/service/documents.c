/* documents: the specification and its rendering, as the build has embedded them. */
#include "docs_gen.h"
#include "openapi_gen.h"
#include "service/handlers.h"

#include <stdio.h>

void openapi_get(struct op *op)
{
	buf_append(&op->reply.body, openapi_json, openapi_json_len);
	(void)snprintf(op->reply.etag, sizeof(op->reply.etag), "%s", openapi_json_etag);
	op->reply.cache_control = "public, max-age=300";
	op_answer(op, 200);
}

void docs_get(struct op *op)
{
	buf_append(&op->reply.body, docs_html, docs_html_len);
	(void)snprintf(op->reply.etag, sizeof(op->reply.etag), "%s", docs_html_etag);
	op->reply.content_type = "text/html; charset=utf-8";
	op->reply.cache_control = "public, max-age=300";
	op_answer(op, 200);
}
