"""Reads the named blocks of sql/queries/*.sql.

    -- name: course_get :one          :one, :many or :exec
    -- params: course_id, subject     optional; must then be exactly the parameters used
    select … where id = :course_id

A parameter is `:name` outside of literals, quoted identifiers, comments and `::type`. Parameters
are numbered in the order in which they first appear. Entry point: read_blocks. It does not know
what a statement means; a test prepares every one of them against the migrated schema.
"""

import glob
import os
import re

KINDS = ("one", "many", "exec")
PARAMS_MAX = 48  # DB_PARAMS_MAX in src/db/db.h
NAME_MAX = 63  # PostgreSQL cuts longer names of prepared statements

SNAKE_CASE = re.compile(r"[a-z][a-z0-9_]*\Z")
HEADER = re.compile(r"--\s*name\s*:")
HEADER_PARTS = re.compile(r"-- name: (\S+) :(\S+)\s*\Z")
PARAMS_LINE = re.compile(r"--\s*params:\s*(.*)\Z")
DOLLAR_TAG = re.compile(r"\$(?:[A-Za-z_\x80-\U0010ffff][A-Za-z0-9_\x80-\U0010ffff]*)?\$")
PARAMETER = re.compile(r":([A-Za-z_][A-Za-z0-9_]*)")
POSITIONAL = re.compile(r"\$[0-9]+")
WORD = re.compile(r"[A-Za-z_\x80-\U0010ffff][A-Za-z0-9_$\x80-\U0010ffff]*")
PREFIX_STRING = re.compile(r"[eE]'|[bBxXnN]'|[uU]&['\"]")


class Block:
    """One statement: `text` has $1…$n, `params` their names in that order."""

    def __init__(self, path, line, name, kind):
        self.path = path
        self.line = line
        self.name = name
        self.kind = kind
        self.text = ""
        self.params = []
        self.declared = None


class _Scanner:
    """Walks one block's SQL once, copying it without comments and with numbered parameters."""

    def __init__(self, block, source, first_line, complaints):
        self.block = block
        self.source = source
        self.first_line = first_line
        self.complaints = complaints
        self.at = 0
        self.out = []
        self.gap = ""  # the white space and comments since the last token, as one character
        self.ended = False  # a semicolon has been seen

    def complain(self, message):
        line = self.first_line + self.source.count("\n", 0, self.at)
        self.complaints.add(self.block.path, line, f"{self.block.name}: {message}")

    def run(self):
        while self.at < len(self.source):
            self.step()
        return "".join(self.out)

    def step(self):
        source, at = self.source, self.at
        char = source[at]
        if source.startswith("--", at):
            end = source.find("\n", at)
            self.at = len(source) if end < 0 else end
            self.gap = self.gap or " "
        elif source.startswith("/*", at):
            self.block_comment()
        elif char.isspace():
            self.gap = "\n" if char == "\n" else self.gap or " "
            self.at += 1
        elif char == ";":
            self.semicolon()
        else:
            if self.ended:
                self.complain("a second statement: one block is one statement")
                self.at = len(source)
                return
            if self.out and self.gap:
                self.out.append(self.gap)
            self.gap = ""
            self.token(char)

    def token(self, char):
        prefixed = PREFIX_STRING.match(self.source, self.at)
        if prefixed:
            length = len(prefixed.group()) - 1
            quote = prefixed.group()[-1]
            self.copy(length)
            self.quoted(quote, escapes=prefixed.group()[0] in "eE")
        elif char in "'\"":
            self.quoted(char, escapes=False)
        elif char == "$":
            self.dollar()
        elif char == ":":
            self.colon()
        else:
            word = WORD.match(self.source, self.at)
            self.copy(len(word.group()) if word else 1)

    def copy(self, count):
        self.out.append(self.source[self.at : self.at + count])
        self.at += count

    def semicolon(self):
        if self.ended:
            self.complain("a second semicolon: one block is one statement")
        self.ended = True
        self.at += 1

    def block_comment(self):
        depth, at = 0, self.at
        while at < len(self.source):
            if self.source.startswith("/*", at):
                depth, at = depth + 1, at + 2
            elif self.source.startswith("*/", at):
                depth, at = depth - 1, at + 2
                if depth == 0:
                    break
            else:
                at += 1
        if depth:
            self.complain("a comment that does not end")
        self.gap = self.gap or " "
        self.at = at

    def quoted(self, quote, escapes):
        at = self.at + 1
        while at < len(self.source):
            if escapes and self.source[at] == "\\":
                at += 2
            elif self.source.startswith(quote * 2, at):
                at += 2
            elif self.source[at] == quote:
                self.copy(at + 1 - self.at)
                return
            else:
                at += 1
        self.complain(f"a {quote} that is not closed")
        self.at = len(self.source)

    def dollar(self):
        tag = DOLLAR_TAG.match(self.source, self.at)
        if tag:
            end = self.source.find(tag.group(), tag.end())
            if end < 0:
                self.complain(f"a {tag.group()} that is not closed")
                self.at = len(self.source)
                return
            self.copy(end + len(tag.group()) - self.at)
            return
        if POSITIONAL.match(self.source, self.at):
            self.complain("a numbered parameter: write :name")
        self.copy(1)

    def colon(self):
        if self.source.startswith("::", self.at) or self.source.startswith(":=", self.at):
            self.copy(2)
            return
        parameter = PARAMETER.match(self.source, self.at)
        if not parameter:
            self.complain("a colon that begins no parameter")
            self.copy(1)
            return
        name = parameter.group(1)
        if not SNAKE_CASE.match(name):
            self.complain(f"parameter :{name} is not snake_case")
        if name not in self.block.params:
            self.block.params.append(name)
        self.out.append(f"${self.block.params.index(name) + 1}")
        self.at = parameter.end()


