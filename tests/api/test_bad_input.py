"""
What no client should send, at every operation of the specification: nothing of it may do more than get the answer that
docs/errors.md promises. Bodies, fields, ids, cursors and parameters are made from api-spec/, so a new operation is
tested the day it is written. Each test ends with a look at every table: nothing has changed.
"""
import copy
import json
import random
import re
import uuid

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from support import raw, spec
from support.study import CONSTITUTION, DEMO, BRANCH, checksum

MIB = 1 << 20
FUZZ = settings(max_examples=25, deadline=None, derandomize=True, database=None, phases=[Phase.generate],
                suppress_health_check=list(HealthCheck))

WITH_BODY = [o for o in spec.operations() if o.request_schema()]
WITHOUT_BODY = [o for o in spec.operations() if not o.request_schema() and o.method != "GET"]
WITH_PATH = [o for o in spec.operations() if "{" in o.path]
LISTS = [o for o in spec.operations() if any(p["name"] == "cursor" for p in o.parameters)]


def of(operations):
    return pytest.mark.parametrize("operation", operations, ids=lambda o: o.id)


@pytest.fixture(scope="module")
def state(server, accounts):
    return [checksum(server)]


@pytest.fixture(autouse=True)
def nothing_changes(server, state):
    yield
    state.append(checksum(server))
    assert state[-1] == state[-2]


# ── making requests from the specification ────────────────────────────────────────────────────────

def example(operation):
    """A good body; the ids in it do not exist here."""
    return copy.deepcopy(operation.request_schema()["examples"][0])


def target(operation, ids=None):
    """The path with ids that nothing has."""
    ids = ids or {}
    return re.sub(r"\{(\w+)\}", lambda m: ids.get(m.group(1), str(uuid.uuid4())), operation.path)


def send(client, operation, body=None, ids=None, query="", content_type="application/json", headers=()):
    headers = list(headers)
    if not operation.public:
        headers.append(raw.bearer(client.token))
    if body is not None and content_type is not None:
        headers.append(("Content-Type", content_type))
    if isinstance(body, (dict, list)):
        body = json.dumps(body).encode()
    if body is None and operation.method != "GET":
        body = b""
    return raw.send(client.base, operation.method, target(operation, ids) + query, headers, body)


def refused(reply, status, code):
    assert (reply.status_code, reply.json().get("code")) == (status, code), reply.text
    return reply


# ── bodies that are no JSON ───────────────────────────────────────────────────────────────────────

BAD_JSON = {
    "empty": b"", "blank": b" \n ", "cut": b'{"name": "x', "cut after a key": b'{"name":', "only a brace": b"{",
    "surplus brace": b"{}}", "two documents": b"{} {}", "garbage": b"\x01\x02\x03", "word": b"nonsense", "NaN": b'{"x": NaN}',
    "Infinity": b'{"x": -Infinity}', "single quotes": b"{'x': 1}", "comment": b'{"x": 1} // y', "trailing comma": b'{"x": 1,}',
    "leading zero": b'{"x": 01}', "plus": b'{"x": +1}', "hexadecimal": b'{"x": 0x10}', "bare key": b"{x: 1}",
    "control character": b'{"x": "a\nb"}', "bad escape": b'{"x": "\\q"}', "short escape": b'{"x": "\\u12"}',
    "key twice": b'{"x": 1, "x": 1}', "key twice inside": b'{"x": {"y": 1, "y": 2}}', "key twice, escaped": b'{"x": 1, "\\u0078": 1}',
    "integer beyond 64 bits": b'{"x": 9223372036854775808}', "far beyond": b'{"x": -1' + b"0" * 400 + b"}", "1e400": b'{"x": 1e400}',
    "high surrogate alone": b'{"x": "\\ud800"}', "low surrogate alone": b'{"x": "\\udc00"}',
    "surrogates the wrong way": b'{"x": "\\udc00\\ud800"}', "NUL in a key": b'{"a\\u0000b": 1}', "NUL byte": b'{"x": "a\0b"}',
    "byte order mark": b'\xef\xbb\xbf{}', "UTF-16": None,
}
BAD_JSON.pop("UTF-16")
BAD_UTF8 = {"stray byte": b"\xff", "stray continuation": b"\x80", "cut sequence": b"\xe4\xb8", "overlong slash": b"\xc0\xaf",
            "overlong NUL": b"\xc0\x80", "surrogate": b"\xed\xa0\x80", "beyond Unicode": b"\xf4\x90\x80\x80", "GBK": "中文".encode("gbk")}


