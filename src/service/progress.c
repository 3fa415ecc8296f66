/*
 * progress: what members report of their study, and reading it back. What is believed is decided in
 * the database (progress_merge); here the reports are handed over and its verdicts put into words.
 */
#include "core/conf.h"
#include "core/jsonw.h"
#include "service/handlers.h"

#include <stdlib.h>
#include <string.h>

static void set_study_rules(struct op *op)
{
	op_set(op, "study_speed", arena_printf(op->arena, "%d", conf()->study_speed_percent));
	op_set(op, "study_first_report",
	       arena_printf(op->arena, "%d", conf()->study_first_report_s));
	op_set(op, "study_offline_days", arena_printf(op->arena, "%d", conf()->study_offline_days));
}

/* ── one report, as it happens ──────────────────────────────────────────────────────────────── */

static int64_t integer_at(struct db_call *call, int step, int row, const char *column)
{
	const char *text = db_value(call, step, row, db_column(call, step, column), NULL);

	return text != NULL ? strtoll(text, NULL, 10) : 0;
}

static void on_put(struct op *op, struct db_call *call)
{
	struct buf *out = &op->reply.body;
	bool short_of =
	    integer_at(call, 1, 0, "credited_units") < integer_at(call, 1, 0, "covered_units");

	buf_puts(out, "{\"credit\":{\"claimed_units\":");
	buf_int(out, integer_at(call, 0, 0, "claimed_new"));
	buf_puts(out, ",\"credited_units\":");
	buf_int(out, integer_at(call, 0, 0, "credited_new"));
	buf_puts(out,
		 short_of ? ",\"reason\":\"clock\"},\"lesson\":" : ",\"reason\":null},\"lesson\":");
	db_row_json(out, call, 1, 0);
	buf_putc(out, '}');
	op_answer(op, 200);
}

void me_progress_put(struct op *op)
{
	static const enum db_statement steps[] = {DB_progress_put, DB_progress_lesson};

	set_study_rules(op);
	op_transaction(op, steps, 2, on_put);
}

/* ── a batch, from an offline phase ─────────────────────────────────────────────────────────── */

struct batch {
	size_t count;
	const struct field_error *
	    *bad; /* per item: what the validator has against it, NULL nothing */
};

/* The index in "items[3].lesson_id"; `count` or more when the field is not an item's. */
static size_t item_of(const char *field)
{
	return strncmp(field, "items[", 6) == 0 ? strtoul(field + 6, NULL, 10) : SIZE_MAX;
}

static const char *good_items(struct op *op, const struct batch *batch, json_t *items)
{
	json_t *good = json_array();
	const char *text = NULL;

	for (size_t i = 0; good != NULL && i < batch->count; i++) {
		if (batch->bad[i] == NULL)
			(void)json_array_append(good, json_array_get(items, i));
	}
	if (good != NULL)
		text = op_json_text(op->arena, good, JSON_COMPACT);
	json_decref(good);
	return text;
}

static void write_problem(struct jsonw *w, const char *code, const char *detail)
{
	jsonw_object_open(w);
	jsonw_key(w, "code");
	jsonw_text(w, code);
	jsonw_key(w, "detail");
	jsonw_text(w, detail);
	jsonw_object_close(w);
}

static void write_identity(struct jsonw *w, json_t *item)
{
	static const char *const keys[] = {"id", "lesson_id"};

	for (size_t i = 0; i < 2; i++) {
		jsonw_key(w, keys[i]);
		jsonw_text(w, json_string_value(json_object_get(item, keys[i])));
	}
}

static void write_units(struct jsonw *w, int64_t claimed, int64_t credited)
{
	jsonw_key(w, "claimed_units");
	jsonw_int(w, claimed);
	jsonw_key(w, "credited_units");
	jsonw_int(w, credited);
}

/* What the validator had against the item: the field within it and the reason. */
static void write_bad_item(struct op *op, struct jsonw *w, json_t *item,
			   const struct field_error *error)
{
	const char *detail = op->language == LANGUAGE_EN ? error->detail_en : error->detail_zh;

	jsonw_object_open(w);
	write_identity(w, json_is_object(item) ? item : NULL);
	jsonw_key(w, "status");
	jsonw_text(w, "refused");
	jsonw_key(w, "problem");
	write_problem(w, "validation_failed",
		      arena_printf(op->arena, "%s: %s", error->field, detail));
	write_units(w, 0, 0);
	jsonw_object_close(w);
}

