/* organisation: organisations and members. The rules are in the statements; here is their order. */
#include "service/handlers.h"

void org_create(struct op *op)
{
	static const enum db_statement steps[] = {DB_org_tree_hold, DB_org_create, DB_org_get};

	op_set(op, "org_id", op_new_id(op));
	op_run_all(op, steps, 3);
}

void org_patch(struct op *op)
{
	static const enum db_statement steps[] = {DB_org_patch, DB_org_get};

	op_run_all(op, steps, 2);
}

void member_list(struct op *op)
{
	op_run(op, op_text(op, "name") != NULL ? DB_member_search : DB_member_list);
}

void member_create(struct op *op)
{
	static const enum db_statement steps[] = {DB_member_create, DB_member_get};

	op_set(op, "member_id", op_new_id(op));
	op_run_all(op, steps, 2);
}

void member_patch(struct op *op)
{
	static const enum db_statement steps[] = {DB_member_patch, DB_member_get};

	op_run_all(op, steps, 2);
}
