/*
 * rows: reading results: values, columns, and whole rows as JSON objects.
 *
 * What depends only on the columns (the key, already quoted and escaped; the value's kind) is
 * worked out once per result, by the first db_row_json, and kept in the step as its plan. Every
 * function answers harmlessly for a step, row or column that is not there.
 */
#include "db/db_priv.h"

#include "core/jsonw.h"
#include "core/mem.h"

#include <string.h>

struct row_column {
	size_t key; /* offset of ,"name": in row_plan.keys */
	size_t key_len;
	struct value_kind kind;
	bool hidden; /* _name: for the server only */
};

struct row_plan {
	struct buf keys;
	int ncolumns;
	struct row_column columns[];
};

void row_plan_free(struct row_plan *plan)
{
	if (plan == NULL)
		return;
	buf_free(&plan->keys);
	mem_free(plan);
}

static void plan_column(struct row_plan *plan, const PGresult *result, int column)
{
	struct row_column *c = &plan->columns[column];
	const char *name = PQfname(result, column);

	c->hidden = name[0] == '_';
	c->kind = value_kind(PQftype(result, column));
	c->key = plan->keys.len;
	buf_putc(&plan->keys, ',');
	jsonw_escape(&plan->keys, name, strlen(name));
	buf_putc(&plan->keys, ':');
	c->key_len = plan->keys.len - c->key;
}

static struct row_plan *plan_new(const PGresult *result)
{
	int ncolumns = PQnfields(result);
	struct row_plan *plan =
	    mem_alloc(sizeof(*plan) + (size_t)ncolumns * sizeof(struct row_column));
	if (plan == NULL)
		return NULL;
	buf_init(&plan->keys, 256);
	plan->ncolumns = ncolumns;
	for (int i = 0; i < ncolumns; i++)
		plan_column(plan, result, i);
	if (plan->keys.failed) {
		row_plan_free(plan);
		return NULL;
	}
	return plan;
}

static void put_row(struct buf *out, const struct row_plan *plan, const PGresult *result, int row)
{
	size_t skip = 1; /* the first key goes without its comma */

	buf_putc(out, '{');
	for (int i = 0; i < plan->ncolumns; i++) {
		const struct row_column *c = &plan->columns[i];
		if (c->hidden)
			continue;
		buf_append(out, plan->keys.data + c->key + skip, c->key_len - skip);
		skip = 0;
		if (PQgetisnull(result, row, i))
			buf_append(out, "null", 4);
		else
			value_json(out, c->kind, PQgetvalue(result, row, i),
				   (size_t)PQgetlength(result, row, i));
	}
	buf_putc(out, '}');
}

static PGresult *step_result(const struct db_call *call, int step)
{
	return step >= 0 && step < call->nsteps ? call->steps[step].result : NULL;
}

void db_row_json(struct buf *out, const struct db_call *call, int step, int row)
{
	PGresult *result = step_result(call, step);

	if (result == NULL || row < 0 || row >= PQntuples(result)) {
		buf_append(out, "null", 4);
		return;
	}
	struct call_step *s = &call->steps[step];
	if (s->plan == NULL)
		s->plan = plan_new(result);
	if (s->plan == NULL)
		out->failed = true;
	else
		put_row(out, s->plan, result, row);
}

int db_rows(const struct db_call *call, int step)
{
	return PQntuples(step_result(call, step));
}

int db_columns(const struct db_call *call, int step)
{
	return PQnfields(step_result(call, step));
}

const char *db_column_name(const struct db_call *call, int step, int column)
{
	return column >= 0 && column < db_columns(call, step)
		   ? PQfname(step_result(call, step), column)
		   : NULL;
}

int db_column(const struct db_call *call, int step, const char *name)
{
	int ncolumns = db_columns(call, step);
	for (int i = 0; i < ncolumns; i++) {
		if (strcmp(PQfname(step_result(call, step), i), name) == 0)
			return i;
	}
	return -1;
}

const char *db_value(const struct db_call *call, int step, int row, int column, size_t *len)
{
	const PGresult *result = step_result(call, step);

	if (len != NULL)
		*len = 0;
	if (row < 0 || row >= PQntuples(result) || column < 0 || column >= PQnfields(result) ||
	    PQgetisnull(result, row, column))
		return NULL;
	if (len != NULL)
		*len = (size_t)PQgetlength(result, row, column);
	return PQgetvalue(result, row, column);
}