@of(WITH_BODY)
def test_a_body_that_is_no_json(admin, operation):
    for name, body in BAD_JSON.items():
        reply = send(admin, operation, body)
        assert (reply.status_code, reply.code) == (400, "bad_json"), (name, reply.text)
    for name, bad in BAD_UTF8.items():
        for body in (b'{"x": "' + bad + b'"}', b'{"' + bad + b'": 1}', bad):
            reply = send(admin, operation, body)
            assert (reply.status_code, reply.code) == (400, "bad_encoding"), (name, reply.text)


@of(WITH_BODY)
def test_a_body_that_is_cut_anywhere(admin, operation):
    whole = json.dumps(example(operation), ensure_ascii=False).encode()
    for length in sorted(random.Random(operation.id).sample(range(1, len(whole)), 12)):
        reply = send(admin, operation, whole[:length])
        assert reply.status_code == 400 and reply.code in ("bad_json", "bad_encoding"), whole[:length]


@of(WITH_BODY)
def test_depth(admin, operation):
    for opening, closing in ((b"[", b"]"), (b'{"x":', b"}")):
        for depth in (33, 100_000):
            refused(send(admin, operation, opening * depth + b"1" + closing * depth), 400, "json_too_deep")
            refused(send(admin, operation, opening * depth), 400, "json_too_deep")
        refused(send(admin, operation, opening * 32 + b"1" + closing * 32), 422, "validation_failed")
    reply = refused(send(admin, operation, b'{"x": "' + b"[" * 1000 + b'"}'), 422, "validation_failed")
    assert reply.fields["x"] == "unknown", "brackets in a text are no depth"


@of(WITH_BODY)
def test_a_body_that_is_no_object(admin, operation):
    for body in (b"[]", b"[{}]", b'"text"', b"7", b"1.5", b"true", b"null"):
        assert refused(send(admin, operation, body), 422, "validation_failed").fields["body"] == "type"


@of(WITH_BODY)
def test_content_types(admin, operation):
    body = json.dumps(example(operation)).encode()
    patch = "application/merge-patch+json"
    for content_type in (None, "text/plain", "application/jsonx", "application/xml", "application", "text/json", "*/*", "json",
                         "multipart/form-data; boundary=x", "application/x-www-form-urlencoded", "x" * 500,
                         "text/plain; application/json", "application/json-patch+json",
                         *([] if operation.method == "PATCH" else [patch])):
        refused(send(admin, operation, body, content_type=content_type), 415, "unsupported_media_type")
    for content_type in ("application/json", "APPLICATION/JSON", "application/json; charset=utf-8", "application/json;charset=UTF-8",
                         *([patch] if operation.method == "PATCH" else [])):
        refused(send(admin, operation, b"{", content_type=content_type), 400, "bad_json")


@of(WITH_BODY)
def test_a_body_that_is_too_large(admin, operation):
    limit = 4 * MIB if operation.item.get("x-large-body") else MIB
    body = b'{"nonsense": 1}'
    assert refused(send(admin, operation, body.ljust(limit)), 422, "validation_failed").fields["nonsense"] == "unknown"
    refused(send(admin, operation, body.ljust(limit + 1)), 413, "body_too_large")
    refused(send(admin, operation, body.ljust(8 * MIB)), 413, "body_too_large")
    headers = [("Content-Length", "99999999999999999")]
    refused(raw.send(admin.base, operation.method, target(operation), [raw.bearer(admin.token), *headers]), 413, "body_too_large")


