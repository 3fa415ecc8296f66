"""The sources against the table of layers in docs/architecture.md, and the mechanical rules for C.

Each rule is a function that takes a file's name and text and lists its complaints; it is held against all of src/,
and against a sample that breaks it, so that a rule that sees nothing does not pass for one that is kept.
"""
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SRC = ROOT / "src"

# What a generator makes (CMakeLists.txt), and whose it is.
GENERATED = {"statements.h": "db", "permissions_gen.h": "auth", "operations_gen.h": "service",
             "openapi_gen.h": "service", "docs_gen.h": "service"}

# Headers that only some folders may see: what "does not know" means in the table.
RESERVED = {"libpq-fe.h": {"db"}, "kore/http.h": {"http"}, "kore/tasks.h": {"auth"}, "kore/seccomp.h": {"http"},
            "jwt.h": {"auth"},
            "openssl/ssl.h": {"http", "db"}}  # libpq's own TLS has to be asked for what it holds back


# ── reading C ──

TOKEN = re.compile(r"""/\*.*?\*/ | //[^\n]* | "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*'""", re.S | re.X)


def blank(text):
    """Newlines only, so that line numbers stay."""
    return re.sub(r"[^\n]", " ", text)


def code_of(text):
    """Without comments, and with empty strings."""
    return TOKEN.sub(lambda m: blank(m[0]) if m[0][0] == "/" else m[0][0] * 2, text)


def strings_of(text):
    """(line, content) of each string; neighbours are one string, as for the compiler."""
    text = TOKEN.sub(lambda m: blank(m[0]) if m[0][0] in "/'" else m[0], text)
    text = re.sub(r"^\s*#\s*include[^\n]*", lambda m: blank(m[0]), text, flags=re.M)
    found = []
    for match in re.finditer(r'"(?:\\.|[^"\\\n])*"(?:\s*"(?:\\.|[^"\\\n])*")*', text):
        content = "".join(re.findall(r'"((?:\\.|[^"\\\n])*)"', match[0]))
        found.append((text.count("\n", 0, match.start()) + 1, content))
    return found


def function_before(code, at):
    """The text of the function that `at` lies in, up to `at`: functions begin behind a line `{`."""
    return code[code.rfind("\n{", 0, at) + 1:at]


def line_of(code, at):
    return code.count("\n", 0, at) + 1


# ── the rules ──

def layers():
    """folder → what it may include, from the table; `X and below` is X with all that X may include."""
    text = (ROOT / "docs/architecture.md").read_text()
    rows = re.findall(r"^\| `src/(\w+)/` \| ([^|]*) \|", text, re.M)
    allowed = {}
    for folder, words in rows:
        names = set(re.findall(r"[a-z]+", words.replace("and below", "")))
        allowed[folder] = names | {folder}
        if "below" in words:
            for name in names:
                allowed[folder] |= allowed[name]
    return allowed


def check_layers(name, text):
    folder = name.split("/")[0]
    allowed = layers()[folder]
    for target in re.findall(r'^\s*#\s*include\s+"([^"]+)"', text, re.M):
        if "/" not in target:
            owner = GENERATED.get(target) or (folder if (SRC / folder / target).exists() else None)
        else:
            owner = target.split("/")[0]
        if owner is None or owner not in allowed:
            yield f"src/{folder}/ may not include {target}"
        elif target.endswith("_priv.h") and owner != folder:
            yield f"{target} is private to src/{owner}/"
    for target in re.findall(r"^\s*#\s*include\s+<([^>]+)>", text, re.M):
        if target in RESERVED and folder not in RESERVED[target]:
            yield f"src/{folder}/ may not know {target}"


SQL = re.compile(r"""\b(?:SELECT\s+[\w*($:'] | INSERT\s+INTO\b | UPDATE\s+\w+\s+SET\b | DELETE\s+FROM\b |
                     (?:CREATE|ALTER|DROP|TRUNCATE)\s+(?:TABLE|INDEX|FUNCTION|ROLE|SCHEMA|TYPE|EXTENSION)\b |
                     ^\s*(?:BEGIN|COMMIT|ROLLBACK|LISTEN|NOTIFY|DISCARD|VACUUM|EXECUTE|SET\s+\w+)\b |
                     WITH\s+\w+\s+AS\s*\( | \bFROM\s+\w+\s+WHERE\b)""", re.X | re.I)


