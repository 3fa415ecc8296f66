/*
 * permission: questions to the generated matrix (permissions_gen.c). Entry points: permission.h.
 * Whether a role holds at the place in question is decided by the statements themselves
 * (org_path <@ any(:scope)); here is only what a role may do at all.
 */
#include "auth/permission.h"

#include <string.h>

const char *role_name(enum role role)
{
	return permission_role_names[role];
}

int role_by_name(const char *name, size_t len)
{
	for (int role = 0; role < ROLE_COUNT; role++) {
		const char *known = permission_role_names[role];

		if (strlen(known) == len && memcmp(known, name, len) == 0)
			return role;
	}
	return -1;
}

const char *permission_name(enum permission permission)
{
	return permission_matrix[permission].name;
}

bool permission_held(uint32_t roles, enum permission permission)
{
	return permission == PERMISSION_NONE || (roles & permission_matrix[permission].roles) != 0;
}

const char *permission_roles(enum permission permission)
{
	return permission_matrix[permission].as_array;
}
