#!/usr/bin/python3
"""api-spec/ → the documentation that the server shows at /docs, one static page as bytes in C:

    docs_gen.h, docs_gen.c

The same input gives the same bytes. What is wrong with the spec is gen_operations.py's to say; here
only what cannot be read at all ends with 1.

    gen_docs.py --spec api-spec --out DIR
"""

import argparse
import hashlib
import os

from docs_page import page_html
from gen_common import BANNER, Complaints, write_if_changed
from spec_model import Spec
from spec_permissions import read_permissions

TOP = BANNER.format(tool="gen_docs.py", source="api-spec/")
BYTES_PER_LINE = 24


def docs_header():
    return (
        TOP
        + "#ifndef PARTYSTUDY_DOCS_GEN_H\n#define PARTYSTUDY_DOCS_GEN_H\n\n"
        + "#include <stddef.h>\n\n"
        + "extern const unsigned char docs_html[];\n"
        + "extern const size_t docs_html_len;\n"
        + "extern const char docs_html_etag[]; /* with its quotes */\n\n#endif\n"
    )


def docs_source(text):
    data = text.encode("utf-8")
    rows = (
        "\t" + ",".join(str(byte) for byte in data[at : at + BYTES_PER_LINE]) + ",\n"
        for at in range(0, len(data), BYTES_PER_LINE)
    )
    etag = hashlib.sha256(data).hexdigest()[:32]
    return (
        TOP
        + '#include "docs_gen.h"\n\n'
        + f"const unsigned char docs_html[] = {{\n{''.join(rows)}}};\n"
        + "const size_t docs_html_len = sizeof docs_html;\n"
        + f'const char docs_html_etag[] = "\\"{etag}\\"";\n'
    )


def main():
    parser = argparse.ArgumentParser(description="Renders api-spec as one HTML page, embedded in C.")
    parser.add_argument("--spec", required=True, help="directory of openapi.yaml and permissions.yaml")
    parser.add_argument("--out", required=True, help="directory for what is made")
    arguments = parser.parse_args()

    complaints = Complaints()
    matrix = read_permissions(os.path.join(arguments.spec, "permissions.yaml"), complaints)
    spec = Spec(os.path.join(arguments.spec, "openapi.yaml"), complaints)
    complaints.exit_if_any()

    write_if_changed(arguments.out, "docs_gen.h", docs_header())
    write_if_changed(arguments.out, "docs_gen.c", docs_source(page_html(spec, matrix)))


if __name__ == "__main__":
    main()