def check_sql(name, text):
    if not name.endswith(".c"):
        return
    for line, content in strings_of(text):
        if SQL.search(content):
            yield f"line {line}: SQL belongs to sql/queries/: {content[:60]}"


ALLOCATOR = re.compile(r"(?<![\w.>])(malloc|calloc|realloc|reallocarray|free|strdup|strndup|asprintf|vasprintf|getline)"
                       r"\s*\(\s*(\w*)")


def check_allocator(name, text):
    """Outside core/ memory comes from core/mem.h and core/arena.h. The one exception is jansson, whose
    json_dumps gives memory of its own: free(x) where x was made by json_dumps in the same function."""
    if name.startswith("core/"):
        return
    code = code_of(text)
    for match in ALLOCATOR.finditer(code):
        dumped = rf"\b{match[2]}\s*=[^;=]*\bjson_dumps\s*\("
        if match[1] == "free" and match[2] and re.search(dumped, function_before(code, match.start())):
            continue
        yield f"line {line_of(code, match.start())}: {match[1]} outside src/core/"


UNBOUNDED = re.compile(r"(?<![\w.>])(strcpy|stpcpy|strcat|sprintf|vsprintf|gets|strncat|strncpy|scanf|sscanf|strtok|alloca)\s*\(")


def check_unbounded(name, text):
    code = code_of(text)
    for match in UNBOUNDED.finditer(code):
        yield f"line {line_of(code, match.start())}: {match[1]} writes without a bound, or keeps state of its own"


def check_head(name, text):
    if not re.match(r"/\*.*?\w{3}.*?\*/", text, re.S):
        yield "a file begins with a comment that says its job"


def check_guard_name(name, text):
    if name.endswith(".h"):
        wanted = "PARTYSTUDY_" + re.sub(r"\W", "_", name).upper()
        if f"#ifndef {wanted}\n#define {wanted}\n" not in text:
            yield f"the include guard is {wanted}"


RULES = {f.__name__: f for f in (check_layers, check_sql, check_allocator, check_unbounded, check_head,
                                 check_guard_name)}


def sources():
    return sorted(p for p in SRC.rglob("*") if p.suffix in (".c", ".h"))


def name_of(path):
    return path.relative_to(SRC).as_posix()


# ── the sources ──

@pytest.mark.parametrize("rule", RULES)
def test_sources_keep_the_rule(rule):
    assert len(sources()) > 80
    complaints = [f"src/{name_of(p)}: {c}" for p in sources() for c in RULES[rule](name_of(p), p.read_text())]
    assert not complaints, "\n".join(complaints)


def test_the_table_is_understood():
    assert {p.name for p in SRC.iterdir() if p.is_dir()} == set(layers()), "each folder has a row"
    assert layers() == {"core": {"core"}, "auth": {"auth", "core"}, "db": {"db", "core"},
                        "service": {"service", "db", "auth", "core"},
                        "http": {"http", "service", "db", "auth", "core"}}


def test_sources_stand_directly_in_a_folder():
    assert all(name_of(p).count("/") == 1 for p in SRC.rglob("*") if p.is_file())


def test_reserved_headers_are_where_they_may_be():
    """A row of RESERVED that nobody includes any more would guard nothing."""
    text = "\n".join(p.read_text() for p in sources())
    for header in RESERVED:
        assert f"#include <{header}>" in text, header


# ── each rule can fail ──

