"""From the schema of a parameter or of a body member to a Field, the model of `struct field` in
src/service/operation.h. What the validator does not implement fails the build, so that no keyword
in the spec is silently unchecked.

Entry points: SchemaReader.field, SchemaReader.members. $ref and allOf are resolved here; a schema
that contains itself is refused.
"""

import json
import re

from spec_pattern import pattern_error
from spec_yaml import Map, Seq

INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1
INT32_MIN, INT32_MAX = -(2**31), 2**31 - 1

ANNOTATIONS = {
    "title", "description", "example", "examples", "deprecated", "externalDocs",
    "writeOnly", "$comment",
}  # fmt: skip
COMMON = {"type", "default", "enum", "const"}
KEYWORDS = {
    "string": {"minLength", "maxLength", "pattern", "format"},
    "integer": {"minimum", "maximum", "format"},
    "number": {"minimum", "maximum", "format"},
    "boolean": set(),
    "array": {"items", "minItems", "maxItems"},
    "object": {"properties", "required", "additionalProperties", "unevaluatedProperties"},
}
BOUNDS = {
    "string": ("minLength", "maxLength"),
    "integer": ("minimum", "maximum"),
    "number": ("minimum", "maximum"),
    "array": ("minItems", "maxItems"),
}
STRING_FORMATS = {
    "uuid": "FIELD_UUID", "date": "FIELD_DATE", "date-time": "FIELD_TIMESTAMP",
    "uri": "FIELD_URI", "password": "FIELD_STRING",
}  # fmt: skip
NUMBER_FORMATS = {"integer": ("int32", "int64"), "number": ("float", "double")}
DISCRIMINATOR = "kind"
ITEM_ERRORS = "x-item-errors"
ITEM_ERRORS_MAX = 900  # each bad item is noted: stays below OP_FIELD_ERRORS_MAX in src/service/op.h

SNAKE_CASE = re.compile(r"[a-z][a-z0-9_]*\Z")
REALLY = {"string": str, "integer": int, "number": (int, float), "boolean": bool}


class Field:
    """The model of `struct field`; `fields` of an object or of variants, `items` of an array."""

    def __init__(self, name, type_="FIELD_STRING", place="PLACE_BODY"):
        self.name = name
        self.type = type_
        self.place = place
        self.required = False
        self.nullable = False
        self.min = None
        self.max = None
        self.pattern = None
        self.choices = None
        self.fields = []
        self.items = None
        self.fallback = None
        self.item_errors = False
        self.line = 0


