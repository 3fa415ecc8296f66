"""The specification as the tests use it: which operation a request was, and whether the reply is what was promised."""
import functools
import pathlib
import re

import jsonschema
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[3]
METHODS = ("get", "post", "put", "patch", "delete")


class Operation:
    def __init__(self, method, path, item, shared):
        self.method = method.upper()
        self.path = path
        self.item = item
        self.id = item["operationId"]
        self.public = bool(item.get("x-public"))
        self.permission = item.get("x-permission")
        self.parameters = [resolve(p) for p in shared + item.get("parameters", [])]
        pattern = re.sub(r"\\\{[^}]*\\\}", "[^/]+", re.escape(path))
        self.regex = re.compile("^" + pattern + "$")
        self.literal = path.count("{") == 0

    def responses(self):
        return {str(status): resolve(r) for status, r in self.item["responses"].items()}

    def request_schema(self):
        content = resolve(self.item.get("requestBody", {})).get("content", {})
        return content.get("application/json", {}).get("schema")


@functools.lru_cache(maxsize=None)
def document():
    return yaml.safe_load((ROOT / "api-spec/openapi.yaml").read_text())


def permissions():
    return yaml.safe_load((ROOT / "api-spec/permissions.yaml").read_text())


def resolve(node):
    while isinstance(node, dict) and "$ref" in node:
        target = document()
        for part in node["$ref"].lstrip("#/").split("/"):
            target = target[part.replace("~1", "/").replace("~0", "~")]
        node = target
    return node


@functools.lru_cache(maxsize=None)
def operations():
    found = []
    for path, item in document()["paths"].items():
        for method in METHODS:
            if method in item:
                found.append(Operation(method, path, item[method], item.get("parameters", [])))
    return found


def operation_of(method, path):
    method = "GET" if method == "HEAD" else method
    hits = [o for o in operations() if o.method == method and o.regex.match(path)]
    hits.sort(key=lambda o: not o.literal)
    return hits[0] if hits else None


@functools.lru_cache(maxsize=None)
def _validator(pointer):
    schema = {"$ref": pointer, "components": document()["components"]}
    return jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())


def _validate(schema, value):
    whole = dict(schema)
    whole["components"] = document()["components"]
    jsonschema.Draft202012Validator(whole, format_checker=jsonschema.FormatChecker()).validate(value)


# Given before it is known which operation is meant: operations have them under `default`.
REFUSED_EARLY = (408, 411, 414, 417, 431, 505)

PROBLEM_HEADERS = {401: "WWW-Authenticate", 405: "Allow", 429: "Retry-After", 503: "Retry-After"}


def check_reply(method, path, reply):
    """Fails unless the reply is one that the specification promises."""
    operation = operation_of(method, path)
    kind = reply.headers.get("Content-Type", "").split(";")[0]
    assert reply.headers.get("X-Request-Id"), "every reply carries X-Request-Id"
    if reply.status_code >= 400:
        assert method == "HEAD" or kind == "application/problem+json", (reply.status_code, kind, reply.text)
        needed = PROBLEM_HEADERS.get(reply.status_code)
        assert needed is None or needed in reply.headers, f"{reply.status_code} without {needed}"
        if method != "HEAD":
            _validate({"$ref": "#/components/schemas/Problem"}, reply.json())
            assert reply.json()["status"] == reply.status_code
            assert reply.json()["request_id"] == reply.headers["X-Request-Id"]
    if operation is None:
        assert reply.status_code in (400, 404, 405, 408, 411, 413, 414, 417, 431, 501, 505), reply.status_code
        return None
    if method == "OPTIONS":
        return operation
    responses = operation.responses()
    promised = responses.get(str(reply.status_code)) or (reply.status_code in REFUSED_EARLY and responses.get("default")) or None
    assert promised is not None, f"{operation.id} answered {reply.status_code}, which its specification does not name: {reply.text[:300]}"
    if reply.status_code >= 400 or reply.status_code in (204, 304) or method == "HEAD":
        return operation
    content = promised.get("content", {})
    assert kind in content, f"{operation.id}: {kind} is not in the specification"
    if kind == "application/json":
        _validate(content[kind]["schema"], reply.json())
    return operation
