"""What the generators share: complaints with file and line, C literals, files that change only
when their content does (so that make does not rebuild the world).

Entry points: Complaints, c_string, write_if_changed. Needs nothing but the standard library.
"""

import os
import sys

BANNER = "/* Made by tools/{tool} from {source}. Do not edit: change the source. */\n"


class Complaints:
    """Everything wrong with the input, so that one run tells all."""

    def __init__(self):
        self._lines = []

    def add(self, path, line, message):
        self._lines.append((str(path), int(line), message))

    def __bool__(self):
        return bool(self._lines)

    def exit_if_any(self):
        """Prints `file:line: message` for each and ends the program with 1."""
        if not self._lines:
            return
        for path, line, message in sorted(set(self._lines)):
            print(f"{path}:{line}: {message}", file=sys.stderr)
        sys.exit(1)


def c_string(text):
    """One C string literal. A second '?' in a row is escaped: -std=c11 knows trigraphs."""
    out = ['"']
    previous = ""
    for char in text:
        if char in '"\\':
            out.append("\\" + char)
        elif char == "\n":
            out.append("\\n")
        elif char == "\t":
            out.append("\\t")
        elif char == "?" and previous == "?":
            out.append("\\?")
        elif ord(char) < 32 or ord(char) == 127:
            out.append(f"\\{ord(char):03o}")
        else:
            out.append(char)
        previous = char
    return "".join(out) + '"'


def write_if_changed(directory, name, content):
    """Writes `content` to directory/name unless that is what stands there already."""
    path = os.path.join(directory, name)
    data = content.encode("utf-8")
    try:
        with open(path, "rb") as file:
            if file.read() == data:
                return
    except FileNotFoundError:
        pass
    os.makedirs(directory, exist_ok=True)
    scratch = path + ".new"
    with open(scratch, "wb") as file:
        file.write(data)
    os.replace(scratch, path)
