"""HTML for the documentation: escaping, a little Markdown, tables, and the style sheet.

Entry points: escape, inline, prose, code, table, limits, anchor_of, json_text, STYLE. Of Markdown,
prose knows paragraphs, `- ` lists, `code` and **bold**; everything is escaped on its way.
"""

import html
import json
import re

CODE = re.compile(r"`([^`]+)`")
BOLD = re.compile(r"\*\*([^*]+)\*\*")
STYLE = """
:root { color-scheme: light dark; --ink: #1d2328; --dim: #5b6670; --paper: #fff; --panel: #f5f6f7;
  --line: #dcdfe2; --accent: #a3241d; --link: #0b5cad; }
@media (prefers-color-scheme: dark) { :root { --ink: #e3e6e8; --dim: #98a2ab; --paper: #15191c;
  --panel: #1e2428; --line: #363d43; --accent: #ef8a80; --link: #7db7f2; } }
* { box-sizing: border-box; }
html { scroll-padding-top: 1rem; -webkit-text-size-adjust: 100%; }
body { margin: 0 auto; max-width: 62rem; padding: 1rem; color: var(--ink); background: var(--paper);
  font: 16px/1.6 system-ui, "Noto Sans CJK SC", "PingFang SC", "Microsoft YaHei", sans-serif; }
h1, h2, h3, h4 { line-height: 1.3; }
h2 { margin-top: 3rem; border-bottom: 2px solid var(--line); padding-bottom: .3rem; }
h4 { margin: 1.2rem 0 .4rem; font-size: 1rem; }
a { color: var(--link); text-decoration: none; }
a:hover, a:focus { text-decoration: underline; }
code, pre { font-family: ui-monospace, "DejaVu Sans Mono", Consolas, monospace; font-size: .875em; }
code { overflow-wrap: anywhere; }
td:first-child code, h3 code { overflow-wrap: normal; }
pre { overflow-x: auto; background: var(--panel); border: 1px solid var(--line); border-radius: 6px;
  padding: .8rem; }
nav ul { list-style: none; padding: 0; margin: .3rem 0 1rem; }
nav li { padding: .1rem 0; }
article { border: 1px solid var(--line); border-radius: 8px; padding: 0 1rem 1rem; margin: 1.5rem 0; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .9375rem; }
th, td { text-align: left; vertical-align: top; padding: .35rem .6rem .35rem 0;
  border-bottom: 1px solid var(--line); }
th { color: var(--dim); font-weight: 600; }
td p { margin: 0; }
.method { display: inline-block; min-width: 3.6rem; font-weight: 700; color: var(--accent); }
.dim { color: var(--dim); }
summary { cursor: pointer; padding: .4rem 0; }
""".strip()


def escape(text):
    return html.escape(str(text), quote=True)


def inline(text):
    """One run of prose; what stands between backticks is taken as it is."""
    out = []
    for at, part in enumerate(CODE.split(text)):
        escaped = escape(part)
        out.append(f"<code>{escaped}</code>" if at % 2 else BOLD.sub(r"<strong>\1</strong>", escaped))
    return "".join(out)


def prose(text):
    out = []
    for block in re.split(r"\n\s*\n", str(text or "").strip()):
        lines = block.split("\n")
        if lines[0].startswith("- ") and all(re.match(r"- |\s{2,}\S", line) for line in lines):
            items = re.split(r"\n- ", "\n" + block)[1:]
            out.append("<ul>" + "".join(f"<li>{inline(item)}</li>" for item in items) + "</ul>")
        elif block:
            out.append(f"<p>{inline(block)}</p>")
    return "\n".join(out)


def anchor_of(*parts):
    return re.sub(r"[^A-Za-z0-9_-]+", "-", "-".join(str(part) for part in parts))


def table(heads, rows):
    """`rows`: lists of cells that are HTML already."""
    head = "".join(f"<th>{escape(title)}</th>" for title in heads)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>\n" for row in rows)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody></table></div>\n'


def code(text):
    return f"<code>{escape(text)}</code>"


def limits(pairs):
    """`pairs`: (words, code), see docs_schema.Row."""
    return ", ".join(escape(words) + (code(literal) if literal else "") for words, literal in pairs)


def json_text(value):
    short = json.dumps(value, ensure_ascii=False)
    return short if len(short) <= 72 else json.dumps(value, ensure_ascii=False, indent=2)
