"""The model of the operations as C: operations.c and operations_gen.h.

Entry points: operations_header, operations_source. Tables of inner fields, choices and patterns are
numbered in the order in which they are met, so the same spec gives the same bytes.
"""

from gen_common import BANNER, c_string
from spec_permissions import permission_constant
from spec_schema import INT64_MAX, INT64_MIN

TOP = BANNER.format(tool="gen_operations.py", source="api-spec/openapi.yaml")
GENERIC = "op_run_statement"  # serves every operation with x-statement


def handlers(operations):
    own = sorted(operation.id for operation in operations if not operation.statement)
    return [GENERIC, *own]


def operations_header(operations):
    prototypes = "".join(f"void {name}(struct op *op);\n" for name in handlers(operations))
    return (
        TOP
        + "/* The handlers that the table names; include it where they are defined. */\n"
        + "#ifndef PARTYSTUDY_OPERATIONS_GEN_H\n#define PARTYSTUDY_OPERATIONS_GEN_H\n\n"
        + f"struct op;\n\n{prototypes}\n#endif\n"
    )


def _int64(value, missing):
    value = missing if value is None else value
    return {INT64_MIN: "INT64_MIN", INT64_MAX: "INT64_MAX"}.get(value, f"INT64_C({value})")


def _bool(value):
    return "true" if value else "false"


def _text(value):
    return "NULL" if value is None else c_string(value)


class _Emitter:
    """Gathers the tables that the operations point to."""

    def __init__(self):
        self.out = []
        self.patterns = []
        self.choices = {}
        self.tables = 0

    def choices_table(self, choices):
        key = tuple(choices)
        if key not in self.choices:
            name = f"choices_{len(self.choices)}"
            texts = ", ".join(c_string(choice) for choice in choices)
            self.out.append(f"static const char *const {name}[] = {{{texts}, NULL}};\n")
            self.choices[key] = name
        return self.choices[key]

    def pattern_index(self, pattern):
        if pattern not in self.patterns:
            self.patterns.append(pattern)
        return self.patterns.index(pattern)

    def fields_table(self, fields):
        """Emits the fields, after what they contain; the table's name."""
        rows = [self.field(field) for field in fields]
        name = f"fields_{self.tables}"
        self.tables += 1
        body = "".join(f"\t{row},\n" for row in rows)
        self.out.append(f"static const struct field {name}[] = {{\n{body}}};\n")
        return name

    def field(self, field):
        parts = [
            f".name = {c_string(field.name)}",
            f".type = {field.type}",
            f".place = {field.place}",
            f".required = {_bool(field.required)}",
            f".nullable = {_bool(field.nullable)}",
            f".min = {_int64(field.min, 0)}",
            f".max = {_int64(field.max, INT64_MAX)}",
            f".pattern_index = {self.pattern_index(field.pattern) if field.pattern else -1}",
        ]
        if field.pattern:
            parts.append(f".pattern = {c_string(field.pattern)}")
        if field.choices:
            parts.append(f".choices = {self.choices_table(field.choices)}")
        if field.fields:
            parts.append(f".fields = {self.fields_table(field.fields)}")
            parts.append(f".nfields = {len(field.fields)}")
        if field.items:
            parts.append(f".items = {self.fields_table([field.items])}")
        if field.item_errors:
            parts.append(".item_errors = true")
        if field.fallback is not None:
            parts.append(f".fallback = {c_string(field.fallback)}")
        return "{" + ", ".join(parts) + "}"

    def operation(self, operation):
        fields = self.fields_table(operation.fields) if operation.fields else "NULL"
        statement = operation.statement
        lines = (
            ("id", c_string(operation.id)),
            ("method", "METHOD_" + operation.method.upper()),
            ("path", c_string(operation.path)),
            ("auth", "AUTH_NONE" if operation.public else "AUTH_BEARER"),
            ("permission", permission_constant(operation.permission)),
            ("handler", GENERIC if statement else operation.id),
            ("statement", f"DB_{statement}" if statement else "-1"),
            ("success", str(operation.success)),
            ("has_body", _bool(operation.has_body)),
            ("merge_patch", _bool(operation.merge_patch)),
            ("idempotent_key", _bool(operation.idempotent_key)),
            ("if_match", _bool(operation.if_match)),
            ("large_body", _bool(operation.large_body)),
            ("slow", _bool(operation.slow)),
            ("paged", _bool(operation.paged)),
            ("created_id", _text(operation.created_id)),
            ("fields", fields),
            ("nfields", str(len(operation.fields))),
        )
        body = "".join(f"\t    .{key} = {value},\n" for key, value in lines)
        return f"\t{{\n{body}\t}},\n"


def operations_source(operations):
    emitter = _Emitter()
    rows = "".join(emitter.operation(operation) for operation in operations)
    patterns = "".join(f"\t{c_string(pattern)},\n" for pattern in emitter.patterns)
    return (
        TOP
        + '#include "operations_gen.h"\n#include "service/operation.h"\n\n'
        + "".join(emitter.out)
        + f"\nconst struct operation operations[] = {{\n{rows}}};\n"
        + f"const int operation_count = {len(operations)};\n\n"
        + f"const char *const operation_patterns[] = {{\n{patterns}\tNULL,\n}};\n"
        + f"const int operation_pattern_count = {len(emitter.patterns)};\n"
    )
