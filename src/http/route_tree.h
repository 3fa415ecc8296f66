/*
 * route_tree: the trie behind the router, over any table of operations, so that a test can bring
 * its own. Only router.c and its test include this.
 *
 * Segments are compared as sent, byte by byte: an escape in a literal segment is another path. A
 * parameter takes one segment that is not empty. A literal wins over a parameter where both lead to
 * an operation; /a/b/c and /a/{x}/d may stand side by side.
 */
#ifndef PARTYSTUDY_HTTP_ROUTE_TREE_H
#define PARTYSTUDY_HTTP_ROUTE_TREE_H

#include "http/router.h"

struct route_tree;

/* NULL when two templates clash, one has too many parameters, or memory is short. */
struct route_tree *route_tree_new(const struct operation *table, int count);
/* NULL is allowed. */
void route_tree_free(struct route_tree *tree);
/* As router_find. */
void route_tree_find(const struct route_tree *tree, enum method method, const char *path,
		     size_t len, struct route_match *out);

#endif
