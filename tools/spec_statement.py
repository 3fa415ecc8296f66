"""Checks an operation with x-statement against its block in sql/queries/: every parameter can be
bound, and every field of the request goes somewhere. Operations with a handler of their own bind
what they like. Entry point: check_statement.
"""

# What op_bind knows besides the operation's fields; see `implicits` in src/service/op.c.
IMPLICIT = {
    "subject", "permitted_roles", "body", "if_match", "new_id", "after", "page_limit",
    "fingerprint", "language", "session", "idempotency_key",
}  # fmt: skip
PAGING = {"limit", "cursor"}  # reach the statement as :page_limit and :after


def _unused(operation, block):
    """Fields that the statement would silently ignore."""
    taken = set(block.params) | (PAGING if operation.paged else set())
    if "new_id" in block.params:
        taken.add(operation.created_id)
    for field in operation.fields:
        if field.place == "PLACE_BODY" and "body" in block.params:
            continue
        if field.name not in taken:
            yield field.name


def check_statement(operation, blocks, complain):
    """`complain(key, message)` puts the line of `key` in the operation before the message."""
    block = blocks.get(operation.statement)
    if block is None:
        complain("x-statement", f"there is no statement {operation.statement} in sql/queries")
        operation.statement = None
        return
    names = {field.name for field in operation.fields}
    where = f"{block.path}:{block.line}"
    for name in block.params:
        if name not in names and name not in IMPLICIT:
            complain("x-statement", f"{block.name} takes :{name}, which nothing binds; see {where}")
    for name in _unused(operation, block):
        complain("x-statement", f"{block.name} does not take the field {name}; see {where}")
    if operation.paged and block.kind != "many":
        complain("x-statement", f"{block.name} must be :many, the operation is paged; see {where}")
    if operation.created_id and "new_id" not in block.params:
        complain("x-created-id", f"{block.name} does not take :new_id; see {where}")
    if operation.public and "subject" in block.params:
        message = f"{block.name} takes :subject, a public operation has none; see {where}"
        complain("x-statement", message)