class SchemaReader:
    """Reads schemas of one spec; `spec` resolves $ref and takes complaints (see spec_model)."""

    def __init__(self, spec):
        self.spec = spec

    # ── what a schema is, after $ref and allOf ──────────────────────────────────────────────────

    def flatten(self, schema, line, seen):
        """(schema without $ref, allOf and null alternative; nullable; the $refs passed)."""
        nullable = False
        while isinstance(schema, Map):
            if "$ref" in schema:
                schema, seen = self._follow(schema, seen)
            elif "allOf" in schema:
                return self._merge(schema, seen), nullable, seen
            elif self._null_alternative(schema):
                schema, nullable = self._null_alternative(schema), True
            else:
                return schema, nullable, seen
        if schema is not None:
            self.spec.complain(line, "a schema must be a mapping")
        return None, nullable, seen

    def _follow(self, schema, seen):
        reference, line = schema["$ref"], schema.line_of("$ref")
        for key in schema:
            if key != "$ref" and key not in ANNOTATIONS:
                self.spec.complain(schema.line_of(key), f"{key} beside $ref: use allOf")
        if reference in seen:
            self.spec.complain(line, f"{reference} contains itself: recursion is not supported")
            return None, seen
        return self.spec.resolve(reference), seen + (reference,)

    @staticmethod
    def _null_alternative(schema):
        """Of `oneOf: [X, {type: "null"}]` the X, else None."""
        choices = schema.get("oneOf") or schema.get("anyOf")
        if not isinstance(choices, Seq) or len(choices) != 2:
            return None
        others = [choice for choice in choices if dict(choice or {}) != {"type": "null"}]
        return others[0] if len(others) == 1 else None

    def _merge(self, schema, seen):
        """allOf of objects as one object. JSON Schema's own rule for closing it is kept."""
        merged = Map(schema.line)
        merged["type"] = "object"
        merged["properties"], merged["required"] = Map(schema.line), Seq(schema.line)
        if schema.get("unevaluatedProperties") is not False:
            message = "write `unevaluatedProperties: false` beside allOf"
            self.spec.complain(schema.line_of("allOf"), message)
        merged["unevaluatedProperties"] = False
        own = Map(schema.line)
        for key, value in schema.items():
            if key not in ("allOf", "unevaluatedProperties"):
                own[key], own.lines[key] = value, schema.line_of(key)
        for part in [*schema["allOf"], own]:
            flat, _, _ = self.flatten(part, schema.line, seen)
            if flat is not None:
                self._merge_part(merged, flat)
        return merged

    def _merge_part(self, merged, part):
        for key, value in part.items():
            line = part.line_of(key)
            if key == "properties" and isinstance(value, Map):
                for name, member in value.items():
                    if name in merged["properties"]:
                        self.spec.complain(value.line_of(name), f"allOf gives {name} twice")
                    merged["properties"][name] = member
                    merged["properties"].lines[name] = value.line_of(name)
            elif key == "required" and isinstance(value, Seq):
                merged["required"].extend(value)
                merged["required"].lines.extend(value.lines)
            elif key == "type" and value == "object":
                pass
            elif key in ("additionalProperties", "unevaluatedProperties") and value is False:
                self.spec.complain(line, f"{key}: false inside allOf refuses what the others allow")
            elif key not in ANNOTATIONS:
                self.spec.complain(line, f"{key} is not supported inside allOf")

    # ── fields ──────────────────────────────────────────────────────────────────────────────────

    def field(self, name, schema, line, place, seen=()):
        """The Field of a schema; complains and gives a plain string when it cannot."""
        field = Field(name, place=place)
        field.line = line
        flat, field.nullable, seen = self.flatten(schema, line, seen)
        if flat is None:
            if schema is None:
                self.spec.complain(line, f"{name}: a schema is missing")
            return field
        if "oneOf" in flat:
            self._variants(field, flat, seen)
            return field
        kind = self._kind(field, flat)
        if kind is None:
            return field
        self._check_keywords(name, flat, kind)
        self._fill(field, flat, kind, seen)
        return field

    def _kind(self, field, schema):
        kinds = schema.get("type")
        line = schema.line_of("type")
        kinds = list(kinds) if isinstance(kinds, Seq) else [kinds]
        if "null" in kinds:
            field.nullable = True
            kinds.remove("null")
        if len(kinds) != 1 or kinds[0] not in KEYWORDS:
            self.spec.complain(line, f"{field.name}: `type` must be one type, or [one, \"null\"]")
            return None
        return kinds[0]

    def _check_keywords(self, name, schema, kind):
        known = ANNOTATIONS | COMMON | KEYWORDS[kind]
        for key in schema:
            if key not in known and not (key == ITEM_ERRORS and kind == "array"):
                message = f"{name}: {key} is not supported on {kind}; the validator would ignore it"
                self.spec.complain(schema.line_of(key), message)

    def _fill(self, field, schema, kind, seen):
        field.type = "FIELD_" + kind.upper()
        self._format(field, schema, kind)
        self._bounds(field, schema, kind)
        self._choices(field, schema, kind)
        if "pattern" in schema:
            self._pattern(field, schema)
        if kind == "object":
            field.fields = self.members(schema, seen)
        elif kind == "array":
            field.items = self.field("", schema.get("items"), schema.line, field.place, seen)
            self._item_errors(field, schema)
        if "default" in schema:
            self._fallback(field, schema, kind)

    def _format(self, field, schema, kind):
        wanted = schema.get("format")
        if wanted is None:
            return
        line = schema.line_of("format")
        if kind == "string" and wanted in STRING_FORMATS:
            field.type = STRING_FORMATS[wanted]
        elif wanted not in NUMBER_FORMATS.get(kind, ()):
            self.spec.complain(line, f"{field.name}: format {wanted} is not supported on {kind}")
        elif wanted == "int32":
            field.min, field.max = INT32_MIN, INT32_MAX

    def _bounds(self, field, schema, kind):
        if kind not in BOUNDS:
            return
        low, high = (self._bound(field, schema, key, kind) for key in BOUNDS[kind])
        least = 0 if kind in ("string", "array") else INT64_MIN
        floor = least if field.min is None else field.min
        ceiling = INT64_MAX if field.max is None else field.max
        field.min = floor if low is None else max(low, floor)
        field.max = ceiling if high is None else min(high, ceiling)
        if field.min > field.max:
            self.spec.complain(schema.line, f"{field.name}: the lower bound is above the upper one")

    def _bound(self, field, schema, key, kind):
        value = schema.get(key)
        if value is None:
            return None
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        least = 0 if kind in ("string", "array") else INT64_MIN
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= INT64_MAX:
            message = f"{field.name}: {key} must be a whole number of 64 bits"
            self.spec.complain(schema.line_of(key), message)
            return None
        return value

    def _choices(self, field, schema, kind):
        if "enum" not in schema and "const" not in schema:
            return
        key = "enum" if "enum" in schema else "const"
        line = schema.line_of(key)
        choices = schema["enum"] if key == "enum" else [schema["const"]]
        if not isinstance(choices, list) or not choices:
            self.spec.complain(line, f"{field.name}: enum must be a list that is not empty")
            return
        if None in choices and not field.nullable:
            self.spec.complain(line, f"{field.name}: enum has null, type has not")
        choices = [choice for choice in choices if choice is not None]
        if kind != "string" or not all(isinstance(choice, str) for choice in choices):
            self.spec.complain(line, f"{field.name}: {key} is supported on strings only")
            return
        if len(set(choices)) != len(choices):
            self.spec.complain(line, f"{field.name}: enum says something twice")
        field.choices = choices

    def _pattern(self, field, schema):
        error = pattern_error(schema["pattern"])
        if error:
            self.spec.complain(schema.line_of("pattern"), f"{field.name}: pattern: {error}")
            return
        if "maxLength" not in schema:
            message = f"{field.name}: pattern needs maxLength, it bounds the matching"
            self.spec.complain(schema.line_of("pattern"), message)
        field.pattern = schema["pattern"]

    def _item_errors(self, field, schema):
        wanted = schema.get(ITEM_ERRORS, False)
        line = schema.line_of(ITEM_ERRORS)
        if not isinstance(wanted, bool):
            self.spec.complain(line, f"{field.name}: {ITEM_ERRORS} must be true or false")
        if wanted and (field.place != "PLACE_BODY" or field.max > ITEM_ERRORS_MAX):
            message = f"{ITEM_ERRORS} is for arrays of a body with maxItems up to {ITEM_ERRORS_MAX}"
            self.spec.complain(line, f"{field.name}: {message}")
        field.item_errors = wanted is True

    def _fallback(self, field, schema, kind):
        value, line = schema["default"], schema.line_of("default")
        fits = kind in REALLY and isinstance(value, REALLY[kind])
        if not fits or (isinstance(value, bool) and kind != "boolean"):
            self.spec.complain(line, f"{field.name}: default is not a {kind} (scalars only)")
            return
        field.fallback = value if isinstance(value, str) else json.dumps(value)
        wrong = kind in ("integer", "number") and not field.min <= value <= field.max
        wrong = wrong or kind == "string" and not field.min <= len(value) <= field.max
        wrong = wrong or bool(field.choices) and value not in field.choices
        wrong = wrong or bool(field.pattern) and not re.fullmatch(field.pattern, value)
        if wrong:
            self.spec.complain(line, f"{field.name}: default breaks the field's own rules")

    # ── objects and their variants ──────────────────────────────────────────────────────────────

    def members(self, schema, seen):
        """The Fields of an object schema that has been flattened."""
        closed = (schema.get("additionalProperties"), schema.get("unevaluatedProperties"))
        if False not in closed or not all(value in (False, None) for value in closed):
            message = "write `additionalProperties: false`: unknown fields are refused"
            self.spec.complain(schema.line, message)
        properties = schema.get("properties")
        properties = properties if isinstance(properties, Map) else Map(schema.line)
        required = schema.get("required") or []
        for name in required:
            if name not in properties:
                message = f"required names {name}, properties does not"
                self.spec.complain(schema.line_of("required"), message)
        fields = []
        for name, member in properties.items():
            line = properties.line_of(name)
            if not SNAKE_CASE.match(name):
                self.spec.complain(line, f"{name} is not snake_case")
            field = self.field(name, member, line, "PLACE_BODY", seen)
            field.required = name in required
            if field.required and field.fallback is not None:
                self.spec.complain(line, f"{name} is required and has a default")
            fields.append(field)
        return fields

    def _variants(self, field, schema, seen):
        """oneOf told apart by the member `kind`: a variant's name is its kind."""
        field.type = "FIELD_ANY_OF"
        line = schema.line_of("oneOf")
        discriminator = schema.get("discriminator")
        if not isinstance(discriminator, Map) or discriminator.get("propertyName") != DISCRIMINATOR:
            message = f"oneOf needs `discriminator: {{propertyName: {DISCRIMINATOR}}}`"
            self.spec.complain(line, message)
        for key in schema:
            if key not in ("oneOf", "discriminator") and key not in ANNOTATIONS:
                self.spec.complain(schema.line_of(key), f"{key} is not supported beside oneOf")
        for variant in schema["oneOf"] if isinstance(schema["oneOf"], Seq) else []:
            made = self.field("", variant, line, field.place, seen)
            kinds = [member for member in made.fields if member.name == DISCRIMINATOR]
            if made.type != "FIELD_OBJECT" or not kinds or not kinds[0].required or (
                len(kinds[0].choices or []) != 1
            ):
                message = f"a variant is an object that requires `{DISCRIMINATOR}` with one value"
                self.spec.complain(line, message)
                continue
            made.name = kinds[0].choices[0]
            if any(other.name == made.name for other in field.fields):
                self.spec.complain(line, f"two variants are of kind {made.name}")
            field.fields.append(made)
