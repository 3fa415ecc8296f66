"""The generators: good input makes C that compiles and says the same each time; every mistake ends
with 1 and `file:line: message` at the line of the mistake.

In the YAML and SQL below the mark `«here»` stands where the complaint is expected; it is removed
before the generator reads the text. Needs python3-yaml and a C compiler, no server, no database.
"""

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
MARK = "«here»"

PERMISSIONS = """\
roles:
  member: 党员
  admin: 管理员
permissions:
  orgs.read: {member: true, admin: true}
  orgs.write: {admin: true}
"""

QUERIES = """\
-- name: org_list :many
select org_id from org where ltree2text(path) > :after and (:kind::text is null or kind = :kind)
 limit :page_limit

-- name: org_get :one
select org_id from org where org_id = :org_id
"""

SPEC = """\
openapi: 3.1.0
info: {title: test, version: 0.0.1}
security: [{bearer: []}]
paths:
  /v1/orgs:
    get:
      operationId: org_list
      x-permission: orgs.read
      x-statement: org_list
      parameters:
        - {name: kind, in: query, schema: {type: string, enum: [branch, group]}}
        - {name: limit, in: query, schema: {type: integer, minimum: 1, maximum: 200, default: 50}}
        - {name: cursor, in: query, schema: {type: string, maxLength: 500}}
        - {name: If-None-Match, in: header, schema: {type: string}}
      responses: {'200': {description: ok}}
    post:
      operationId: org_create
      x-permission: orgs.write
      x-created-id: org_id
      x-large-body: true
      x-lane: slow
      requestBody:
        required: true
        content: {application/json: {schema: {$ref: '#/components/schemas/OrgNew'}}}
      responses: {'409': {description: no}, '201': {description: ok}}
  /v1/orgs/{org_id}:
    parameters: [{$ref: '#/components/parameters/org_id'}]
    get:
      operationId: org_get
      x-permission: signed-in
      x-statement: org_get
      responses: {'200': {description: ok}}
    patch:
      operationId: org_patch
      x-permission: orgs.write
      requestBody:
        required: true
        content: {application/merge-patch+json: {schema: {$ref: '#/components/schemas/OrgPatch'}}}
      responses: {'200': {description: ok}}
  /v1/login:
    post:
      operationId: login_create
      security: []
      x-public: true
      responses: {'204': {description: ok}}
components:
  parameters:
    org_id: {name: org_id, in: path, required: true, schema: {type: string, format: uuid}}
  schemas:
    Named:
      type: object
      required: [name]
      properties: {name: {type: string, minLength: 1, maxLength: 40}}
    OrgNew:
      unevaluatedProperties: false
      allOf: [{$ref: '#/components/schemas/Named'}]
      properties:
        org_id: {type: string, format: uuid}
        code: {type: string, maxLength: 9, pattern: '^[A-Z](-[0-9]+)*$'}
        open: {type: boolean, default: true}
        contacts:
          type: array
          maxItems: 5
          x-item-errors: true
          items: {oneOf: [{$ref: '#/components/schemas/Phone'}, {$ref: '#/components/schemas/Site'}],
                  discriminator: {propertyName: kind}}
    Phone:
      type: object
      additionalProperties: false
      required: [kind, number]
      properties: {kind: {type: string, const: phone}, number: {type: string}}
    Site:
      type: object
      additionalProperties: false
      required: [kind, url]
      properties: {kind: {type: string, enum: [site]}, url: {type: string, format: uri}}
    OrgPatch:
      type: object
      additionalProperties: false
      properties: {note: {type: [string, 'null'], maxLength: 20}, rank: {type: integer}}
"""


