"""What the documentation says about one operation: its parameters, body, replies, errors and a curl line.

Entry point: OperationText. `page` is docs_page.Page; it knows the server's address, the permission
matrix and what all operations have in common, so that it is not told each time.
"""

import json
import re
import shlex
from urllib.parse import quote

from docs_html import anchor_of, code, escape, inline, json_text, limits, prose, table
from spec_yaml import Map

SIGNED_IN = "signed-in"
DEFAULT = "default"  # the response to whatever is not listed
SHOWN_IN_CURL = ("limit", "If-Match", "Idempotency-Key")  # besides what is required
PARAMETER_HEADS = ("Name", "In", "Type", "Required", "Limits", "")


class OperationText:
    """What the page says about one operation of the spec."""

    def __init__(self, page, path, item, method):
        self.page, self.spec, self.schemas = page, page.spec, page.schemas
        self.path, self.method, self.node = path, method, item[method]
        self.id = str(self.node.get("operationId") or anchor_of(method, path))
        self.anchor = anchor_of("op", self.id)
        self.tag = str((self.node.get("tags") or ["other"])[0])
        self.summary = str(self.node.get("summary") or self.id)
        self.parameters = self._parameters(item.get("parameters"), self.node.get("parameters"))

    def _parameters(self, *levels):
        found = {}
        for level in levels:
            for entry in level or []:
                parameter = self.spec.deref(entry)
                found[(str(parameter.get("in")), str(parameter.get("name")))] = parameter
        return found

    def body(self):
        """(media type, its node), the first where there are several; (None, empty) without a body."""
        body = self.spec.deref(self.node.get("requestBody"))
        return next(iter((body.get("content") or {}).items()), (None, Map(1)))

    def title(self):
        return f'<span class="method">{escape(self.method.upper())}</span> {code(self.path)}'

    def html(self):
        parts = [
            f'<article id="{self.anchor}">\n<h3><a href="#{self.anchor}">{self.title()}</a></h3>\n',
            f"<p><strong>{inline(self.summary)}</strong> · {code(self.id)}</p>\n",
            prose(self.node.get("description")),
            f"\n<p>Permission: {self._permission()}</p>\n",
            self._parameters_html(),
            self._body_html(),
            f"<h4>Example</h4>\n<pre>{escape(self.curl())}</pre>\n",
            self._replies_html(),
            self._errors_html(),
            "</article>\n",
        ]
        return "".join(parts)

    def _permission(self):
        name = self.node.get("x-permission")
        if self.node.get("x-public") is True or name is None:
            return "none, open to everyone"
        if name == SIGNED_IN:
            return "any valid access token"
        roles = ", ".join(escape(role) for role in self.page.matrix.permissions.get(name, []))
        return f'<a href="#permissions">{code(name)}</a> <span class="dim">({roles})</span>'

    def parameter_row(self, place, name, parameter):
        flat = self.schemas.flatten(parameter.get("schema"))
        row = self.schemas.row(name, flat, parameter.get("required") is True)
        text = str(parameter.get("description") or row.description)
        required = "yes" if row.required else ""
        return [code(name), escape(place), escape(row.kind), required, limits(row.limits), prose(text)]

    def _parameters_html(self):
        own = [(key, value) for key, value in self.parameters.items() if key not in self.page.shared]
        if not own:
            return ""
        rows = [self.parameter_row(place, name, parameter) for (place, name), parameter in own]
        return "<h4>Parameters</h4>\n" + table(PARAMETER_HEADS, rows)

    def _fields(self, schema, required):
        """A table of fields; replies do not say which are required, they mostly all are."""
        rows = []
        for row in self.schemas.rows(schema):
            cells = [code(row.name), escape(row.kind), limits(row.limits), prose(row.description)]
            if required:
                cells.insert(2, "yes" if row.required else "")
            elif not row.required:
                cells[1] += ' <span class="dim">(not always there)</span>'
            rows.append(cells)
        heads = ["Field", "Type", "Required", "Limits", ""] if required else ["Field", "Type", "Limits", ""]
        return table(heads, rows) if rows else ""

    def _body_html(self):
        content = self.spec.deref(self.node.get("requestBody")).get("content") or {}
        if not content:
            return ""
        kinds = " or ".join(code(kind) for kind in content)
        return f"<h4>Body</h4>\n<p>{kinds}</p>\n" + self._fields(self.body()[1].get("schema"), True)

    # ── replies ─────────────────────────────────────────────────────────────────────────────────

    def responses(self):
        """(status, what it resolves to, its description)."""
        for status, node in (self.node.get("responses") or {}).items():
            response = self.spec.deref(node)
            text = node.get("description") if isinstance(node, Map) else None
            yield str(status), response, str(text or response.get("description") or "")

    def _replies_html(self):
        out = []
        for status, response, text in self.responses():
            if not re.fullmatch(r"[23]..", status):
                continue
            headers = ", ".join(code(name) for name in response.get("headers") or {})
            out.append(f"<h4>Reply {escape(status)}</h4>\n{prose(text)}\n")
            out.append(f'<p class="dim">Headers: {headers}</p>\n' if headers else "")
            for kind, media in (response.get("content") or {}).items():
                out.append(self._reply_body(kind, media))
        return "".join(out)

    def _reply_body(self, kind, media):
        fields = self._fields(media.get("schema"), False)
        if not fields:
            return f"<p>{code(kind)}</p>\n"
        given = self.schemas.given_example(media)
        given = self.schemas.given_example(media.get("schema")) if given is None else given
        example = "" if given is None else f"<pre>{escape(json_text(given))}</pre>\n"
        return f"<details><summary>Fields of the reply ({code(kind)})</summary>\n{fields}{example}</details>\n"

    def _errors_html(self):
        rows = [
            [escape("any" if status == DEFAULT else status), prose(text)]
            for status, _, text in self.responses()
            if not re.fullmatch(r"[23]..", status) and (status, text) != (DEFAULT, self.page.refused)
        ]
        if not rows:
            return ""
        when = table(("Status", "When"), rows)
        return f'<details><summary>Errors, as <a href="#problem">problems</a></summary>\n{when}</details>\n'

    # ── curl ────────────────────────────────────────────────────────────────────────────────────

    def _sample(self, parameter):
        given = self.schemas.given_example(parameter)
        return self.schemas.example(parameter.get("schema")) if given is None else given

    def _samples(self, place):
        """(name, value as text) of the parameters that belong into the example."""
        for (where, name), parameter in self.parameters.items():
            wanted = parameter.get("required") is True or name in SHOWN_IN_CURL
            if where == place and wanted and (where, name) not in self.page.shared:
                value = self._sample(parameter)
                yield name, value if isinstance(value, str) else json.dumps(value)

    def _url(self):
        path = self.path
        for name, text in self._samples("path"):
            path = path.replace("{" + name + "}", quote(text, safe=""))
        query = "&".join(f"{name}={quote(text, safe='')}" for name, text in self._samples("query"))
        return self.page.server + path + ("?" + query if query else "")

    def curl(self):
        method = "" if self.method == "get" else f"-X {self.method.upper()} "
        lines = [f"curl -s {method}" + shlex.quote(self._url())]
        if self.node.get("x-public") is not True:
            lines.append('-H "Authorization: Bearer $TOKEN"')
        lines += ["-H " + shlex.quote(f"{name}: {text}") for name, text in self._samples("header")]
        kind, media = self.body()
        if kind is not None:
            given = self.schemas.given_example(media)
            body = self.schemas.example(media.get("schema")) if given is None else given
            lines.append("-H " + shlex.quote(f"Content-Type: {kind}"))
            lines.append("-d " + shlex.quote(json_text(body)))
        return " \\\n  ".join(lines)
