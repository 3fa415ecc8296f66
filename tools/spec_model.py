"""api-spec/openapi.yaml → a list of Operation, the model of `struct operation` in
src/service/operation.h, with every rule of api-spec/README.md checked.

Entry points: Spec (the document), read_operations. How schemas become fields is in spec_schema.py,
how it all becomes C in gen_operations.py.
"""

import re

from spec_schema import Field, SchemaReader
from spec_statement import check_statement
from spec_yaml import Map, Seq, load_yaml

METHODS = ("get", "post", "put", "patch", "delete")
PATH_KEYS = ("parameters", "summary", "description", *METHODS)
OPERATION_KEYS = {
    "tags", "summary", "description", "externalDocs", "operationId", "parameters", "requestBody",
    "responses", "deprecated", "security",
}  # fmt: skip
EXTENSIONS = {
    "x-public", "x-permission", "x-statement", "x-created-id", "x-large-body", "x-lane",
    "x-idempotent",
}  # fmt: skip
HEADERS_READ = {
    "if-match", "if-none-match", "idempotency-key", "accept-language", "x-request-id",
    "traceparent",
}  # fmt: skip
JSON, MERGE_PATCH = "application/json", "application/merge-patch+json"
SIGNED_IN = "signed-in"
PARAMS_MAX = 4  # ROUTE_PARAMS_MAX in src/http/router.h
WHOLE_BODY = ""  # the name of the one field that a body has that is not an object

SNAKE_CASE = re.compile(r"[a-z][a-z0-9_]*\Z")
SEGMENT = re.compile(r"(?:[A-Za-z0-9._~-]+|\{[a-z][a-z0-9_]*\})\Z")
C_KEYWORDS = set(
    "auto break case char const continue default do double else enum extern float for goto if "
    "inline int long main register restrict return short signed sizeof static struct switch "
    "typedef union unsigned void volatile while".split()
)


class Spec:
    """The document: resolves $ref and takes complaints with the line they belong to."""

    def __init__(self, path, complaints):
        self.path = path
        self._complaints = complaints
        self.document = load_yaml(path, complaints)
        self._check_references(self.document)

    def complain(self, line, message):
        self._complaints.add(self.path, line, message)

    def resolve(self, reference):
        """What a $ref points to, None when there is nothing (said once, when the file is read)."""
        if not isinstance(reference, str) or not reference.startswith("#/"):
            return None
        node = self.document
        for part in reference[2:].split("/"):
            part = part.replace("~1", "/").replace("~0", "~")
            if not isinstance(node, Map) or part not in node:
                return None
            node = node[part]
        return node

    def deref(self, node):
        """Follows $ref of things that are no schemas: parameters, bodies, responses."""
        for _ in range(8):
            if not isinstance(node, Map) or "$ref" not in node:
                break
            node = self.resolve(node["$ref"])
        return node if isinstance(node, Map) and "$ref" not in node else Map(1)

    def _check_references(self, node):
        if isinstance(node, Map):
            if "$ref" in node and self.resolve(node["$ref"]) is None:
                self.complain(node.line_of("$ref"), f"$ref to nothing: {node['$ref']}")
            for value in node.values():
                self._check_references(value)
        elif isinstance(node, Seq):
            for value in node:
                self._check_references(value)


class Operation:
    """The model of `struct operation`."""

    def __init__(self, id_, method, path, line):
        self.id = id_
        self.method = method
        self.path = path
        self.line = line
        self.public = False
        self.permission = None
        self.statement = None
        self.success = 0
        self.has_body = False
        self.merge_patch = False
        self.idempotent_key = False
        self.if_match = False
        self.large_body = False
        self.slow = False
        self.paged = False
        self.created_id = None
        self.fields = []

    def in_place(self, place):
        return [field for field in self.fields if field.place == place]


