/* router: from a method and a path to an operation: a trie over path segments, built at start. */
#ifndef PARTYSTUDY_HTTP_ROUTER_H
#define PARTYSTUDY_HTTP_ROUTER_H

#include "service/operation.h"

#include <stddef.h>

#define ROUTE_PARAMS_MAX 4

struct route_match {
	const struct operation *operation; /* NULL: see allowed */
	unsigned allowed; /* bit set of enum method that the path has; 0: no such path */
	struct {
		const char *text;
		size_t len;
	} params[ROUTE_PARAMS_MAX]; /* raw, in template order */
	int nparams;
};

/* Builds the trie from operations[]. 0, or -1 when two templates clash or memory is short. */
int router_init(void);

/* `path` is as sent, without the query. A literal segment wins over a parameter. */
void router_find(enum method method, const char *path, size_t len, struct route_match *out);

#endif