def _header(path, number, line, complaints):
    parts = HEADER_PARTS.match(line)
    if not parts:
        message = "a block without a name: write `-- name: course_get :one`"
        complaints.add(path, number, message)
        return Block(path, number, "?", "exec")
    name, kind = parts.groups()
    if not SNAKE_CASE.match(name):
        complaints.add(path, number, f"{name}: the name is not snake_case")
    elif len(name) > NAME_MAX:
        complaints.add(path, number, f"{name}: the name is longer than {NAME_MAX}")
    if kind not in KINDS:
        complaints.add(path, number, f"{name}: unknown kind :{kind} (one, many or exec)")
    return Block(path, number, name, kind)


def _finish(block, lines, complaints):
    first = block.line + 1
    for offset, line in enumerate(lines):
        declared = PARAMS_LINE.match(line)
        if declared:
            names = [name.strip() for name in declared.group(1).split(",")]
            block.declared = (first + offset, {name for name in names if name})
    block.text = _Scanner(block, "\n".join(lines), first, complaints).run()
    if not block.text:
        complaints.add(block.path, block.line, f"{block.name}: the block holds no SQL")
    if len(block.params) > PARAMS_MAX:
        message = f"{block.name}: {len(block.params)} parameters; at most {PARAMS_MAX}"
        complaints.add(block.path, block.line, message)
    _check_declared(block, complaints)


def _check_declared(block, complaints):
    if block.declared is None:
        return
    line, names = block.declared
    for name in sorted(names - set(block.params)):
        complaints.add(block.path, line, f"{block.name}: :{name} is declared but not used")
    for name in sorted(set(block.params) - names):
        complaints.add(block.path, line, f"{block.name}: :{name} is used but not declared")


def _read_file(path, complaints):
    with open(path, encoding="utf-8") as file:
        lines = file.read().split("\n")
    blocks, current, gathered = [], None, []
    for number, line in enumerate(lines, 1):
        if HEADER.match(line):
            if current:
                _finish(current, gathered, complaints)
            current, gathered = _header(path, number, line, complaints), []
            blocks.append(current)
        elif current:
            gathered.append(line)
        elif line.strip() and not line.startswith("--"):
            complaints.add(path, number, "SQL in a block without a name")
            return blocks
    if current:
        _finish(current, gathered, complaints)
    return blocks


def read_blocks(directory, complaints):
    """All blocks of all .sql files in the directory, files in the order of their names."""
    blocks, seen = [], {}
    for path in sorted(glob.glob(os.path.join(glob.escape(directory), "*.sql"))):
        for block in _read_file(path, complaints):
            earlier = seen.setdefault(block.name, block)
            if earlier is not block and block.name != "?":
                message = f"two blocks are called {block.name}; see {earlier.path}:{earlier.line}"
                complaints.add(block.path, block.line, message)
            blocks.append(block)
    return blocks
