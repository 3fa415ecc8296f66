"""Checks that a `pattern` means the same in ECMA-262 (what OpenAPI says) and in a POSIX extended
regular expression over bytes (what the server runs): the build refuses what does not.

Left are: literals in ASCII, bracket expressions without backslashes, groups, alternatives inside
groups, the quantifiers * + ? {n} {n,} {n,m}, and one ^ at the start and one $ at the end. `.` and
`[^…]` match one byte in POSIX and one character in ECMA-262, so they must be followed by * or +.
Entry point: pattern_error.
"""

import re

REPEAT_MAX = 255  # larger counts cost regcomp much memory
ESCAPABLE = r".[]()*+?{}|^$\\"
REPEAT = re.compile(r"\{([0-9]+)(?:(,)([0-9]*))?\}")


class _Bad(Exception):
    pass


def _bracket(text, at):
    """The index after the bracket expression that begins at `at`."""
    first = at + 1
    if text.startswith("^", first):
        first += 1
    end = text.find("]", first)
    if end < 0:
        raise _Bad("a [ that is not closed")
    inner = text[first:end]
    if not inner:
        raise _Bad("a ] as the first character of a bracket expression")
    if "\\" in inner:
        raise _Bad("a backslash in a bracket expression")
    if not all(" " <= char <= "~" for char in inner):
        raise _Bad("only printable ASCII")
    if "[" in inner:
        raise _Bad("a [ in a bracket expression")
    end += 1
    if first == at + 2 and text[end : end + 1] not in ("*", "+"):
        raise _Bad("[^…] counts bytes; follow it by * or +")
    return end


def _escape(text, at):
    if text[at + 1 : at + 2] not in tuple(ESCAPABLE):
        raise _Bad(f"\\{text[at + 1 : at + 2]} is not known to both dialects")
    return at + 2


def _quantifier(text, at, quantified):
    if quantified is None:
        raise _Bad(f"{text[at]} has nothing to repeat")
    if quantified:
        raise _Bad("a quantifier after a quantifier (non-greedy ones are not in POSIX)")
    if text[at] != "{":
        return at + 1
    repeat = REPEAT.match(text, at)
    if not repeat:
        raise _Bad("a { that is no {n}, {n,} or {n,m}")
    low, high = int(repeat.group(1)), int(repeat.group(3) or repeat.group(1))
    if high < low or high > REPEAT_MAX:
        raise _Bad(f"repeats must rise and be at most {REPEAT_MAX}")
    return repeat.end()


def _atom(text, at):
    char = text[at]
    if char == "[":
        return _bracket(text, at)
    if char == "\\":
        return _escape(text, at)
    if char == "." and text[at + 1 : at + 2] not in ("*", "+"):
        raise _Bad(". counts bytes; follow it by * or +")
    if char in "^$":
        raise _Bad(f"{char} stands only at the {'start' if char == '^' else 'end'}")
    if char in "]}":
        raise _Bad(f"a bare {char}: write \\{char}")
    if not " " <= char <= "~":
        raise _Bad("only printable ASCII")
    return at + 1


def _walk(text):
    depth, at = 0, 0
    quantified = None  # None: nothing to repeat yet; False: an atom; True: an atom with its repeat
    while at < len(text):
        char = text[at]
        if char == "(":
            if text.startswith("(?", at):
                raise _Bad("(?…) is not in POSIX")
            depth, at, quantified = depth + 1, at + 1, None
        elif char == ")":
            if depth == 0 or quantified is None:
                raise _Bad("an empty group, or a ) without its (")
            depth, at, quantified = depth - 1, at + 1, False
        elif char == "|":
            if depth == 0 or quantified is None:
                raise _Bad("| stands between two alternatives inside a group")
            at, quantified = at + 1, None
        elif char in "*+?{":
            at, quantified = _quantifier(text, at, quantified), True
        else:
            at, quantified = _atom(text, at), False
    if depth:
        raise _Bad("a ( that is not closed")


def pattern_error(pattern):
    """What is wrong with the pattern, or None."""
    if not isinstance(pattern, str):
        return "it is not a text"
    if len(pattern) < 3 or pattern[0] != "^" or pattern[-1] != "$" or pattern[-2] == "\\":
        return "it must be anchored: ^…$"
    try:
        _walk(pattern[1:-1])
        re.compile(pattern)
    except (_Bad, re.error) as error:
        return str(error)
    return None