class _OperationReader:
    """Reads one operation of the spec."""

    def __init__(self, spec, matrix, blocks, path, method, shared, node, line):
        self.spec, self.matrix, self.blocks = spec, matrix, blocks
        self.node, self.shared = node, shared
        self.operation = Operation(node.get("operationId"), method, path, line)

    def complain(self, key, message):
        line = self.node.line_of(key) if key in self.node else self.operation.line
        self.spec.complain(line, f"{self.operation.id or self.operation.path}: {message}")

    def read(self):
        self._id()
        self._keys()
        self._access()
        self._parameters()
        self._body()
        self._responses()
        self._extensions()
        self._names()
        if self.operation.statement:
            check_statement(self.operation, self.blocks, self.complain)
        return self.operation

    def _id(self):
        operation = self.operation
        if not isinstance(operation.id, str):
            self.complain("operationId", f"{operation.method} has no operationId")
            operation.id = None
        elif not SNAKE_CASE.match(operation.id) or operation.id in C_KEYWORDS:
            self.complain("operationId", "operationId must be snake_case and no word of C")

    def _keys(self):
        for key in self.node:
            if key not in OPERATION_KEYS and key not in EXTENSIONS:
                self.complain(key, f"{key} means nothing to the build")

    def _access(self):
        """Exactly one of x-public with `security: []`, or x-permission."""
        node = self.node
        public, permission = node.get("x-public", False), node.get("x-permission")
        open_ = node.get("security") == []
        if not isinstance(public, bool):
            self.complain("x-public", "x-public must be true or false")
        if public is True and permission is not None:
            self.complain("x-permission", "x-permission and x-public exclude each other")
        elif public is not True and permission is None:
            self.complain("operationId", "needs x-permission, or x-public: true with security: []")
        elif public is True and not open_:
            self.complain("x-public", "x-public: true needs `security: []`")
        elif permission is not None and open_:
            self.complain("security", "`security: []` needs x-public: true")
        elif permission is not None and not self._has_security():
            self.complain("x-permission", "the document needs a `security` for what is not public")
        self.operation.public = public is True
        if permission is not None and permission != SIGNED_IN:
            if permission not in self.matrix.permissions:
                self.complain("x-permission", f"unknown permission {permission}")
            else:
                self.operation.permission = permission

    def _has_security(self):
        return bool(self.node.get("security") or self.spec.document.get("security"))

    # ── parameters ──────────────────────────────────────────────────────────────────────────────

    def _parameters(self):
        found = {}
        for parameters in (self.shared, self.node.get("parameters")):
            level = set()
            for index, item in enumerate(parameters or []):
                parameter, line = self.spec.deref(item), parameters.lines[index]
                key = (parameter.get("in"), parameter.get("name"))
                if key in level:
                    self.spec.complain(line, f"{self.operation.id}: {key[1]} stands twice")
                level.add(key)
                found[key] = (parameter, line)
        self._path_parameters(found)
        for (place, name), (parameter, line) in found.items():
            if place == "query":
                self.operation.fields.append(self._parameter(parameter, line, "PLACE_QUERY"))
            elif place == "header" and str(name).lower() not in HEADERS_READ:
                self.spec.complain(line, f"{self.operation.id}: nothing reads the header {name}")
            elif place == "header":
                self.operation.if_match |= str(name).lower() == "if-match"
            elif place not in ("path", "header"):
                message = f"parameters in {place} are not supported"
                self.spec.complain(line, f"{self.operation.id}: {message}")
        query = {field.name for field in self.operation.in_place("PLACE_QUERY")}
        self.operation.paged = {"limit", "cursor"} <= query

    def _path_parameters(self, found):
        operation = self.operation
        names = re.findall(r"\{([^}]*)\}", operation.path)
        if len(names) > PARAMS_MAX:
            self.complain("operationId", f"more than {PARAMS_MAX} path parameters")
        for name in names:
            parameter, line = found.get(("path", name), (None, operation.line))
            if parameter is None:
                self.complain("operationId", f"path parameter {name} is not declared")
                continue
            if parameter.get("required") is not True:
                self.spec.complain(line, f"{operation.id}: path parameter {name} must be required")
            operation.fields.append(self._parameter(parameter, line, "PLACE_PATH"))
        for place, name in found:
            if place == "path" and name not in names:
                line = found[(place, name)][1]
                message = f"{name} is not in the path {operation.path}"
                self.spec.complain(line, f"{operation.id}: {message}")

    def _parameter(self, parameter, line, place):
        name = str(parameter.get("name"))
        for key in ("content", "allowReserved", "allowEmptyValue"):
            if key in parameter:
                self.spec.complain(parameter.line_of(key), f"{name}: {key} is not supported")
        line = parameter.line_of("schema") if "schema" in parameter else line
        field = SchemaReader(self.spec).field(name, parameter.get("schema"), line, place)
        field.required = parameter.get("required") is True
        self._check_parameter(field, parameter, line)
        return field

    def _check_parameter(self, field, parameter, line):
        def complain(message):
            self.spec.complain(line, f"{self.operation.id}: {field.name}: {message}")

        if not SNAKE_CASE.match(field.name):
            complain("the name is not snake_case")
        if field.nullable:
            complain("a parameter cannot be null")
        if field.required and field.fallback is not None:
            complain("it is required and has a default")
        scalar = field.type not in ("FIELD_OBJECT", "FIELD_ANY_OF", "FIELD_ARRAY")
        if field.type == "FIELD_ARRAY" and field.place == "PLACE_QUERY":
            if parameter.get("explode") is not False or parameter.get("style", "form") != "form":
                complain("an array in the query is written a,b,c: say `explode: false`")
            items = field.items.type
            if items in ("FIELD_OBJECT", "FIELD_ANY_OF", "FIELD_ARRAY") or field.items.nullable:
                complain("items of an array in the query must be scalars")
        elif not scalar:
            complain("only scalars, and arrays of scalars in the query")

    # ── body and responses ──────────────────────────────────────────────────────────────────────

    def _body(self):
        if "requestBody" not in self.node:
            return
        operation = self.operation
        body = self.spec.deref(self.node["requestBody"])
        if operation.method in ("get", "delete"):
            self.complain("requestBody", f"{operation.method} carries no body")
        if body.get("required") is not True:
            self.complain("requestBody", "a request body must be `required: true`")
        content = body.get("content")
        content = content if isinstance(content, Map) else Map(self.node.line_of("requestBody"))
        for kind in content:
            if kind not in (JSON, MERGE_PATCH):
                message = f"{operation.id}: {kind} is not supported"
                self.spec.complain(content.line_of(kind), message)
        if MERGE_PATCH in content and operation.method != "patch":
            self.complain("requestBody", f"{MERGE_PATCH} is for patch")
        schemas = [content[kind].get("schema") for kind in (JSON, MERGE_PATCH) if content.get(kind)]
        if not schemas or schemas[-1] != schemas[0]:
            self.complain("requestBody", f"needs one schema, for {JSON} or {MERGE_PATCH} or both")
            return
        operation.has_body, operation.merge_patch = True, MERGE_PATCH in content
        self._body_fields(schemas[0])

    def _body_fields(self, schema):
        line = self.node.line_of("requestBody")
        root = SchemaReader(self.spec).field(WHOLE_BODY, schema, line, "PLACE_BODY")
        root.required = True
        if root.nullable or root.type not in ("FIELD_OBJECT", "FIELD_ARRAY", "FIELD_ANY_OF"):
            self.complain("requestBody", "a body is an object or an array")
        members = root.fields if root.type == "FIELD_OBJECT" else [root]
        for member in members:
            if member.fallback is not None and self.operation.merge_patch:
                message = f"{member.name}: absent means unchanged in a merge-patch: no default"
                self.spec.complain(member.line, message)
            for field in [*member.fields, *([member.items] if member.items else [])]:
                self._no_defaults(field)
        self.operation.fields.extend(members)

    def _no_defaults(self, field: Field):
        if field.fallback is not None:
            message = f"{field.name}: default stands only at the body's top level"
            self.spec.complain(field.line, message)
        for inner in [*field.fields, *([field.items] if field.items else [])]:
            self._no_defaults(inner)

    def _responses(self):
        responses = self.node.get("responses")
        for status in responses if isinstance(responses, Map) else []:
            if re.fullmatch(r"2[0-9][0-9]", str(status)):
                self.operation.success = int(status)
                return
        self.complain("responses", "needs a response with a status of 200 to 299")

    # ── extensions ──────────────────────────────────────────────────────────────────────────────

    def _flag(self, key, default):
        value = self.node.get(key, default)
        if not isinstance(value, bool):
            self.complain(key, f"{key} must be true or false")
        return value is True

    def _extensions(self):
        operation, node = self.operation, self.node
        if operation.method != "post" and "x-idempotent" in node:
            self.complain("x-idempotent", "x-idempotent is for post")
        wanted = self._flag("x-idempotent", True)
        operation.idempotent_key = operation.method == "post" and not operation.public and wanted
        operation.large_body = self._flag("x-large-body", False)
        if operation.large_body and not operation.has_body:
            self.complain("x-large-body", "x-large-body without a request body")
        if node.get("x-lane", "fast") not in ("fast", "slow"):
            self.complain("x-lane", "x-lane must be fast or slow")
        operation.slow = node.get("x-lane") == "slow"
        operation.statement = node.get("x-statement")
        operation.created_id = node.get("x-created-id")
        if operation.created_id is not None:
            fits = [
                field
                for field in operation.in_place("PLACE_BODY")
                if field.name == operation.created_id and field.type == "FIELD_UUID"
            ]
            if not fits:
                self.complain("x-created-id", f"{operation.created_id} is no uuid of the body")

    def _names(self):
        """Statements are bound by name, whatever place a field came from."""
        seen = set()
        for field in self.operation.fields:
            if field.name in seen:
                message = f"{field.name} stands in two of path, query and body"
                self.spec.complain(field.line, f"{self.operation.id}: {message}")
            seen.add(field.name)


