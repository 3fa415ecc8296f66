/*
 * courses: the catalogue and its upkeep. A change of what is in a course locks the course first,
 * then changes, then recounts, in one transaction.
 */
#include "service/handlers.h"

/* Drafts show to those who may manage them, whatever the operation's own permission. */
static void set_managing_roles(struct op *op)
{
	op_set(op, "managing_roles", permission_roles(PERMISSION_courses_manage));
}

void course_list(struct op *op)
{
	set_managing_roles(op);
	op_run(op, DB_course_list);
}

void course_get(struct op *op)
{
	set_managing_roles(op);
	op_run(op, DB_course_get);
}

void course_create(struct op *op)
{
	static const enum db_statement steps[] = {DB_course_create, DB_course_managed};

	op_set(op, "course_id", op_new_id(op));
	op_run_all(op, steps, 2);
}

void course_patch(struct op *op)
{
	static const enum db_statement steps[] = {DB_course_patch, DB_course_managed};

	op_run_all(op, steps, 2);
}

void course_publish(struct op *op)
{
	static const enum db_statement steps[] = {DB_course_publish, DB_course_managed};

	op_run_all(op, steps, 2);
}

void chapter_create(struct op *op)
{
	static const enum db_statement steps[] = {DB_course_lock, DB_course_manageable,
						  DB_chapter_create, DB_course_recount,
						  DB_chapter_get};

	op_set(op, "chapter_id", op_new_id(op));
	op_run_all(op, steps, 5);
}

void chapter_patch(struct op *op)
{
	static const enum db_statement steps[] = {DB_course_lock, DB_course_manageable,
						  DB_chapter_patch, DB_course_recount,
						  DB_chapter_get};

	op_run_all(op, steps, 5);
}

void lesson_create(struct op *op)
{
	static const enum db_statement steps[] = {DB_course_lock, DB_course_manageable,
						  DB_lesson_create, DB_course_recount,
						  DB_lesson_get};

	op_set(op, "lesson_id", op_new_id(op));
	op_run_all(op, steps, 5);
}

void lesson_patch(struct op *op)
{
	static const enum db_statement steps[] = {DB_course_lock, DB_course_manageable,
						  DB_lesson_patch, DB_course_recount,
						  DB_lesson_get};

	op_run_all(op, steps, 5);
}