HEAD = "/* sample: what it is for. */\n"
BAD = [
    (check_layers, "db/x.c", '#include "http/conn.h"\n', "may not include http/conn.h"),
    (check_layers, "core/x.c", '#include "db/db.h"\n', "may not include db/db.h"),
    (check_layers, "auth/x.h", '  #  include "db/db.h"\n', "may not include db/db.h"),
    (check_layers, "auth/x.c", '#include "statements.h"\n', "may not include statements.h"),
    (check_layers, "service/x.c", '#include "nowhere.h"\n', "may not include nowhere.h"),
    (check_layers, "service/x.c", '#include "db/db_priv.h"\n', "db/db_priv.h is private"),
    (check_layers, "service/x.c", "#include <libpq-fe.h>\n", "may not know libpq-fe.h"),
    (check_layers, "service/x.c", "#include <kore/http.h>\n", "may not know kore/http.h"),
    (check_sql, "db/x.c", 'f("SELECT 1");', "line 1"),
    (check_sql, "db/x.c", 'f("select org_id "\n  "from org");', "line 1"),
    (check_sql, "db/x.c", '\nf("upd"\n"ate org set name = $1");', "line 2"),
    (check_sql, "db/x.c", 'f("BEGIN");', "line 1"),
    (check_sql, "db/x.c", 'f("SET statement_timeout = 1");', "line 1"),
    (check_sql, "db/x.c", '/* "a */ f("DELETE FROM org");', "line 1"),
    (check_allocator, "db/x.c", "p = malloc(3);", "malloc"),
    (check_allocator, "http/x.c", "a = b ? calloc (1, 2) : NULL;", "calloc"),
    (check_allocator, "auth/x.c", "{\n\tfree(p);\n}", "free"),
    (check_allocator, "auth/x.c", "x = strdup(y);", "strdup"),
    (check_allocator, "service/x.c", "void f(void)\n{\n\tt = json_dumps(o, 0);\n}\nvoid g(void)\n{\n\tfree(t);\n}\n",
     "line 7: free"),
    (check_allocator, "service/x.c", "void f(void)\n{\n\tt = json_dumps(o, 0);\n\tfree(u);\n}\n", "line 4: free"),
    (check_unbounded, "core/x.c", "strcpy(a, b);", "strcpy"),
    (check_unbounded, "core/x.c", "if (sprintf (a, b))", "sprintf"),
    (check_unbounded, "db/x.c", "strcat(a, b);", "strcat"),
    (check_head, "db/x.c", '#include "db/db.h"\n/* late */', "begins with a comment"),
    (check_head, "db/x.c", "/* */\n", "begins with a comment"),
    (check_head, "db/x.c", "\n/* late by a line */\n", "begins with a comment"),
    (check_guard_name, "db/x.h", HEAD + "#ifndef X_H\n#define X_H\n#endif\n", "PARTYSTUDY_DB_X_H"),
    (check_guard_name, "db/x.h", HEAD + "#pragma once\n", "PARTYSTUDY_DB_X_H"),
]

GOOD = [
    (check_layers, "http/x.c", '#include "service/op.h"\n#include "core/buf.h"\n#include <string.h>\n'),
    (check_layers, "db/x.c", '#include "db/db_priv.h"\n#include "statements.h"\n#include <libpq-fe.h>\n'),
    (check_sql, "db/x.c", '/* SELECT 1 */ f("selected %s from the list", x); // DELETE FROM org\n'),
    (check_sql, "http/x.c", 'f("DELETE"); g("set-cookie"); h("begins"); i("update the table");'),
    (check_sql, "db/x.h", 'f("SELECT 1");'),
    (check_allocator, "db/x.c", 'mem_free(p); x->free(p); s.free(p); f("free(p)"); /* malloc(3) */ json_free(p);'),
    (check_allocator, "core/x.c", "p = malloc(3);"),
    (check_allocator, "service/x.c", "void f(void)\n{\n\tchar *t = x ? json_dumps(o, 0) : NULL;\n\n\tfree(t);\n}\n"),
    (check_unbounded, "core/x.c", 'snprintf(a, 3, "sprintf(x)"); /* strcpy(a, b) */ buf_strcpy(a);'),
    (check_head, "db/x.c", HEAD),
    (check_guard_name, "db/x.h", HEAD + "#ifndef PARTYSTUDY_DB_X_H\n#define PARTYSTUDY_DB_X_H\n"),
    (check_guard_name, "db/x.c", HEAD),
]


@pytest.mark.parametrize("rule, name, text, words", BAD, ids=[f"{r[0].__name__}-{i}" for i, r in enumerate(BAD)])
def test_a_rule_sees_what_breaks_it(rule, name, text, words):
    complaints = list(rule(name, text))
    assert complaints and any(words in c for c in complaints), complaints


@pytest.mark.parametrize("rule, name, text", GOOD, ids=[f"{r[0].__name__}-{i}" for i, r in enumerate(GOOD)])
def test_a_rule_lets_pass_what_keeps_it(rule, name, text):
    assert list(rule(name, text)) == []


def test_every_rule_has_samples():
    assert {r[0] for r in BAD} == {r[0] for r in GOOD} == set(RULES.values())