class Tree:
    """The inputs in a directory of their own."""

    def __init__(self, path):
        self.path = path
        self.out = path / "out"
        (path / "spec").mkdir()
        (path / "queries").mkdir()
        self.write("spec/openapi.yaml", SPEC)
        self.write("spec/permissions.yaml", PERMISSIONS)
        self.write("queries/orgs.sql", QUERIES)

    def write(self, name, text):
        """Writes without the mark; the line the mark stood on, or None."""
        (self.path / name).write_text(text.replace(MARK, ""), encoding="utf-8")
        return text[: text.index(MARK)].count("\n") + 1 if MARK in text else None

    def change(self, name, old, new):
        text = (self.path / name).read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times"
        return self.write(name, text.replace(old, new))

    def run(self, tool):
        spec = ["--spec", str(self.path / "spec")] if tool == "gen_operations" else []
        command = [sys.executable, str(ROOT / "tools" / f"{tool}.py"), *spec]
        command += ["--queries", str(self.path / "queries"), "--out", str(self.out)]
        environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
        return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)

    def good(self, tool):
        done = self.run(tool)
        assert (done.returncode, done.stderr) == (0, "")

    def bad(self, tool, name, line, message):
        done = self.run(tool)
        assert done.returncode == 1, "the mistake was not seen"
        assert "Traceback" not in done.stderr
        places = re.findall(r"^(.+?):(\d+): (.+)$", done.stderr, re.MULTILINE)
        assert len(places) == len(done.stderr.splitlines()), done.stderr
        wanted = [p for p in places if p[0].endswith(name) and message in p[2]]
        assert wanted, done.stderr
        if line is not None:
            assert line in [int(place[1]) for place in wanted], done.stderr
        assert not self.out.exists(), "wrong input must leave nothing behind"


@pytest.fixture
def tree(tmp_path):
    return Tree(tmp_path)


# ── good input ───────────────────────────────────────────────────────────────────────────────────