@of(WITH_BODY)
def test_a_large_body_of_little_things(admin, operation):
    """As much for the parser to build as a body can hold: an answer, and the worker lives."""
    for body in (b"[" + b"0," * (MIB // 2 - 2) + b"0]", b"[" + b"[]," * (MIB // 3 - 2) + b"0]",
                 json.dumps({f"x{n}": n for n in range(60_000)}).encode()):
        reply = send(admin, operation, body)
        assert (reply.status_code, reply.code) in ((422, "validation_failed"), (413, "body_too_large")), reply.text
        assert len(reply.json().get("errors", [])) <= 100


@of(WITHOUT_BODY)
def test_a_body_where_none_is_taken(admin, operation):
    for body in (b"{}", b"x"):
        refused(send(admin, operation, body), 400, "body_not_allowed")


# ── fields ────────────────────────────────────────────────────────────────────────────────────────

FORMATS = {
    "uuid": ["x", "", "0" * 32, "{" + str(uuid.uuid4()) + "}", str(uuid.uuid4())[:-1], str(uuid.uuid4()) + "0",
             str(uuid.uuid4()) + "\n", "g" * 8 + str(uuid.uuid4())[8:], str(uuid.uuid4()).replace("-", "_"), "x" * 9000,
             "' OR 1=1 --", "urn:uuid:" + str(uuid.uuid4())],
    "date": ["x", "", "2026-02-30", "2025-02-29", "2026-13-01", "20260201", "2026-1-1", "2026-02-01T00:00:00Z", "0000-01-01",
             "-2026-01-01", "99999-01-01", "2026-01-01\n", "infinity", "epoch", "now"],
    "date-time": ["x", "", "2026-02-30T00:00:00Z", "2026-01-01", "2026-01-01T00:00:00", "2026-01-01T24:00:00Z",
                  "2026-01-01T25:00:00Z", "2026-01-01T00:60:00Z", "2026-01-01T00:00:00+24:00", "2026-01-01T00:00Z", "now",
                  "infinity", "1767225600"],
    "uri": ["x", "", "ftp://example.org/", "javascript:alert(1)", "http://", "https:///x", "//example.org/", "http://a b/",
            "http://user:pw@example.org/", "http://example.org/\n", "http://example.org/\"<>", "http://example.org/%zz"],
}
ANY_TEXT_FAULT = {"format", "pattern", "enum", "too_short", "too_long"}


def bad_values(schema):
    """(value, codes one of which is right, steps down to where the fault is) for one field."""
    schema = spec.resolve(schema)
    types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    kind = next(t for t in types if t != "null")
    if "null" not in types:
        yield None, {"not_nullable"}, ()
    others = {"string": "text", "integer": 7, "boolean": True, "array": [], "object": {}, "number": 1.5}
    for name, value in others.items():
        if name != kind:
            yield value, {"type"}, ()
    yield from {"string": bad_texts, "integer": bad_integers, "array": bad_arrays}.get(kind, lambda s: ())(schema)


def bad_texts(schema):
    yield "\0", {"nul"}, ()
    yield "ab\0cd", {"nul"}, ()
    if schema.get("minLength", 0) > 0:
        yield "长" * (schema["minLength"] - 1), {"too_short"}, ()
    if "maxLength" in schema:
        yield "长" * (schema["maxLength"] + 1), {"too_long"}, ()
        yield "x" * 100_000, {"too_long"}, ()
    for text in FORMATS.get(schema.get("format"), ()):
        yield text, ANY_TEXT_FAULT, ()
    if "enum" in schema:
        for text in ("nonsense", "", schema["enum"][0].upper(), schema["enum"][0] + " "):
            yield text, {"enum"}, ()
    if "pattern" in schema:
        for text in ("!! !", "中文", schema.get("examples", ["a"])[0] + "\n"):
            yield text, {"pattern"}, ()


def bad_integers(schema):
    yield from (("7", {"type"}, ()), (1.5, {"type"}, ()), (1e300, {"type"}, ()))
    for bound, step, code in (("minimum", -1, "too_small"), ("maximum", 1, "too_large")):
        if bound in schema:
            for number in (schema[bound] + step, step * (2 ** 63 - 1), step * 2 ** 31):
                yield number, {code}, ()


def bad_arrays(schema):
    item = spec.resolve(schema["items"])
    good = sample(item)
    if schema.get("minItems", 0) > 0:
        yield [good] * (schema["minItems"] - 1), {"too_few"}, ()
    yield [good] * (schema["maxItems"] + 1), {"too_many"}, ()
    if not schema.get("x-item-errors"):  # those do not fail the request: test_progress.py
        for value, codes, steps in bad_values(item):
            for at in range(min(schema.get("minItems", 1), 2)):
                yield [value if n == at else good for n in range(max(schema.get("minItems", 1), 1))], codes, (at, *steps)


def sample(schema):
    """Something good."""
    schema = spec.resolve(schema)
    kind = schema["type"]
    if kind == "array":
        return [sample(schema["items"])] * schema.get("minItems", 0)
    return {"integer": schema.get("minimum", 0), "string": "x", "object": {}}[kind]


def field_name(name, steps):
    return name + "".join(f"[{s}]" for s in steps)


@of(WITH_BODY)
def test_each_field_with_each_fault(admin, operation):
    for name, schema in operation.request_schema()["properties"].items():
        for value, codes, steps in bad_values(schema):
            body = {**example(operation), name: value}
            reply = refused(send(admin, operation, body), 422, "validation_failed")
            assert set(reply.fields) == {field_name(name, steps)}, (name, value, reply.text)
            assert reply.fields[field_name(name, steps)] in codes, (name, value, reply.text)


@of(WITH_BODY)
def test_each_required_field_missing(admin, operation):
    required = operation.request_schema().get("required", [])
    for name in required:
        body = example(operation)
        body.pop(name)
        assert refused(send(admin, operation, body), 422, "validation_failed").fields == {name: "required"}
    if required:
        assert refused(send(admin, operation, {}), 422, "validation_failed").fields == {n: "required" for n in required}


@of(WITH_BODY)
def test_an_unknown_field(admin, operation):
    for name in ("nonsense", "", "Name", "name ", "__proto__", "version", "created_at", "名", "a.b", "x" * 64):
        assert refused(send(admin, operation, {**example(operation), name: 1}), 422, "validation_failed").fields == {name: "unknown"}
    reply = refused(send(admin, operation, {**example(operation), "x" * 100_000: 1}), 422, "validation_failed")
    assert len(reply.text) < 2000, "a reply does not repeat all it was sent"


@of(WITH_BODY)
def test_all_faults_at_once_are_all_named(admin, operation):
    schema = operation.request_schema()
    body = {name: {} for name in schema["properties"]}
    body["nonsense"] = body["more"] = 1
    expected = {name: "type" for name in schema["properties"]} | {"nonsense": "unknown", "more": "unknown", "foo": "unknown"}
    expected |= {p["name"]: "format" for p in operation.parameters if p["in"] == "path"}
    headers = []
    if any(p["name"] == "Idempotency-Key" for p in operation.parameters):
        headers, expected = [("Idempotency-Key", "a b")], {**expected, "Idempotency-Key": "pattern"}
    ids = {p["name"]: "x" for p in operation.parameters if p["in"] == "path"}
    reply = refused(send(admin, operation, body, ids, "?foo=1", headers=headers), 422, "validation_failed")
    assert reply.fields == expected


@of(WITH_BODY)
def test_no_more_than_a_hundred_faults_are_listed(admin, operation):
    reply = refused(send(admin, operation, {f"x{n}": n for n in range(5000)}), 422, "validation_failed")
    assert len(reply.json()["errors"]) == 100


# ── ids in the path ───────────────────────────────────────────────────────────────────────────────

GOOD = str(uuid.uuid4())
BAD_IDS = {bad: "format" for bad in (
    "x", "0" * 32, GOOD[:-1], GOOD + "0", "%20" + GOOD, GOOD + "%0a", "%7b" + GOOD + "%7d", "g" * 8 + GOOD[8:], "..%2f" + GOOD, "%2f",
    GOOD + "%2f", "%5c", "%2e%2e", "'%20OR%201=1--", "%25zz", GOOD.replace("-", "%5f"), "-", "~", "x" * 1500, "%e4%b8%ad", GOOD + ";x=1",
    GOOD + "+")}
BAD_IDS |= {bad: "encoding" for bad in (
    "%zz", "%", "%2", GOOD + "%", "%00", GOOD + "%00", "%ff", "%c0%af", "%c0%80", "%ed%a0%80", "%f4%90%80%80", "%e4%b8", "%u0041",
    GOOD + "%g0")}


@of(WITH_PATH)
def test_each_id_with_each_fault(admin, operation):
    names = [p["name"] for p in operation.parameters if p["in"] == "path"]
    body = example(operation) if operation.request_schema() else None
    for name in names:
        for bad, code in BAD_IDS.items():
            reply = send(admin, operation, body, {name: bad})
            assert (reply.status_code, reply.code, reply.fields) == (422, "validation_failed", {name: code}), (bad, reply.text)
    reply = send(admin, operation, body, {n: "x" for n in names}, "?foo=1")
    assert reply.fields == {**{n: "format" for n in names}, "foo": "unknown"}


@of(WITH_PATH)
def test_an_id_that_is_written_otherwise_is_the_same_id(admin, operation):
    """Upper case and percent-encoding are read; that nothing has this id is all that is wrong."""
    body = example(operation) if operation.request_schema() else None
    for spelled in (GOOD, GOOD.upper(), GOOD.replace("-", "%2D"), "%3" + GOOD[0] + GOOD[1:] if GOOD[0].isdigit() else GOOD):
        reply = send(admin, operation, body, {p["name"]: spelled for p in operation.parameters if p["in"] == "path"})
        assert (reply.status_code, reply.code) == (404, "not_found"), (spelled, reply.text)


@of(WITH_PATH)
def test_paths_that_are_nearly_right(admin, operation):
    headers = [raw.bearer(admin.token)]
    path = target(operation)
    body = None if operation.method == "GET" else b""
    for near in (path + "/", path + "//", "/" + path, path + "/x", path.replace("/v1", "/v1/"), path.replace("/v1", "/V1"),
                 path.replace("/v1/", "/v1/./"), path.replace("/v1/", "/v1/x/../"), re.sub(r"/[0-9a-f-]{36}", "/", path)):
        if spec.operation_of(operation.method, near) is None:
            reply = raw.send(admin.base, operation.method, near, headers, body)
            assert reply.status_code in (404, 405), (near, reply.text)


# ── parameters ────────────────────────────────────────────────────────────────────────────────────

def list_ids(operation):
    """Ids with which the list has more than one page for an admin."""
    return {"member_id": DEMO + "20005", "course_id": CONSTITUTION} if "{" in operation.path else {}


def get(client, operation, query):
    return raw.send(client.base, "GET", target(operation, list_ids(operation)) + query, [raw.bearer(client.token)])


@of([o for o in spec.operations()])
def test_unknown_and_repeated_parameters(admin, operation):
    body = example(operation) if operation.request_schema() else None
    for query, expected in (("?foo=1", {"foo": "unknown"}), ("?foo", {"foo": "unknown"}), ("?foo=1&bar=2", {"foo": "unknown", "bar": "unknown"}),
                            ("?%66oo=1", {"foo": "unknown"}), ("?=1", {"": "unknown"}), ("?Limit=1", {"Limit": "unknown"}),
                            ("?foo[]=1", {"foo[]": "unknown"}), ("?%zz=1", {"query": "encoding"}), ("?%00=1", {"query": "encoding"}),
                            ("?%ff", {"query": "encoding"})):
        reply = send(admin, operation, body, query=query)
        assert (reply.status_code, reply.fields) == (422, expected), (query, reply.text)
    for parameter in operation.parameters:
        if parameter["in"] == "query":
            name, value = parameter["name"], good_value(parameter)
            for query in (f"?{name}={value}&{name}={value}", f"?{name}={value}&{name}=", f"?{name}={value}&%{ord(name[0]):x}{name[1:]}={value}"):
                reply = send(admin, operation, query=query)
                assert (reply.status_code, reply.fields) == (422, {name: "repeated"}), (query, reply.text)


def good_value(parameter):
    schema = spec.resolve(parameter["schema"])
    if "enum" in schema:
        return schema["enum"][0]
    return {"uuid": GOOD}.get(schema.get("format")) or {"integer": "5", "boolean": "true", "string": "abc"}[schema["type"]]


@of([o for o in spec.operations() if any(p["in"] == "query" for p in o.parameters)])
def test_each_parameter_with_each_fault(admin, operation):
    for parameter in operation.parameters:
        if parameter["in"] != "query":
            continue
        name, schema = parameter["name"], spec.resolve(parameter["schema"])
        faults = {bad: {"encoding"} for bad in ("%zz", "%", "%00", "a%00b", "%ff", "%c0%af")}
        if schema.get("format") == "uuid":
            faults |= {bad: ANY_TEXT_FAULT for bad in ("", "x", GOOD[:-1], GOOD + "%20", "+" + GOOD, GOOD + "," + GOOD)}
        elif "enum" in schema:
            faults |= {bad: {"enum"} for bad in ("", "x", schema["enum"][0].upper(), schema["enum"][0] + "+")}
        elif schema["type"] == "boolean":
            faults |= {bad: {"type"} for bad in ("", "1", "True", "yes", "true+")}
        elif schema["type"] == "string":
            faults |= {"x" * (schema.get("maxLength", 0) + 1): ANY_TEXT_FAULT} if schema.get("maxLength", 9999) < 1700 else {}
            faults |= {"": ANY_TEXT_FAULT} if schema.get("minLength") else {}
        for bad, codes in faults.items():
            reply = get(admin, operation, f"?{name}={bad}")
            assert reply.status_code == 422 and set(reply.fields) == {name} and reply.fields[name] in codes, (name, bad, reply.text)


@of(LISTS)
def test_limits(admin, operation):
    for limit, code in {"0": "too_small", "201": "too_large", "-1": "too_small", "abc": "type", "": "type", "1e2": "type", "1.0": "type",
                        "+1": "type", "0x10": "type", "%201": "type", "1%20": "type", "01": "type", "１": "type", "9" * 19: "too_large",
                        "9" * 400: "too_large", "-" + "9" * 400: "too_small", "-0": "too_small", "null": "type", "1,2": "type"}.items():
        limit = "".join(c if ord(c) < 128 else "".join(f"%{b:02x}" for b in c.encode()) for c in limit)
        reply = get(admin, operation, "?limit=" + limit)
        assert (reply.status_code, reply.fields) == (422, {"limit": code}), (limit, reply.text)


@of(LISTS)
def test_bad_parameters_are_all_named(admin, operation):
    query, expected = "?limit=0&cursor=&foo=1", {"limit": "too_small", "cursor": "too_short", "foo": "unknown"}
    for parameter in operation.parameters:
        if parameter["in"] == "query" and parameter["name"] not in ("limit", "cursor"):
            query += f"&{parameter['name']}=%ff"
            expected[parameter["name"]] = "encoding"
    assert get(admin, operation, query).fields == expected


# ── cursors ───────────────────────────────────────────────────────────────────────────────────────

FILTERS = {"org_list": "below=" + DEMO + "10001", "member_list": "stage=full", "course_list": "required=true",
           "course_progress": "started=false"}


def cursor_of(client, operation, filters=""):
    reply = get(client, operation, "?limit=1" + ("&" + filters if filters else ""))
    assert reply.status_code == 200 and reply.json()["next_cursor"], "the test needs a list with several pages"
    return reply.json()["next_cursor"]


def cursor_refused(client, operation, cursor, filters=""):
    reply = get(client, operation, f"?cursor={cursor}" + ("&" + filters if filters else ""))
    assert (reply.status_code, reply.code) == (422, "cursor_invalid"), (cursor, reply.text)


@of(LISTS)
def test_cursors_that_nobody_made(admin, operation):
    cursor = cursor_of(admin, operation)
    assert get(admin, operation, "?cursor=" + cursor).status_code == 200
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    for at in range(len(cursor)):  # one character is another one
        cursor_refused(admin, operation, cursor[:at] + letters[(letters.index(cursor[at]) + 1) % 64] + cursor[at + 1:])
    for length in range(1, len(cursor)):
        cursor_refused(admin, operation, cursor[:length])
    for bad in ("x", "AAAA", "A" * 11, "A" * 1611, cursor + "A", cursor * 2, cursor + "=", "=" * 4, "%20" + cursor, cursor + "%0a",
                "eyJhIjoxfQ", "%5b%22x%22%5d", "-" * 40, cursor.swapcase(), "%e4%b8%ad"):
        cursor_refused(admin, operation, bad)
    assert get(admin, operation, "?cursor=" + "A" * 1612).fields == {"cursor": "too_long"}
    refused(get(admin, operation, "?cursor=" + "A" * 10_240), 414, "uri_too_long")


@of(LISTS)
def test_cursors_of_other_lists(admin, operation):
    cursor = cursor_of(admin, operation)
    for other in LISTS:
        if other.id != operation.id:
            cursor_refused(admin, other, cursor)
    filters = FILTERS.get(operation.id)
    if filters:
        cursor_refused(admin, operation, cursor, filters)
        filtered = cursor_of(admin, operation, filters)
        cursor_refused(admin, operation, filtered)
        assert get(admin, operation, f"?cursor={filtered}&{filters}").status_code == 200
    else:
        assert not [p for p in operation.parameters if p["in"] == "query" and p["name"] not in ("limit", "cursor")], \
            "a list with filters: say one in FILTERS"
    assert get(admin, operation, f"?limit=7&cursor={cursor}").status_code == 200, "the limit is no filter"


@of([o for o in LISTS if "{" in o.path])
def test_cursors_of_the_same_list_of_another_record(admin, operation):
    cursor = cursor_of(admin, operation)
    ids = {"member_id": DEMO + "20002", "course_id": DEMO + "30002"}
    path = re.sub(r"\{(\w+)\}", lambda m: ids[m.group(1)], operation.path)
    reply = raw.send(admin.base, "GET", f"{path}?cursor={cursor}", [raw.bearer(admin.token)])
    assert (reply.status_code, reply.code) == (422, "cursor_invalid")


def test_a_cursor_in_another_persons_hands(admin, secretary):
    """It goes on in their own scope, no further."""
    operation = next(o for o in LISTS if o.id == "member_list")
    reply = get(secretary, operation, "?limit=200&cursor=" + cursor_of(admin, operation))
    assert reply.status_code == 200
    mine = {m["member_id"] for m in secretary.pages("/v1/members", org_id=BRANCH)}
    assert {m["member_id"] for m in reply.json()["items"]} <= mine


# ── anything at all ───────────────────────────────────────────────────────────────────────────────

NASTY = ["", "\0", "\u202e", "'", '"', "\\", "%", "_", "😀" * 30, "a\u0300", "null", "true", "{}", "$1", ":name", ";DROP TABLE member",
         "\ufffe", "\x7f", "x" * 5000, "2026-02-30", "1e5", GOOD, GOOD.upper()]
scalars = st.none() | st.booleans() | st.integers(-2 ** 63, 2 ** 63 - 1) | st.floats(allow_nan=False, allow_infinity=False) | \
    st.text(max_size=30) | st.sampled_from(NASTY)
documents = st.recursive(scalars, lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=10), inner, max_size=5),
                         max_leaves=25)


