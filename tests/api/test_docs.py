"""The documentation against what it describes: settings, problems, field errors, links, and that every test is run."""
import pathlib
import re
import subprocess
import sys

import pytest

from support import spec

ROOT = pathlib.Path(__file__).resolve().parents[2]


def read(path):
    return (ROOT / path).read_text()


def table_rows(text, columns):
    """The rows of all tables with that many columns, as lists of cells; heads and rules left out."""
    rows = []
    for line in text.splitlines():
        cells = [c.strip() for c in re.split(r"(?<!\\)\|", line.strip())[1:-1]]
        if len(cells) == columns and not set("".join(cells)) <= set("-: "):
            rows.append(cells)
    return rows


# ── docs/configuration.md against src/core/conf.c ──

ROW = re.compile(r'^\tROW\("(\w+)", (\w+), (\d+), (\d+), (NULL|"[^"]*"), "([^"]*)", \w+\),$', re.M)
COMMAND_ROW = re.compile(r'^\tCOMMAND_ROW\("(\w+)", "([^"]*)", "([^"]*)"\),$', re.M)


def settings():
    """name → (default, bounds, help) as the page is to say it; None where any words will do."""
    text = read("src/core/conf.c")
    words = {"STRING": "text", "SECRET": "text", "PATH": "path", "IPV4": "IPv4 address", "IP": "IPv4 or IPv6 address",
             "LEVEL": "`error`, `info`, `debug`"}
    found = {}
    for name, kind, least, most, default, text_help in ROW.findall(text):
        default = {"NULL": "required", '""': "empty"}.get(default, "`" + default.strip('"') + "`")
        found[name] = (default, words.get(kind, f"{least} to {most}"), text_help)
    for name, default, text_help in COMMAND_ROW.findall(text):
        found[name] = (f"`{default}`" if default else "empty", None, "(command only) " + text_help)
    assert len(found) == len(re.findall(r"^\t(?:COMMAND_)?ROW\(", text, re.M)), "a row of conf.c is not understood"
    return found


def documented_settings():
    rows = table_rows(read("docs/configuration.md"), 4)[1:]
    names = [name.strip("`") for name, *_ in rows]
    assert len(names) == len(set(names)), "a setting stands there twice"
    # Placeholders stand in backticks on the page, or Markdown would take them for HTML.
    return {name.strip("`"): (default, bounds, re.sub(r"`([^`]*)`", r"\1", text)) for name, default, bounds, text in rows}


def test_every_setting_is_documented():
    assert list(documented_settings()) == list(settings()), "names, in the order of conf.c"


@pytest.mark.parametrize("name", settings())
def test_a_setting_is_documented_as_it_is(name):
    default, bounds, text = documented_settings()[name]
    expected = settings()[name]
    assert (default, text) == (expected[0], expected[2])
    assert bounds == expected[1] if expected[1] is not None else bounds


def test_the_command_knows_the_same_settings():
    out = subprocess.run([ROOT / "partystudy", "settings"], capture_output=True, text=True, check=True).stdout
    shown = set(re.findall(r"^((?:PARTYSTUDY_|DATABASE_)\w+)", out, re.M))
    assert shown == set(settings())


def test_no_page_names_a_setting_that_is_not_there():
    others = {"PARTYSTUDY_TESTS", "PARTYSTUDY_VERSION"}  # CMake's
    for page in pages():
        for name in re.findall(r"\bPARTYSTUDY_[A-Z_]+[A-Z]\b", page.read_text()):
            assert name in settings() or name in others, f"{page.relative_to(ROOT)} names {name}"


# ── docs/errors.md and the specification against src/core/problem.def ──

def problems():
    found = re.findall(r'^PROBLEM\((\w+), (\d+), "([^"]*)", "([^"]*)"\)$', read("src/core/problem.def"), re.M)
    assert len(found) == len(re.findall(r"^PROBLEM\(", read("src/core/problem.def"), re.M)), "a row is not understood"
    return [tuple(row) for row in found]


def test_every_problem_is_documented_as_it_is():
    documented = [(code.strip("`"), status, zh, en) for code, status, zh, en, _ in
                  table_rows(read("docs/errors.md"), 5) if code != "code"]
    assert sorted(documented) == sorted(problems())
    assert len({code for code, *_ in problems()}) == len(problems())


def test_the_specification_names_real_problems_at_their_status():
    statuses = {code: status for code, status, _, _ in problems()}
    for operation in spec.operations():
        for status, response in operation.item["responses"].items():
            text = response.get("description") or spec.resolve(response).get("description", "")
            codes = set(re.findall(r"`([a-z]+_[a-z_]+)`", text)) & set(statuses) if status[0] in "45" else set()
            wrong = {c for c in codes if statuses[c] != status}
            assert not wrong, f"{operation.id}: {wrong} under {status}"
            if status[0] in "45":
                unknown = set(re.findall(r"`([a-z]+_[a-z_]+)`", text)) - set(statuses) - property_names(spec.document()["components"])
                assert not unknown, f"{operation.id} {status} names {unknown}, which is no problem of ours"


def property_names(node):
    """Every property that a schema has."""
    names = set()
    if isinstance(node, dict):
        names |= set(node.get("properties", {}))
        node = list(node.values())
    if isinstance(node, list):
        for child in node:
            names |= property_names(child)
    return names