def compile_c(tree, name):
    flags = "-std=c11 -D_GNU_SOURCE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror".split()
    command = ["cc", *flags, "-fsyntax-only", f"-I{ROOT / 'src'}", f"-I{tree.out}"]
    done = subprocess.run(
        [*command, str(tree.out / name)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def generate(tree):
    tree.good("gen_statements")
    tree.good("gen_operations")
    return {path.name: path.read_text(encoding="utf-8") for path in tree.out.iterdir()}


def test_everything_that_is_made_compiles(tree):
    for name in generate(tree):
        if name.endswith(".c"):
            compile_c(tree, name)


def test_same_input_same_bytes_and_untouched_files(tree):
    first = generate(tree)
    for path in tree.out.iterdir():
        os.utime(path, (1, 1))
    assert generate(tree) == first
    assert {path.stat().st_mtime for path in tree.out.iterdir()} == {1}


def operation_of(source, name):
    return source.split(f'.id = "{name}"', 1)[1].split("},\n", 1)[0]


def test_operations_say_what_the_spec_says(tree):
    source = generate(tree)["operations.c"]
    listing = operation_of(source, "org_list")
    assert ".paged = true" in listing and ".statement = DB_org_list" in listing
    assert ".handler = op_run_statement" in listing and ".idempotent_key = false" in listing
    assert ".permission = PERMISSION_orgs_read" in listing and ".nfields = 3" in listing
    create = operation_of(source, "org_create")
    assert ".success = 201" in create and ".created_id = \"org_id\"" in create
    assert ".large_body = true" in create and ".slow = true" in create
    assert ".idempotent_key = true" in create and ".handler = org_create" in create
    patch = operation_of(source, "org_patch")
    assert ".merge_patch = true" in patch and ".statement = -1" in patch
    login = operation_of(source, "login_create")
    assert ".auth = AUTH_NONE" in login and ".idempotent_key = false" in login
    assert ".has_body = false" in login and ".fields = NULL" in login
    got = operation_of(source, "org_get")
    assert ".auth = AUTH_BEARER" in got and ".permission = PERMISSION_NONE" in got


def test_fields_say_what_the_schemas_say(tree):
    source = generate(tree)["operations.c"]
    fields = {
        match.group(1): match.group()
        for match in re.finditer(r'\{\.name = "(\w+)".*', source)
    }
    assert ".min = INT64_C(1), .max = INT64_C(200)" in fields["limit"]
    assert '.fallback = "50"' in fields["limit"] and '.fallback = "true"' in fields["open"]
    assert ".required = true" in fields["name"] and ".max = INT64_C(40)" in fields["name"]
    assert ".nullable = true" in fields["note"] and ".nullable = false" in fields["rank"]
    assert ".min = INT64_MIN, .max = INT64_MAX" in fields["rank"]
    assert ".pattern_index = 0" in fields["code"] and ".pattern_index = -1" in fields["name"]
    assert ".item_errors = true" in fields["contacts"] and ".items = fields_" in fields["contacts"]
    assert ".type = FIELD_OBJECT" in fields["phone"] and ".type = FIELD_OBJECT" in fields["site"]
    assert ".type = FIELD_URI" in fields["url"] and ".type = FIELD_ANY_OF" in source
    assert 'choices_0[] = {"branch", "group", NULL}' in source


def test_the_spec_is_served_as_it_is(tree):
    source = generate(tree)["openapi_gen.c"]
    numbers = source.split("{", 1)[1].split("}", 1)[0]
    data = bytes(int(number) for number in numbers.split(",") if number.strip())
    # `no` is a text in YAML 1.2, and a boolean to safe_load
    assert json.loads(data) == yaml.safe_load(SPEC.replace("description: no", "description: 'no'"))


def test_the_matrix(tree):
    source = generate(tree)["permissions_gen.c"]
    assert '[PERMISSION_orgs_write] = {"orgs.write", 1u << ROLE_admin, "{admin}"}' in source
    assert '[PERMISSION_NONE] = {"", 1u << ROLE_member | 1u << ROLE_admin, "{member,admin}"}' in source


def statement_of(tree, sql):
    tree.write("queries/orgs.sql", "-- name: one :one\n" + sql)
    tree.good("gen_statements")
    source = (tree.out / "statements.c").read_text(encoding="utf-8")
    literals = source.split(".text =", 1)[1].split(".params", 1)[0]
    literals = literals.replace(r"\?", "?")  # kept apart for the sake of trigraphs
    text = "".join(ast.literal_eval(part) for part in re.findall(r'"(?:[^"\\]|\\.)*"', literals))
    params = re.search(r"params_one\[\] = \{(.*)\}", source)
    return text, [name.strip('" ') for name in params.group(1).split(",")] if params else []


@pytest.mark.parametrize(
    "sql, text, params",
    [
        ("select :b, :a, :b", "select $1, $2, $1", ["b", "a"]),
        ("select :a::int[]", "select $1::int[]", ["a"]),
        ("select ':a', ':it''s :b'", "select ':a', ':it''s :b'", []),
        (r"select E'\':a', :b", r"select E'\':a', $1", ["b"]),
        ("select '\\', :b", "select '\\', $1", ["b"]),
        ('select ":a""b", :b', 'select ":a""b", $1', ["b"]),
        ("select $$ :a; $$, $x$ $$ :a $x$, :b", "select $$ :a; $$, $x$ $$ :a $x$, $1", ["b"]),
        ("select 1 -- :a\n, :b", "select 1\n, $1", ["b"]),
        ("select /* :a /* ; */ :c */ :b", "select $1", ["b"]),
        ("select f(x := :a)", "select f(x := $1)", ["a"]),
        ("select a$1$ from t where x = :a;", "select a$1$ from t where x = $1", ["a"]),
        ("-- params: a, b\nselect :a, :b", "select $1, $2", ["a", "b"]),
        ("select 'two  \n\n  lines'", "select 'two  \n\n  lines'", []),
        ("select a ?? b", "select a ?? b", []),
        ("select :a;\n-- the end\n", "select $1", ["a"]),
    ],
)
def test_parameters_are_found(tree, sql, text, params):
    assert statement_of(tree, sql) == (text, params)


def test_the_real_inputs_are_good(tmp_path):
    for tool, spec in (("gen_statements", []), ("gen_operations", ["--spec", str(ROOT / "api-spec")])):
        command = [sys.executable, str(ROOT / "tools" / f"{tool}.py"), *spec]
        command += ["--queries", str(ROOT / "sql" / "queries"), "--out", str(tmp_path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")


def test_implicit_parameters_are_those_that_op_binds():
    source = (ROOT / "src/service/op.c").read_text(encoding="utf-8")
    table = source.split("implicits[] = {", 1)[1].split("};", 1)[0]
    sys.path.insert(0, str(ROOT / "tools"))
    from spec_statement import IMPLICIT

    assert set(re.findall(r'\{"(\w+)"', table)) == IMPLICIT


def test_every_field_code_is_documented():
    source = (ROOT / "src/http/validate_priv.h").read_text(encoding="utf-8")
    codes = set(re.findall(r'CHECK\([A-Z_]+, "(\w+)"', source))
    table = (ROOT / "docs/errors.md").read_text(encoding="utf-8").split("## Field errors", 1)[1]
    documented = set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (`.*?) \|", table, re.MULTILINE))))
    assert codes and codes == documented


# ── bad queries ──────────────────────────────────────────────────────────────────────────────────

BAD_QUERIES = [
    ("select 1\n", "SQL in a block without a name"),
    (f"{MARK}-- name:\nselect 1\n", "a block without a name"),
    (f"{MARK}-- name: :one\nselect 1\n", "a block without a name"),
    (f"{MARK}-- name: a\nselect 1\n", "a block without a name"),
    (f"{MARK}-- name: a :all\nselect 1\n", "unknown kind :all"),
    (f"{MARK}-- name: aB :one\nselect 1\n", "not snake_case"),
    (f"{MARK}-- name: {'a' * 64} :one\nselect 1\n", "longer than 63"),
    (f"-- name: a :one\nselect 1\n\n{MARK}-- name: a :one\nselect 2\n", "two blocks are called a"),
    (f"{MARK}-- name: a :one\n-- nothing\n", "holds no SQL"),
    (f"-- name: a :one\nselect 1;\n{MARK}select 2\n", "a second statement"),
    (f"-- name: a :one\nselect 1;{MARK};\n", "a second semicolon"),
    (f"-- name: a :one\nselect 1,\n{MARK}$1\n", "write :name"),
    (f"-- name: a :one\nselect\n{MARK}:Name\n", "not snake_case"),
    (f"-- name: a :one\nselect x[1:{MARK} 2]\n", "begins no parameter"),
    (f"-- name: a :one\nselect\n{MARK}'x\n", "not closed"),
    (f"-- name: a :one\nselect\n{MARK}$x$ $$\n", "not closed"),
    (f"-- name: a :one\nselect 1\n{MARK}/* /* */\n", "does not end"),
    (f"-- name: a :one\n{MARK}-- params: b\nselect :b, :c\n", ":c is used but not declared"),
    (f"-- name: a :one\n{MARK}-- params: b, c\nselect :b\n", ":c is declared but not used"),
    (f"{MARK}-- name: a :one\nselect {', '.join(f':p{i}' for i in range(49))}\n", "at most 48"),
]


@pytest.mark.parametrize("sql, message", BAD_QUERIES)
def test_bad_queries(tree, sql, message):
    line = tree.write("queries/bad.sql", sql)
    tree.bad("gen_statements", "bad.sql", line, message)


def test_one_name_in_two_files(tree):
    tree.write("queries/zz.sql", "-- name: org_get :one\nselect 1\n")
    tree.bad("gen_statements", "zz.sql", 1, "two blocks are called org_get")


def test_no_queries_at_all(tree):
    tree.write("queries/orgs.sql", "-- nothing yet\n")
    tree.bad("gen_statements", "queries", 1, "no block at all")


# ── bad permissions ──────────────────────────────────────────────────────────────────────────────

BAD_PERMISSIONS = [
    ("orgs.write: {admin: true}", f"orgs.write: {MARK}{{boss: true}}", "unknown role boss"),
    ("orgs.write: {admin: true}", f"orgs.write: {MARK}{{admin: yes}}", "must be true or false"),
    ("orgs.write: {admin: true}", f"{MARK}Orgs.Write: {{admin: true}}", "write it as members.read"),
    ("orgs.write: {admin: true}", f"{MARK}orgs_read: {{admin: true}}", "the same C name"),
    ("orgs.write: {admin: true}", f"{MARK}orgs.write: admin", "write {role: true"),
    ("orgs.write: {admin: true}", f"{MARK}orgs.read: {{admin: true}}", "stands twice"),
    ("admin: 管理员", f"{MARK}Admin-1: x", "not snake_case"),
    ("permissions:", f"{MARK}permission:", "unknown key permission"),
    ("roles:", "roles: {}\nroles2:", "at least one role"),
    ("{admin: true}", "{admin: true", "expected"),
]


@pytest.mark.parametrize("old, new, message", BAD_PERMISSIONS)
def test_bad_permissions(tree, old, new, message):
    count = PERMISSIONS.count(old)
    text = PERMISSIONS if count == 1 else PERMISSIONS.replace(f"orgs.write: {old}", "orgs.write: @@")
    line = tree.write("spec/permissions.yaml", text.replace(old if count == 1 else "@@", new))
    tree.bad("gen_operations", "permissions.yaml", line, message)


# ── bad specs: (what stands in the good one, what to put there, the complaint) ───────────────────

LIMIT = "{type: integer, minimum: 1, maximum: 200, default: 50}"
CODE = "{type: string, maxLength: 9, pattern: '^[A-Z](-[0-9]+)*$'}"
CURSOR = "        - {name: cursor, in: query, schema: {type: string, maxLength: 500}}\n"

BAD_SPECS = [
    # operations
    ("      operationId: org_patch\n", "", "has no operationId"),
    ("operationId: org_patch", f"{MARK}operationId: orgPatch", "snake_case"),
    ("operationId: org_patch", f"{MARK}operationId: switch", "no word of C"),
    ("    patch:\n      operationId: org_patch", f"    {MARK}patch:\n      operationId: org_get", "stands twice"),
    ("  /v1/login:\n    post:", f"  /v1/login:\n    {MARK}trace:", "trace is not supported"),
    ("  /v1/login:", f"  {MARK}/v1/login/:", "no / at the end"),
    ("  /v1/login:", f"  {MARK}/v1/lo gin:", "a path is"),
    ("  /v1/login:", f"  {MARK}/v1/{{a}}x:", "a path is"),
    ("      x-large-body: true", f"      {MARK}x-large-boddy: true", "means nothing"),
    ("x-large-body: true", f"{MARK}x-large-body: 1", "must be true or false"),
    ("x-lane: slow", f"{MARK}x-lane: scenic", "fast or slow"),
    ("x-created-id: org_id", f"{MARK}x-created-id: name", "no uuid of the body"),
    ("'409': {description: no}, '201': {description: ok}", "'409': {description: no}", "200 to 299"),
    ("      x-statement: org_get\n", f"      x-statement: org_get\n      {MARK}x-idempotent: false\n", "is for post"),
    # access
    ("      x-permission: signed-in\n", "", "needs x-permission"),
    ("x-permission: signed-in", f"{MARK}x-permission: orgs.reed", "unknown permission orgs.reed"),
    ("x-public: true", f"x-public: true\n      {MARK}x-permission: signed-in", "exclude each other"),
    ("      security: []\n      x-public: true", f"      {MARK}x-public: true", "needs `security: []`"),
    ("      x-public: true", "      x-permission: signed-in", "needs x-public: true"),
    ("      x-public: true\n", "", "needs x-permission"),
    ("security: [{bearer: []}]\n", "", "the document needs a `security`"),
    # parameters
    ("    parameters: [{$ref: '#/components/parameters/org_id'}]\n", "", "org_id is not declared"),
    ("name: org_id, in: path, required: true", "name: org_id, in: path", "must be required"),
    ("name: kind, in: query", "name: kind, in: path, required: true", "not in the path"),
    ("name: kind, in: query", "name: kind, in: cookie", "cookie are not supported"),
    ("name: kind, in: query", "name: limit, in: query", "stands twice"),
    ("name: kind, in: query", "name: Kind, in: query", "not snake_case"),
    ("name: If-None-Match", "name: X-Colour", "nothing reads the header"),
    ("{type: string, enum: [branch, group]}", "{type: array, items: {type: string}}", "explode: false"),
    ("{type: string, enum: [branch, group]}", "{type: object, additionalProperties: false}", "only scalars"),
    ("{type: string, enum: [branch, group]}", "{type: [string, 'null']}", "cannot be null"),
    # references
    ("#/components/parameters/org_id", "#/components/parameters/org", "$ref to nothing"),
    ("#/components/schemas/Phone", "#/components/schemas/Fax", "$ref to nothing"),
    ("#/components/schemas/Phone", "other.yaml#/Phone", "$ref to nothing"),
    ("number: {type: string}", "number: {$ref: '#/components/schemas/Phone'}", "recursion"),
    # statements
    ("x-statement: org_get", f"{MARK}x-statement: org_got", "there is no statement org_got"),
    ("x-statement: org_get", f"{MARK}x-statement: org_list", "does not take the field org_id"),
    ("x-statement: org_list", f"{MARK}x-statement: org_get", "takes :org_id, which nothing binds"),
    # bodies
    ("      requestBody:\n        required: true\n        content: {application/json:",
     f"      {MARK}requestBody:\n        content: {{application/json:", "must be `required: true`"),
    ("content: {application/json:", "content: {text/csv:", "text/csv is not supported"),
    ("    patch:", "    put:", "is for patch"),
    ("    patch:", "    delete:", "delete carries no body"),
    ("      unevaluatedProperties: false\n", "", "beside allOf"),
    ("      type: object\n      additionalProperties: false\n      properties: {note",
     "      type: object\n      properties: {note", "write `additionalProperties: false`"),
    ("additionalProperties: false\n      properties: {note", "additionalProperties: true\n      properties: {note",
     "write `additionalProperties: false`"),
    ("rank: {type: integer}", "rank: {type: integer, default: 1}", "no default"),
    ("number: {type: string}", "number: {type: string, default: x}", "top level"),
    ("required: [kind, number]", "required: [kind, phone]", "required names phone"),
    ("org_id: {type: string, format: uuid}\n        code", "name: {type: string}\n        code", "allOf gives name twice"),
    ("discriminator: {propertyName: kind}", "description: x", "discriminator"),
    ("{type: string, enum: [site]}", "{type: string, enum: [site, home]}", "with one value"),
    ("{type: string, enum: [site]}", "{type: string, enum: [phone]}", "two variants"),
    ("          maxItems: 5\n", "", "maxItems up to"),
    ("maxItems: 5\n          x-item-errors", f"maxItems: 5\n          {MARK}x-items-errors", "not supported on array"),
    # schemas
    (LIMIT, LIMIT.replace("minimum", "exclusiveMinimum"), "exclusiveMinimum is not supported"),
    (LIMIT, LIMIT.replace("maximum: 200", "multipleOf: 2"), "multipleOf is not supported"),
    (LIMIT, LIMIT.replace("maximum: 200", "maxLength: 2"), "maxLength is not supported on integer"),
    (LIMIT, LIMIT.replace("maximum: 200", "maximum: 0"), "lower bound is above"),
    (LIMIT, LIMIT.replace("200", "1.5"), "whole number"),
    (LIMIT, LIMIT.replace("200", "9223372036854775808"), "whole number"),
    (LIMIT, LIMIT.replace("50", "500"), "default breaks"),
    (LIMIT, LIMIT.replace("50", "'50'"), "default is not a integer"),
    (LIMIT, LIMIT.replace("integer", "[integer, string]"), "must be one type"),
    (LIMIT, "{}", "must be one type"),
    (LIMIT, LIMIT.replace("minimum", "mimimum"), "mimimum is not supported"),
    ("{type: string, format: uri}", "{type: string, format: email}", "format email is not supported"),
    ("{type: string, format: uri}", "{type: string, uniqueItems: true}", "uniqueItems is not supported"),
    ("enum: [branch, group]", "enum: [branch, branch]", "twice"),
    ("enum: [branch, group]", "enum: [1, 2]", "on strings only"),
    ("enum: [branch, group]", "enum: []", "not empty"),
    (CODE, CODE.replace("maxLength: 9, ", ""), "pattern needs maxLength"),
    # YAML itself
    ("x-lane: slow", f"x-lane: slow\n      {MARK}x-lane: fast", "stands twice"),
    ("info: {title: test, version: 0.0.1}", "info: {title: test", "expected"),
    ("info: {title: test, version: 0.0.1}", f"info: {MARK}{{<<: {{a: b}}, title: test}}", "merge keys"),
    ("info: {title: test, version: 0.0.1}", f"info: {MARK}!!python/name:os.system x", "not supported"),
]


@pytest.mark.parametrize("old, new, message", BAD_SPECS, ids=[str(i) for i in range(len(BAD_SPECS))])
def test_bad_specs(tree, old, new, message):
    line = tree.change("spec/openapi.yaml", old, new)
    tree.bad("gen_operations", "openapi.yaml", line, message)


BAD_PATTERNS = [
    r"^\d+$", r"^\w$", r"^\s*$", r"^a+?$", r"^a*?b$", r"^a??$", r"^a{2}?$", r"^(?=a)a$", r"^(?:a)$",
    r"^(a)\1$", r"^[\w]$", r"^[[:alpha:]]$", r"^[]a]$", r"^[a$", r"^(a$", r"^a)$", r"^.$", r"^.{1,3}$",
    r"^[^a]$", r"^[^a]{3}$", r"^*a$", r"^a{,3}$", r"^a{3,1}$", r"^a{1,256}$", r"^a|b$", r"a$", r"^a",
    r"^a\$", r"^a$b$", r"^党$", r"^[党]$", r"^()$", r"^(a|)$", r"^a**$", r"^\/$", r"^}$", r"^]$",
]  # fmt: skip
GOOD_PATTERNS = [
    r"^[a-z0-9_-]+$", r"^.*$", r"^[^/]+$", r"^(ab|cd)?e{2,}$", r"^a\.b\\c\$$", r"^a{3}b{1,255}$",
    r"^[.+*?]$", r"^((a|b)+-)*$",
]  # fmt: skip


@pytest.mark.parametrize("pattern", BAD_PATTERNS)
def test_patterns_outside_the_common_subset(tree, pattern):
    tree.change("spec/openapi.yaml", "'^[A-Z](-[0-9]+)*$'", "'" + pattern + "'")
    tree.bad("gen_operations", "openapi.yaml", None, "pattern: ")


@pytest.mark.parametrize("pattern", GOOD_PATTERNS)
def test_patterns_of_the_common_subset(tree, pattern):
    tree.change("spec/openapi.yaml", "'^[A-Z](-[0-9]+)*$'", "'" + pattern + "'")
    tree.good("gen_operations")


def test_all_mistakes_are_told_at_once(tree):
    tree.change("spec/openapi.yaml", "x-lane: slow", "x-lane: scenic")
    tree.change("spec/openapi.yaml", "x-statement: org_get", "x-statement: org_got")
    tree.change("spec/permissions.yaml", "orgs.write: {admin: true}", "orgs.write: {boss: true}")
    assert len(tree.run("gen_operations").stderr.splitlines()) == 3
