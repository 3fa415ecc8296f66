/*
 * route_tree: a trie over path segments. Entry points: route_tree.h.
 *
 * Built once from the table and never changed. A node's children are its literal segments in a list
 * (there are few) and at most one parameter. A search follows the literal first and comes back for
 * the parameter, so its cost is bounded by 2^ROUTE_PARAMS_MAX times the depth of the templates.
 */
#include "http/route_tree.h"

#include "core/mem.h"

#include <stdbool.h>
#include <string.h>

struct node {
	const char *segment; /* in the template, not NUL-terminated; unused on a parameter */
	size_t len;
	struct node *next;      /* the parent's next literal child */
	struct node *literals;  /* children */
	struct node *parameter; /* child */
	const struct operation *operations[METHOD_COUNT];
	unsigned methods; /* bit set of those that are there */
};

struct route_tree {
	struct node root;
};

/* ── building ───────────────────────────────────────────────────────────────────────────────── */

static size_t segment_length(const char *path, const char *end)
{
	const char *slash = memchr(path, '/', (size_t)(end - path));

	return (size_t)((slash != NULL ? slash : end) - path);
}

static struct node *find_literal(const struct node *node, const char *segment, size_t len)
{
	struct node *child = node->literals;

	while (child != NULL && (child->len != len || memcmp(child->segment, segment, len) != 0))
		child = child->next;
	return child;
}

static struct node *add_literal(struct node *node, const char *segment, size_t len)
{
	struct node *child = find_literal(node, segment, len);

	if (child != NULL)
		return child;
	child = mem_alloc(sizeof(*child));
	if (child == NULL)
		return NULL;
	child->segment = segment;
	child->len = len;
	child->next = node->literals;
	node->literals = child;
	return child;
}

static struct node *add_parameter(struct node *node)
{
	if (node->parameter == NULL)
		node->parameter = mem_alloc(sizeof(*node->parameter));
	return node->parameter;
}

static bool add_operation(struct route_tree *tree, const struct operation *operation)
{
	const char *at = operation->path;
	const char *end = at + strlen(at);
	struct node *node = &tree->root;
	int parameters = 0;

	while (node != NULL && at < end) {
		size_t len;

		at++; /* the slash */
		len = segment_length(at, end);
		if (len > 0 && at[0] == '{') {
			node = add_parameter(node);
			parameters++;
		} else {
			node = add_literal(node, at, len);
		}
		at += len;
	}
	if (node == NULL || parameters > ROUTE_PARAMS_MAX ||
	    node->operations[operation->method] != NULL)
		return false;
	node->operations[operation->method] = operation;
	node->methods |= 1u << operation->method;
	return true;
}

struct route_tree *route_tree_new(const struct operation *table, int count)
{
	struct route_tree *tree = mem_alloc(sizeof(*tree));

	if (tree == NULL)
		return NULL;
	for (int i = 0; i < count; i++) {
		if (!add_operation(tree, &table[i])) {
			route_tree_free(tree);
			return NULL;
		}
	}
	return tree;
}

static void free_children(struct node *node)
{
	struct node *next;

	for (struct node *child = node->literals; child != NULL; child = next) {
		next = child->next;
		free_children(child);
		mem_free(child);
	}
	if (node->parameter != NULL) {
		free_children(node->parameter);
		mem_free(node->parameter);
	}
}

void route_tree_free(struct route_tree *tree)
{
	if (tree == NULL)
		return;
	free_children(&tree->root);
	mem_free(tree);
}

/* ── searching ──────────────────────────────────────────────────────────────────────────────── */

/* The node that `at` (a slash, or the end) leads to and that has an operation; notes parameters. */
static const struct node *search(const struct node *node, const char *at, const char *end,
				 struct route_match *out)
{
	const struct node *child, *found;
	size_t len;

	if (at == end)
		return node->methods != 0 ? node : NULL;
	at++;
	len = segment_length(at, end);
	child = find_literal(node, at, len);
	found = child != NULL ? search(child, at + len, end, out) : NULL;
	if (found != NULL || node->parameter == NULL || len == 0)
		return found;

	out->params[out->nparams].text = at;
	out->params[out->nparams].len = len;
	out->nparams++;
	found = search(node->parameter, at + len, end, out);
	if (found == NULL)
		out->nparams--;
	return found;
}

void route_tree_find(const struct route_tree *tree, enum method method, const char *path,
		     size_t len, struct route_match *out)
{
	const struct node *node;

	memset(out, 0, sizeof(*out));
	if (len == 0 || path[0] != '/')
		return;
	node = search(&tree->root, path, path + len, out);
	if (node == NULL)
		return;
	out->allowed = node->methods;
	if ((unsigned)method < METHOD_COUNT)
		out->operation = node->operations[method];
}