static void write_good_item(struct op *op, struct jsonw *w, json_t *item, struct db_call *call,
			    int row)
{
	const char *code =
	    db_value(call, op->first_step, row, db_column(call, op->first_step, "problem"), NULL);
	int64_t claimed = integer_at(call, op->first_step, row, "claimed_new");
	int64_t credited = integer_at(call, op->first_step, row, "credited_new");
	bool changed =
	    code == NULL && db_value(call, op->first_step, row,
				     db_column(call, op->first_step, "changed"), NULL)[0] == 't';
	const struct problem_info *info;

	jsonw_object_open(w);
	write_identity(w, item);
	jsonw_key(w, "status");
	if (code != NULL)
		jsonw_text(w, "refused");
	else if (!changed)
		jsonw_text(w, "unchanged");
	else
		jsonw_text(w, credited < claimed ? "partly_credited" : "credited");
	jsonw_key(w, "problem");
	if (code != NULL) {
		info = problem_info(problem_by_code(code, strlen(code)));
		write_problem(w, code, op->language == LANGUAGE_EN ? info->en : info->zh);
	} else {
		jsonw_null(w);
	}
	write_units(w, claimed, credited);
	jsonw_object_close(w);
}

/* The lessons of which an item was accepted, as the keys of an object; NULL when memory is short.
 */
static json_t *accepted_lessons(struct op *op, struct db_call *call)
{
	int problem = db_column(call, op->first_step, "problem");
	int id = db_column(call, op->first_step, "lesson_id");
	json_t *lessons = json_object();

	for (int row = 0; lessons != NULL && row < db_rows(call, op->first_step); row++) {
		if (db_value(call, op->first_step, row, problem, NULL) == NULL)
			(void)json_object_set_new(
			    lessons, db_value(call, op->first_step, row, id, NULL), json_true());
	}
	return lessons;
}

/* Their states: what was refused has none in the answer. */
static void write_lessons(struct op *op, struct db_call *call)
{
	struct buf *out = &op->reply.body;
	int step = op->first_step + 1, shown = 0;
	int id = db_column(call, step, "lesson_id");
	json_t *accepted = accepted_lessons(op, call);

	buf_puts(out, ",\"lessons\":[");
	for (int row = 0; row < db_rows(call, step); row++) {
		if (json_object_get(accepted, db_value(call, step, row, id, NULL)) == NULL)
			continue;
		if (shown++ > 0)
			buf_putc(out, ',');
		db_row_json(out, call, step, row);
	}
	buf_puts(out, "]}");
	json_decref(accepted);
}

static void on_batch(struct op *op, struct db_call *call)
{
	struct batch *batch = op->state;
	json_t *items = op_value(op, "items")->json;
	struct jsonw w;
	int row = 0;

	jsonw_init(&w, &op->reply.body);
	jsonw_object_open(&w);
	jsonw_key(&w, "results");
	jsonw_array_open(&w);
	for (size_t i = 0; i < batch->count; i++) {
		json_t *item = json_array_get(items, i);

		if (batch->bad[i] != NULL)
			write_bad_item(op, &w, item, batch->bad[i]);
		else if (row < db_rows(call, op->first_step))
			write_good_item(op, &w, item, call, row++);
	}
	jsonw_array_close(&w);
	write_lessons(op, call);
	op->reply.errors = NULL;
	op_answer(op, 200);
}

void me_progress_batch(struct op *op)
{
	static const enum db_statement steps[] = {DB_progress_batch, DB_progress_lessons};
	json_t *items = op_value(op, "items")->json;
	struct batch *batch = arena_alloc(op->arena, sizeof(*batch));

	if (batch == NULL) {
		op_fail(op, PROBLEM_internal_error);
		return;
	}
	batch->count = json_array_size(items);
	batch->bad = arena_alloc(op->arena, batch->count * sizeof(*batch->bad));
	for (const struct field_error *e = op->reply.errors; e != NULL && batch->bad != NULL;
	     e = e->next) {
		size_t item = item_of(e->field);

		if (item < batch->count && batch->bad[item] == NULL)
			batch->bad[item] = e;
	}
	if (batch->bad == NULL) {
		op_fail(op, PROBLEM_internal_error);
		return;
	}
	op->state = batch;
	set_study_rules(op);
	op_set(op, "items", good_items(op, batch, items));
	op_transaction(op, steps, 2, on_batch);
}

/* ── reading ────────────────────────────────────────────────────────────────────────────────── */

void me_progress_list(struct op *op)
{
	op_set(op, "of_member", op->caller.subject);
	op_run(op, DB_progress_courses);
}

void member_progress(struct op *op)
{
	static const enum db_statement steps[] = {DB_member_visible, DB_progress_courses};

	op_set(op, "of_member", op_text(op, "member_id"));
	op_run_all(op, steps, 2);
}

void course_progress(struct op *op)
{
	static const enum db_statement steps[] = {DB_course_visible, DB_progress_members};

	op_run_all(op, steps, 2);
}