def held(reply):
    assert 400 <= reply.status_code < 500 or reply.status_code == 200, reply.text


@of(WITH_BODY)
def test_any_json_document(admin, operation):
    names = st.sampled_from(sorted(operation.request_schema()["properties"]) + ["nonsense"])

    @FUZZ
    @given(documents | st.dictionaries(names, documents, max_size=8))
    def check(document):
        if operation.method == "PATCH" and document == {}:
            document = {"nonsense": 1}
        held(send(admin, operation, json.dumps(document).encode()))
    check()


@of(WITH_BODY)
def test_a_good_body_with_a_few_things_in_it_replaced(admin, operation):
    """Goes deeper than a document of chance would: most of it passes."""
    def places(node, at=()):
        yield at
        for key in (node if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ()):
            yield from places(node[key], (*at, key))
    where = st.sampled_from([p for p in places(example(operation)) if p])

    @FUZZ
    @given(st.lists(st.tuples(where, scalars | documents), min_size=1, max_size=3))
    def check(changes):
        body = example(operation)
        for steps, value in changes:
            node = body
            for step in steps[:-1]:
                node = node[step] if isinstance(node, dict) and step in node or \
                    isinstance(node, list) and isinstance(step, int) and step < len(node) else None
            if isinstance(node, dict) or isinstance(node, list) and isinstance(steps[-1], int) and steps[-1] < len(node):
                node[steps[-1]] = value
        held(send(admin, operation, json.dumps(body).encode()))
    check()


@of(WITH_BODY)
def test_any_bytes(admin, operation):
    whole = json.dumps(example(operation), ensure_ascii=False).encode()

    @FUZZ
    @given(st.binary(max_size=200) | st.lists(st.tuples(st.integers(0, len(whole) - 1), st.integers(0, 255)), max_size=4))
    def check(noise):
        body = bytearray(whole)
        if isinstance(noise, bytes):
            body = noise
        else:
            for at, byte in noise:
                body[at] = byte
        held(send(admin, operation, bytes(body)))
    check()
