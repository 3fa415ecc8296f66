"""The documentation as one HTML page: no script, nothing fetched from elsewhere, one inline style.

Entry point: page_html(spec, matrix). What an operation's part looks like is in docs_operation.py.
"""

from docs_html import STYLE, anchor_of, code, escape, inline, json_text, prose, table
from docs_operation import DEFAULT, PARAMETER_HEADS, OperationText
from docs_schema import SchemaText
from spec_model import METHODS
from spec_yaml import Map

PARTS = (("introduction", "Introduction"), ("permissions", "Roles and permissions"), ("problem", "Problems"))
LOG_IN = "auth_login"


class Page:
    def __init__(self, spec, matrix):
        self.spec, self.matrix, self.schemas = spec, matrix, SchemaText(spec)
        document = spec.document
        self.info = document.get("info") or {}
        self.server = str((document.get("servers") or [{}])[0].get("url", "")).rstrip("/")
        self.shared, self.refused = set(), None
        paths = document.get("paths") or {}
        self.operations = [
            OperationText(self, str(path), item, method)
            for path, item in paths.items()
            for method in METHODS
            if isinstance(item, Map) and isinstance(item.get(method), Map)
        ]
        self._share()
        self.tags = {str(tag.get("name")): str(tag.get("description") or "") for tag in document.get("tags") or []}
        for operation in self.operations:
            self.tags.setdefault(operation.tag, "")

    def _share(self):
        """Request headers and the default response, when every operation has them, are told once."""
        for key in self.operations[0].parameters if self.operations else ():
            if key[0] == "header" and all(key in operation.parameters for operation in self.operations):
                self.shared.add(key)
        defaults = {
            next((text for status, _, text in operation.responses() if status == DEFAULT), None)
            for operation in self.operations
        }
        self.refused = defaults.pop() if len(defaults) == 1 else None

    def html(self):
        title, version = escape(self.info.get("title", "API")), escape(self.info.get("version", ""))
        sections = "".join(self._section(tag) for tag in self.tags)
        return (
            '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            f"<title>{title}</title>\n<style>\n{STYLE}\n</style>\n</head>\n<body>\n"
            f'<header>\n<h1>{title}</h1>\n<p class="dim">{version} · <a href="/openapi.json">openapi.json</a></p>\n'
            f"<p>{inline(str(self.info.get('summary') or ''))}</p>\n</header>\n"
            f"{self._contents()}<main>\n{self._introduction()}{sections}</main>\n</body>\n</html>\n"
        )

    def _of(self, tag):
        return [operation for operation in self.operations if operation.tag == tag]

    def _contents(self):
        parts = "".join(f'<li><a href="#{anchor}">{title}</a></li>\n' for anchor, title in PARTS)
        out = [f'<nav aria-label="Contents">\n<h2 id="contents">Contents</h2>\n<ul>\n{parts}</ul>\n']
        for tag in self.tags:
            lines = "".join(self._contents_line(operation) for operation in self._of(tag))
            if lines:
                out.append(f'<p><a href="#{anchor_of("tag", tag)}"><strong>{escape(tag)}</strong></a></p>\n')
                out.append(f"<ul>\n{lines}</ul>\n")
        return "".join(out) + "</nav>\n"

    @staticmethod
    def _contents_line(operation):
        summary = f'<span class="dim">{inline(operation.summary)}</span>'
        return f'<li><a href="#{operation.anchor}">{operation.title()}</a> {summary}</li>\n'

    def _introduction(self):
        servers = "".join(
            f"<li>{code(server.get('url'))} {inline(str(server.get('description') or ''))}</li>\n"
            for server in self.spec.document.get("servers") or []
        )
        out = ['<section>\n<h2 id="introduction">Introduction</h2>\n', prose(self.info.get("description"))]
        out.append(f"\n<h4>Servers</h4>\n<ul>\n{servers}</ul>\n" if servers else "")
        if self.shared:
            first = self.operations[0]
            shared = [(key, value) for key, value in first.parameters.items() if key in self.shared]
            rows = [first.parameter_row(*key, parameter) for key, parameter in shared]
            out.append("<h4>Headers that every request may carry</h4>\n" + table(PARAMETER_HEADS, rows))
        out.append(f"<h4>To run the examples</h4>\n<pre>{escape(self._token_line())}</pre>\n")
        return "".join(out) + "</section>\n" + self._permissions() + self._problem()

    def _token_line(self):
        """How to get the $TOKEN of the examples; without a log-in in the spec, a place to put it."""
        log_in = [operation for operation in self.operations if operation.id == LOG_IN]
        if not log_in:
            return "TOKEN=…"
        return f"TOKEN=$({log_in[0].curl()} |\n  sed -n 's/.*\"access_token\": *\"\\([^\"]*\\)\".*/\\1/p')"

    def _permissions(self):
        rows = [
            [code(name), *("✓" if role in held else "" for role in self.matrix.roles)]
            for name, held in self.matrix.permissions.items()
        ]
        return (
            '<section>\n<h2 id="permissions">Roles and permissions</h2>\n'
            + table(("Permission", *self.matrix.roles), rows)
            + "</section>\n"
        )

    def _problem(self):
        schema = self.spec.resolve("#/components/schemas/Problem")
        out = '<section>\n<h2 id="problem">Problems</h2>\n'
        out += "<p>Every error is answered as <code>application/problem+json</code>.</p>\n"
        out += prose(self.refused) + "\n"
        if isinstance(schema, Map):
            rows = self.schemas.rows(schema)
            cells = [[code(row.name), escape(row.kind), prose(row.description)] for row in rows]
            out += table(("Field", "Type", ""), cells)
            given = self.schemas.given_example(schema)
            out += "" if given is None else f"<pre>{escape(json_text(given))}</pre>\n"
        return out + "</section>\n"

    def _section(self, tag):
        operations = self._of(tag)
        if not operations:
            return ""
        articles = "".join(operation.html() for operation in operations)
        heading = f'<h2 id="{anchor_of("tag", tag)}">{escape(tag)}</h2>'
        return f"<section>\n{heading}\n{prose(self.tags[tag])}\n{articles}</section>\n"


def page_html(spec, matrix):
    return Page(spec, matrix).html()
