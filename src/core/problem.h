/*
 * problem: every error a client can meet, in one table.
 *
 * code → HTTP status → title in Chinese and in English. The `code` is part of the API and is
 * documented in docs/errors.md, which a test holds against this table. To add an error, add a row
 * to problem.def; nothing else.
 */
#ifndef PARTYSTUDY_CORE_PROBLEM_H
#define PARTYSTUDY_CORE_PROBLEM_H

#include <stdbool.h>
#include <stddef.h>

enum problem {
	PROBLEM_NONE = 0,
#define PROBLEM(name, status, zh, en) PROBLEM_##name,
#include "problem.def"
#undef PROBLEM
	PROBLEM_COUNT
};

struct problem_info {
	const char *code; /* snake_case, as in the reply */
	int status;       /* HTTP status */
	const char *zh;
	const char *en;
};

const struct problem_info *problem_info(enum problem problem);

/* The problem whose code is `code` (`len` bytes), PROBLEM_NONE when there is none. */
enum problem problem_by_code(const char *code, size_t len);

#endif
