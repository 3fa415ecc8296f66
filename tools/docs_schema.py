"""Schemas as people read them: rows of a table, and examples.

Entry points: SchemaText.rows, .example, .given_example. It reads what gen_operations.py has accepted for
requests and anything JSON Schema says about replies; a keyword it does not know is left out, never
an error. A schema that contains itself ends at the second time.
"""

import json

from spec_yaml import Map, Seq

DEPTH_MAX = 6
RANGES = (
    ("minLength", "maxLength", " characters"),
    ("minimum", "maximum", ""),
    ("minItems", "maxItems", " items"),
)
SAMPLES = {
    "uuid": "01900000-0000-7000-8000-000000000001",
    "date": "2026-11-09",
    "date-time": "2026-11-09T12:00:00Z",
    "uri": "https://media.example.org/01.mp4",
}
BLANKS = {"integer": 1, "number": 1, "boolean": True, "string": "…"}


class Row:
    """One line of a table of fields; `limits` holds pairs (words, code), either of them may be empty."""

    def __init__(self, name, kind, required, limits, description):
        self.name = name
        self.kind = kind
        self.required = required
        self.limits = limits
        self.description = description


def _items(value):
    return value if isinstance(value, list) else []


def _range(low, high, unit):
    if low is None and high is None:
        return None
    if low == high:
        return f"{low}{unit}"
    if low is None:
        return f"at most {high}{unit}"
    if high is None:
        return f"at least {low}{unit}"
    return f"{low}–{high}{unit}"


def shown(value):
    """A scalar of the spec as JSON writes it, texts without their quotes."""
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    return str(value)


class SchemaText:
    """`spec` resolves $ref (see spec_model.Spec)."""

    def __init__(self, spec):
        self.spec = spec

    def flatten(self, schema, seen=()):
        """One plain dict without $ref, allOf and `or null`; {"nullable": True} stands for the latter."""
        if not isinstance(schema, Map):
            return {"seen": seen}
        out = {}
        reference = schema.get("$ref")
        if reference in seen:
            return {"type": "object", "description": "As above.", "seen": seen}
        if reference is not None:
            out = self.flatten(self.spec.resolve(reference), (*seen, reference))
        for part in _items(schema.get("allOf")):
            self._merge(out, self.flatten(part, seen))
        self._alternatives(out, schema, seen)
        own = {key: value for key, value in schema.items() if key not in ("$ref", "allOf", "oneOf", "anyOf")}
        self._merge(out, own)
        kinds = out.get("type")
        if isinstance(kinds, list):
            out["nullable"] = out.get("nullable", False) or "null" in kinds
            rest = [kind for kind in kinds if kind != "null"]
            out["type"] = rest[0] if len(rest) == 1 else " or ".join(rest)
        out["seen"] = (*out.get("seen", ()), *seen)
        return out

    def _alternatives(self, out, schema, seen):
        for key in ("oneOf", "anyOf"):
            parts = [self.flatten(part, seen) for part in _items(schema.get(key))]
            real = [part for part in parts if part.get("type") != "null"]
            if len(real) == 1:
                self._merge(out, real[0])
            elif real:
                out["variants"] = real
            if len(real) < len(parts):
                out["nullable"] = True

    @staticmethod
    def _merge(out, more):
        for key, value in more.items():
            if key == "properties" and isinstance(value, dict):
                out[key] = {**out.get(key, {}), **value}
            elif key == "required" and isinstance(value, list):
                out[key] = [*out.get(key, []), *(name for name in value if name not in out.get(key, []))]
            elif key == "seen":
                out[key] = (*out.get(key, ()), *value)
            else:
                out[key] = value

    # ── rows ────────────────────────────────────────────────────────────────────────────────────

    def kind(self, flat):
        """uuid; integer; array of string or null."""
        if "variants" in flat:
            name = " or ".join(dict.fromkeys(self.kind(part) for part in flat["variants"]))
        elif flat.get("type") == "array":
            name = "array of " + self.kind(self.flatten(flat.get("items"), flat["seen"]))
        elif flat.get("type") == "string" and flat.get("format"):
            name = str(flat["format"])
        else:
            name = str(flat.get("type") or ("string" if "const" in flat else "any"))
        return name + (" or null" if flat.get("nullable") else "")

    @staticmethod
    def limits(flat):
        out = []
        for low, high, unit in RANGES:
            text = _range(flat.get(low), flat.get(high), unit)
            if text is not None:
                out.append((text, ""))
        if "const" in flat:
            out.append(("always ", shown(flat["const"])))
        choices = [choice for choice in _items(flat.get("enum")) if choice is not None]
        for at, choice in enumerate(choices):
            out.append(("one of " if at == 0 else "", shown(choice)))
        if "pattern" in flat:
            out.append(("matches ", str(flat["pattern"])))
        if "default" in flat:
            out.append(("default ", shown(flat["default"]) or '""'))
        return out

    def rows(self, schema, prefix="", depth=0):
        """The members of an object, of an array's items, of each variant; inner ones as a.b and a[].b."""
        flat = self.flatten(schema) if not isinstance(schema, dict) or isinstance(schema, Map) else schema
        for variant in flat.get("variants", []):
            yield from self.rows(variant, prefix, depth)
        if flat.get("type") == "array":
            yield from self.rows(self.flatten(flat.get("items"), flat["seen"]), prefix + "[]", depth)
            return
        for name, member in (flat.get("properties") or {}).items():
            inner = self.flatten(member, flat["seen"])
            path = f"{prefix}.{name}" if prefix else name
            yield self.row(path, inner, name in flat.get("required", []))
            if depth < DEPTH_MAX:
                yield from self.rows(inner, path, depth + 1)

    def row(self, name, flat, required):
        limits = self.limits(flat)
        if flat.get("type") == "array":
            limits += self.limits(self.flatten(flat.get("items"), flat["seen"]))
        return Row(name, self.kind(flat), required, limits, str(flat.get("description") or ""))

    # ── examples ────────────────────────────────────────────────────────────────────────────────

    def given_example(self, node):
        """The example that a media type, a parameter or a schema gives, or None."""
        flat = self.flatten(node)
        if "example" in flat:
            return flat["example"]
        examples = flat.get("examples")
        if isinstance(examples, Seq) and examples:
            return examples[0]
        if isinstance(examples, Map) and examples:
            return next(iter(examples.values())).get("value")
        return None

    def example(self, schema, depth=0):
        """The given example, else one with what is required."""
        given = self.given_example(schema)
        flat = self.flatten(schema)
        if given is not None:
            return given
        for key in ("const", "default"):
            if key in flat:
                return flat[key]
        if flat.get("enum"):
            return flat["enum"][0]
        if "variants" in flat or depth > DEPTH_MAX:
            return {}
        if flat.get("type") == "array":
            return [self.example(flat.get("items"), depth + 1)]
        if flat.get("type") == "object":
            members, required = flat.get("properties") or {}, flat.get("required", [])
            return {name: self.example(members[name], depth + 1) for name in required if name in members}
        return SAMPLES.get(flat.get("format"), BLANKS.get(flat.get("type")))
