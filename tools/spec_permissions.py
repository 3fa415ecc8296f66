"""api-spec/permissions.yaml → the matrix role × permission, as a model and as C.

Entry points: read_permissions, permissions_header, permissions_source.
"""

import re

from gen_common import BANNER, c_string
from spec_yaml import Map, load_yaml

ROLES_MAX = 32  # a set of roles is a uint32_t
ROLE_NAME = re.compile(r"[a-z][a-z0-9_]*\Z")
PERMISSION_NAME = re.compile(r"[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)*\Z")


class Matrix:
    """`roles` in order; `permissions`: name → the roles that hold it, in the order of `roles`."""

    def __init__(self):
        self.roles = []
        self.permissions = {}


def permission_constant(name):
    """members.read → PERMISSION_members_read; None: nothing needed."""
    return "PERMISSION_" + (name.replace(".", "_") if name else "NONE")


def _read_roles(data, path, complaints):
    roles = data.get("roles")
    if not isinstance(roles, Map) or not roles:
        complaints.add(path, data.line_of("roles"), "`roles` must name at least one role")
        return []
    for role in roles:
        if not ROLE_NAME.match(str(role)):
            complaints.add(path, roles.line_of(role), f"role {role} is not snake_case")
    if len(roles) > ROLES_MAX:
        complaints.add(path, roles.line, f"{len(roles)} roles; at most {ROLES_MAX}")
    return list(roles)


def _read_row(matrix, name, row, path, complaints):
    for role, held in row.items():
        if role not in matrix.roles:
            complaints.add(path, row.line_of(role), f"{name}: unknown role {role}")
        if not isinstance(held, bool):
            complaints.add(path, row.line_of(role), f"{name}: {role} must be true or false")
    return [role for role in matrix.roles if row.get(role) is True]


def read_permissions(path, complaints):
    data = load_yaml(path, complaints)
    matrix = Matrix()
    for key in data:
        if key not in ("roles", "permissions"):
            complaints.add(path, data.line_of(key), f"unknown key {key}")
    matrix.roles = _read_roles(data, path, complaints)
    permissions = data.get("permissions")
    if not isinstance(permissions, Map) or not permissions:
        complaints.add(path, data.line_of("permissions"), "`permissions` must name at least one")
        return matrix
    constants = {}
    for name, row in permissions.items():
        line = permissions.line_of(name)
        if not PERMISSION_NAME.match(str(name)):
            complaints.add(path, line, f"permission {name}: write it as members.read")
        other = constants.setdefault(permission_constant(str(name)), name)
        if other != name:
            complaints.add(path, line, f"permission {name} has the same C name as {other}")
        if not isinstance(row, Map):
            complaints.add(path, line, f"{name}: write {{role: true, …}}")
            continue
        matrix.permissions[name] = _read_row(matrix, name, row, path, complaints)
    return matrix


def permissions_header(matrix):
    roles = "".join(f"\tROLE_{role},\n" for role in matrix.roles)
    permissions = "".join(f"\t{permission_constant(name)},\n" for name in matrix.permissions)
    return (
        BANNER.format(tool="gen_operations.py", source="api-spec/permissions.yaml")
        + "#ifndef PARTYSTUDY_PERMISSIONS_GEN_H\n#define PARTYSTUDY_PERMISSIONS_GEN_H\n\n"
        + "#include <stdint.h>\n\n"
        + f"enum role {{\n{roles}\tROLE_COUNT\n}};\n\n"
        + f"enum permission {{\n\tPERMISSION_NONE,\n{permissions}\tPERMISSION_COUNT\n}};\n\n"
        + "/* Read by src/auth/permission.c; everyone else asks there. */\n"
        + "struct permission_row {\n\tconst char *name;\n"
        + "\tuint32_t roles;       /* bit set of enum role */\n"
        + "\tconst char *as_array; /* the same as a PostgreSQL array */\n};\n\n"
        + "extern const char *const permission_role_names[ROLE_COUNT];\n"
        + "extern const struct permission_row permission_matrix[PERMISSION_COUNT];\n\n#endif\n"
    )


def _matrix_row(constant, name, roles):
    bits = " | ".join(f"1u << ROLE_{role}" for role in roles) or "0"
    array = c_string("{" + ",".join(roles) + "}")
    return f"\t[{constant}] = {{{c_string(name)}, {bits}, {array}}},\n"


def permissions_source(matrix):
    names = "".join(f"\t[ROLE_{role}] = {c_string(role)},\n" for role in matrix.roles)
    rows = _matrix_row("PERMISSION_NONE", "", matrix.roles)
    for name, roles in matrix.permissions.items():
        rows += _matrix_row(permission_constant(name), name, roles)
    return (
        BANNER.format(tool="gen_operations.py", source="api-spec/permissions.yaml")
        + '#include "permissions_gen.h"\n\n'
        + f"const char *const permission_role_names[ROLE_COUNT] = {{\n{names}}};\n\n"
        + "/* What needs no permission is open to every role. */\n"
        + f"const struct permission_row permission_matrix[PERMISSION_COUNT] = {{\n{rows}}};\n"
    )
