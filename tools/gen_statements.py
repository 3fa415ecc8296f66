#!/usr/bin/python3
"""sql/queries/*.sql → statements.h (enum db_statement) and statements.c (the table behind
db_statement_info). The same input gives the same bytes; wrong input ends with 1 and a line
`file:line: message` for each complaint.

    gen_statements.py --queries sql/queries --out DIR
"""

import argparse

from gen_common import BANNER, Complaints, c_string, write_if_changed
from sql_blocks import read_blocks


def header(blocks):
    names = "".join(f"\tDB_{block.name}, /* :{block.kind} */\n" for block in blocks)
    return (
        BANNER.format(tool="gen_statements.py", source="sql/queries/")
        + "#ifndef PARTYSTUDY_STATEMENTS_H\n#define PARTYSTUDY_STATEMENTS_H\n\n"
        + "enum db_statement {\n"
        + names
        + "\tDB_STATEMENT_COUNT\n};\n\n#endif\n"
    )


def params_array(block):
    names = ", ".join(c_string(name) for name in block.params)
    return f"static const char *const params_{block.name}[] = {{{names}}};\n"


def row(block):
    text = "\n".join(
        "\t     " + c_string(line)
        for line in (block.text.replace("\n", "\n\0")).split("\0")
    )
    params = f"params_{block.name}" if block.params else "NULL"
    many = "true" if block.kind == "many" else "false"
    return (
        f"\t[DB_{block.name}] = {{\n\t    .name = {c_string(block.name)},\n\t    .text =\n{text},\n"
        f"\t    .params = {params},\n\t    .nparams = {len(block.params)},\n"
        f"\t    .many = {many},\n\t}},\n"
    )


def source(blocks):
    return (
        BANNER.format(tool="gen_statements.py", source="sql/queries/")
        + '#include "db/db.h"\n\n'
        + "/* A long statement is no reason to stop the build. */\n"
        + '#pragma GCC diagnostic ignored "-Woverlength-strings"\n\n'
        + "".join(params_array(block) for block in blocks if block.params)
        + "\nstatic const struct db_statement_info statements[DB_STATEMENT_COUNT] = {\n"
        + "".join(row(block) for block in blocks)
        + "};\n\n"
        + "const struct db_statement_info *db_statement_info(enum db_statement statement)\n{\n"
        + "\tif ((unsigned)statement >= (unsigned)DB_STATEMENT_COUNT)\n\t\treturn NULL;\n"
        + "\treturn &statements[statement];\n}\n"
    )


def main():
    parser = argparse.ArgumentParser(description="Compiles sql/queries into C.")
    parser.add_argument("--out", required=True, help="directory for statements.h and statements.c")
    parser.add_argument("--queries", required=True, help="directory of the .sql files")
    arguments = parser.parse_args()

    complaints = Complaints()
    blocks = read_blocks(arguments.queries, complaints)
    if not blocks and not complaints:
        complaints.add(arguments.queries, 1, "no block at all: write `-- name: … :one`")
    complaints.exit_if_any()
    write_if_changed(arguments.out, "statements.h", header(blocks))
    write_if_changed(arguments.out, "statements.c", source(blocks))


if __name__ == "__main__":
    main()
