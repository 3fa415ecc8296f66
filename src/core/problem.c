/*
 * problem: the table of every error, made from problem.def. Entry points in problem.h.
 *
 * Look-up by code (what the database raises is a code) goes through an index sorted on first use.
 */
#include "core/problem.h"

#include <stdlib.h>
#include <string.h>

static const struct problem_info table[PROBLEM_COUNT] = {
    [PROBLEM_NONE] = {"none", 200, "", ""},
#define PROBLEM(name, status, zh, en) [PROBLEM_##name] = {#name, status, zh, en},
#include "problem.def"
#undef PROBLEM
};

#define INDEX_SIZE (PROBLEM_COUNT - 1) /* without PROBLEM_NONE */

struct wanted {
	const char *code;
	size_t len;
};

const struct problem_info *problem_info(enum problem problem)
{
	if ((unsigned)problem >= PROBLEM_COUNT)
		problem = PROBLEM_internal_error;
	return &table[problem];
}

static int by_code(const void *a, const void *b)
{
	const enum problem *left = a, *right = b;
	return strcmp(table[*left].code, table[*right].code);
}

static int by_wanted(const void *key, const void *element)
{
	const struct wanted *wanted = key;
	const enum problem *problem = element;
	const char *code = table[*problem].code;
	int order = strncmp(wanted->code, code, wanted->len);

	/* The same so far: a code that goes on is greater. */
	return order == 0 && code[wanted->len] != '\0' ? -1 : order;
}

static const enum problem *sorted_index(void)
{
	static enum problem index[INDEX_SIZE];

	if (index[0] == PROBLEM_NONE) {
		for (size_t i = 0; i < INDEX_SIZE; i++)
			index[i] = (enum problem)(i + 1);
		qsort(index, INDEX_SIZE, sizeof index[0], by_code);
	}
	return index;
}

enum problem problem_by_code(const char *code, size_t len)
{
	struct wanted wanted = {code, len};

	/* A NUL inside would end the comparison early. */
	if (len == 0 || memchr(code, '\0', len) != NULL)
		return PROBLEM_NONE;
	const enum problem *found =
	    bsearch(&wanted, sorted_index(), INDEX_SIZE, sizeof *found, by_wanted);
	return found != NULL ? *found : PROBLEM_NONE;
}