def _check_path(spec, path, line):
    good = path.startswith("/") and all(SEGMENT.match(part) for part in path[1:].split("/"))
    if not good:
        message = "a path is /segments and /{parameters}, with no / at the end"
        spec.complain(line, f"{path}: {message}")
    names = re.findall(r"\{([^}]*)\}", path)
    if len(set(names)) != len(names):
        spec.complain(line, f"{path}: a parameter stands twice")


def _read_path(spec, matrix, blocks, path, item, line):
    _check_path(spec, path, line)
    operations = []
    if not isinstance(item, Map):
        spec.complain(line, f"{path}: must be a mapping")
        return operations
    for key, node in item.items():
        at = item.line_of(key)
        if key not in PATH_KEYS:
            spec.complain(at, f"{path}: {key} is not supported")
        if key not in METHODS:
            continue
        if not isinstance(node, Map):
            spec.complain(at, f"{path}: {key} must be a mapping")
            continue
        shared = item.get("parameters")
        reader = _OperationReader(spec, matrix, blocks, path, key, shared, node, at)
        operations.append(reader.read())
    return operations


def _check_unique(spec, operations):
    ids, routes = {}, {}
    for operation in operations:
        route = (operation.method, re.sub(r"\{[^}]*\}", "{}", operation.path))
        for seen, key, what in (
            (ids, operation.id, f"operationId {operation.id}"),
            (routes, route, f"{operation.method} {operation.path}"),
        ):
            if key is not None and key in seen:
                spec.complain(operation.line, f"{what} stands twice; see line {seen[key]}")
            seen.setdefault(key, operation.line)


def read_operations(spec, matrix, blocks):
    """Every operation of the spec, in its order. `blocks`: the statements by name."""
    paths = spec.document.get("paths")
    operations = []
    for path, item in paths.items() if isinstance(paths, Map) else []:
        operations += _read_path(spec, matrix, blocks, str(path), item, paths.line_of(path))
    if not operations:
        spec.complain(1, "no operation at all under `paths`")
    _check_unique(spec, operations)
    return operations
