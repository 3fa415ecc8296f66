#!/usr/bin/python3
"""api-spec/ → the tables of operations, the permission matrix and the spec as JSON:

    operations.c, operations_gen.h     struct operation[] and the handlers' prototypes
    permissions_gen.h, .c              the matrix role × permission
    openapi_gen.h, .c                  openapi.json as bytes, with its ETag

The same input gives the same bytes; wrong input ends with 1 and a line `file:line: message` for
each complaint. The rules of the spec are in api-spec/README.md.

    gen_operations.py --spec api-spec --queries sql/queries --out DIR
"""

import argparse
import hashlib
import json
import os

from emit_operations import operations_header, operations_source
from gen_common import BANNER, Complaints, write_if_changed
from spec_model import Spec, read_operations
from spec_permissions import permissions_header, permissions_source, read_permissions
from sql_blocks import read_blocks

OPENAPI = BANNER.format(tool="gen_operations.py", source="api-spec/openapi.yaml")
BYTES_PER_LINE = 24


def openapi_header():
    return (
        OPENAPI
        + "#ifndef PARTYSTUDY_OPENAPI_GEN_H\n#define PARTYSTUDY_OPENAPI_GEN_H\n\n"
        + "#include <stddef.h>\n\n"
        + "extern const unsigned char openapi_json[];\n"
        + "extern const size_t openapi_json_len;\n"
        + "extern const char openapi_json_etag[]; /* with its quotes */\n\n#endif\n"
    )


def openapi_source(document):
    data = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
    rows = (
        "\t" + ",".join(str(byte) for byte in data[at : at + BYTES_PER_LINE]) + ",\n"
        for at in range(0, len(data), BYTES_PER_LINE)
    )
    etag = hashlib.sha256(data).hexdigest()[:32]
    return (
        OPENAPI
        + '#include "openapi_gen.h"\n\n'
        + "const unsigned char openapi_json[] = {\n"
        + "".join(rows)
        + "};\n"
        + "const size_t openapi_json_len = sizeof openapi_json;\n"
        + f'const char openapi_json_etag[] = "\\"{etag}\\"";\n'
    )


def main():
    parser = argparse.ArgumentParser(description="Compiles api-spec into C.")
    parser.add_argument("--spec", required=True, help="openapi.yaml and permissions.yaml")
    parser.add_argument("--queries", required=True, help="directory of the .sql files")
    parser.add_argument("--out", required=True, help="directory for what is made")
    arguments = parser.parse_args()

    complaints = Complaints()
    blocks = {block.name: block for block in read_blocks(arguments.queries, complaints)}
    matrix = read_permissions(os.path.join(arguments.spec, "permissions.yaml"), complaints)
    spec = Spec(os.path.join(arguments.spec, "openapi.yaml"), complaints)
    operations = read_operations(spec, matrix, blocks)
    complaints.exit_if_any()

    for name, content in (
        ("permissions_gen.h", permissions_header(matrix)),
        ("permissions_gen.c", permissions_source(matrix)),
        ("operations_gen.h", operations_header(operations)),
        ("operations.c", operations_source(operations)),
        ("openapi_gen.h", openapi_header()),
        ("openapi_gen.c", openapi_source(spec.document)),
    ):
        write_if_changed(arguments.out, name, content)


if __name__ == "__main__":
    main()
