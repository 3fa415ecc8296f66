/*
 * router: the one route tree of the process, over the generated table. Entry points: router.h.
 * HEAD is the caller's business (it asks for GET); so are 404 and 405.
 */
#include "http/router.h"

#include "http/route_tree.h"

#include <string.h>

static struct route_tree *tree;

int router_init(void)
{
	if (tree == NULL)
		tree = route_tree_new(operations, operation_count);
	return tree != NULL ? 0 : -1;
}

void router_find(enum method method, const char *path, size_t len, struct route_match *out)
{
	route_tree_find(tree, method, path, len, out);
}
