"""YAML with line numbers: every mapping knows the line of each key, every list of each item, so
that a complaint about the spec can say where.

Scalars follow YAML 1.2's core schema (`no`, `on` and 2026-01-01 are strings), as OpenAPI asks; the
same key twice is a complaint. Entry point: load_yaml.
"""

import re

import yaml


class Map(dict):
    """A mapping; `lines[key]` is where the key stands, `line` where the mapping begins."""

    def __init__(self, line):
        super().__init__()
        self.line = line
        self.lines = {}

    def line_of(self, key):
        return self.lines.get(key, self.line)


class Seq(list):
    """A list; `lines[index]` is where the item stands, `line` where the list begins."""

    def __init__(self, line):
        super().__init__()
        self.line = line
        self.lines = []


class _Core(yaml.SafeLoader):
    """SafeLoader with YAML 1.2's idea of what is not a string."""

    yaml_implicit_resolvers = {}


_Core.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"(?:true|false)\Z"), list("tf"))
_Core.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"(?:null|~|)\Z"), ["n", "~", ""])
_Core.add_implicit_resolver(
    "tag:yaml.org,2002:int", re.compile(r"[-+]?[0-9]+\Z"), list("-+0123456789")
)
_Core.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+)(?:[eE][-+]?[0-9]+)?\Z"),
    list("-+.0123456789"),
)

_SCALARS = {
    "tag:yaml.org,2002:bool": lambda text: text == "true",
    "tag:yaml.org,2002:null": lambda text: None,
    "tag:yaml.org,2002:int": int,
    "tag:yaml.org,2002:float": float,
    "tag:yaml.org,2002:str": str,
}


def _scalar(node, path, complaints):
    make = _SCALARS.get(node.tag)
    if make is None:
        complaints.add(path, node.start_mark.line + 1, f"YAML tag {node.tag} is not supported")
        return None
    return make(node.value)


def _mapping(node, path, complaints, above):
    out = Map(node.start_mark.line + 1)
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        if not isinstance(key_node, yaml.ScalarNode):
            complaints.add(path, line, "a key must be a plain text")
            continue
        key = key_node.value
        if key == "<<":
            complaints.add(path, line, "merge keys are not in YAML 1.2: use $ref")
        if key in out:
            complaints.add(path, line, f"the key {key} stands twice")
        out[key] = _convert(value_node, path, complaints, above)
        out.lines[key] = line
    return out


def _convert(node, path, complaints, above):
    if isinstance(node, yaml.ScalarNode):
        return _scalar(node, path, complaints)
    line = node.start_mark.line + 1
    if id(node) in above:
        complaints.add(path, line, "an alias that contains itself")
        return None
    above = above | {id(node)}
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, path, complaints, above)
    out = Seq(line)
    for item in node.value:
        out.append(_convert(item, path, complaints, above))
        out.lines.append(item.start_mark.line + 1)
    return out


def load_yaml(path, complaints):
    """The file as Map, Seq and scalars; a Map without keys when it cannot be read."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    try:
        node = yaml.compose(text, Loader=_Core)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or str(error)
        complaints.add(path, mark.line + 1 if mark else 1, problem)
        return Map(1)
    out = _convert(node, path, complaints, frozenset()) if node else None
    if not isinstance(out, Map):
        complaints.add(path, 1, "the file must hold a mapping")
        return Map(1)
    return out
