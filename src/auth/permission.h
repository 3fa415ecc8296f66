/*
 * permission: the matrix role × permission, generated from api-spec/permissions.yaml, the one place
 * where it is written. A role is held on a subtree of the organisation; the matrix says what it
 * may do there.
 */
#ifndef PARTYSTUDY_AUTH_PERMISSION_H
#define PARTYSTUDY_AUTH_PERMISSION_H

#include "permissions_gen.h" /* generated: enum role, ROLE_COUNT, enum permission, PERMISSION_COUNT */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "organizer" and so on. */
const char *role_name(enum role role);
/* The role called `name`, or -1. */
int role_by_name(const char *name, size_t len);
/* "members.read" and so on. */
const char *permission_name(enum permission permission);

/* True when one of the roles in the bit set holds the permission. PERMISSION_NONE is always held. */
bool permission_held(uint32_t roles, enum permission permission);

/* The roles that hold it as a PostgreSQL array: "{organizer,admin}". */
const char *permission_roles(enum permission permission);

#endif