def test_the_database_refuses_with_problems_only():
    codes = {code for code, *_ in problems()}
    text = "\n".join(p.read_text() for folder in ("migrations", "queries") for p in (ROOT / "sql" / folder).glob("*.sql"))
    named = set(re.findall(r"refuse\('(\w+)'", text)) | set(re.findall(r"RETURN QUERY SELECT '(\w+)'", text))
    named |= set(re.findall(r"(?:THEN|ELSE) '(\w+)' (?:END|WHEN)", text)) & codes
    named |= set(re.findall(r"(?:CONSTRAINT|INDEX) (\w+?)__\w+", text))
    assert len(named) > 15 and named <= codes, named - codes


def test_every_field_error_is_documented():
    section = read("docs/errors.md").split("## Field errors")[1]
    documented = set()
    for codes, _ in table_rows(section, 2)[1:]:
        documented |= set(re.findall(r"`(\w+)`", codes))
    table = re.search(r"#define CHECKS.*?[^\\]\n\n", read("src/http/validate_priv.h"), re.S).group(0)
    made = set(re.findall(r'CHECK\(\w+, "(\w+)"', table))
    assert len(made) > 10 and documented == made


# ── links ──

def pages():
    found = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "api-spec").rglob("*.md"),
             *(ROOT / "tests").rglob("*.md"), *(ROOT / "conf").rglob("*.md")]
    return sorted(found)


def anchors(page):
    """The anchors that headings get on the usual hosts."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.M | re.S)
    heads = re.findall(r"^#+ +(.*)$", text, re.M)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def test_there_is_a_readme_in_both_languages():
    assert {"README.md", "README.zh-CN.md"} <= {p.name for p in pages()}


@pytest.mark.parametrize("page", pages(), ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.M | re.S)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        assert file.exists(), f"{target} is not there"
        assert not anchor or anchor in anchors(file), f"{target}: no such heading"


@pytest.mark.parametrize("page", pages(), ids=lambda p: str(p.relative_to(ROOT)))
def test_files_that_a_page_names_are_there(page):
    """`src/…`, `sql/…` and so on in backticks; patterns with * and … must match something."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.M | re.S)
    for name in re.findall(r"`((?:src|sql|tests|tools|docs|conf|api-spec)/[^`\s:]*)`", text):
        pattern = re.sub(r"\*\*$", "**/*", name.rstrip("/").replace("…", "*"))
        assert list(ROOT.glob(pattern)), f"{name} is not there"


# ── every test is run ──

def test_files():
    return sorted(p for p in (ROOT / "tests").rglob("test_*") if p.suffix in (".py", ".c", ".sh") and p.is_file())


test_files.__test__ = False


def folders_run():
    """{suffix: folders} that ./partystudy test runs; CMake's labels are named after the folders."""
    text = re.sub(r"^\s*#.*", "", read("tools/cmd/test.sh"), flags=re.M)
    globs = re.findall(r"file\(GLOB \w+ CONFIGURE_DEPENDS tests/(\w+)/test_\*\.c\)", read("CMakeLists.txt"))
    labels = set(re.findall(r"\btest_ctest (\w+)", text)) | set(re.findall(r"-L '?\^?(\w+)", text))
    return {".py": set(re.findall(r"\btest_pytest (\w+)", text)), ".c": set(globs) & labels}


def test_every_test_file_is_run():
    assert len(test_files()) > 20
    for file in test_files():
        place = file.relative_to(ROOT / "tests").parts
        assert len(place) == 2, f"{file.name}: a test file stands directly in a folder of tests/"
        assert place[0] in folders_run()[file.suffix], f"tests/{'/'.join(place)} is run by nobody"


def test_every_python_test_file_has_tests_that_are_collected():
    folders = sorted(folders_run()[".py"])
    assert folders
    out = subprocess.run([sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider",
                          *(f"tests/{f}" for f in folders)], cwd=ROOT, capture_output=True, text=True).stdout
    collected = set(re.findall(r"^(tests/\w+/\w+\.py)", out, re.M))
    assert collected == {str(f.relative_to(ROOT)) for f in test_files() if f.suffix == ".py"}, out[-2000:]


@pytest.mark.parametrize("file", [f for f in test_files() if f.suffix == ".c"], ids=lambda f: f.stem)
def test_every_c_test_is_in_its_list(file):
    """A test function that main() does not list is compiled and never run."""
    text = re.sub(r"/\*.*?\*/", "", file.read_text(), flags=re.S)
    functions = set(re.findall(r"^static void (\w+)\(void \*\*\w+\)$", text, re.M))
    # cmocka_unit_test(…) and its kin, or a macro of the file's own that stands for one of them.
    macros = set(re.findall(r"^#define (\w+)\([^)]*\)[^\n]*(?:\\\n[^\n]*)*\bcmocka_unit_test", text, re.M))
    calls = re.findall(rf"^\s*(?:cmocka_unit_test\w*|{'|'.join(macros) or 'cmocka_unit_test'})\(([^)]*)\)", text, re.M)
    listed = {name.strip() for names in calls for name in names.split(",")}
    assert functions and functions <= listed, functions - listed
    assert re.search(r"^int main\(void\)", text, re.M), "CMake makes a program of each file"
