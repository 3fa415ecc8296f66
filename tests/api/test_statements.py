"""
sql/queries/ against the migrated schema, as the role that the server has: every block can be prepared, planned and has
the rights it needs. And that role can do no more than it must: it owns nothing and cannot change what is history.
"""
import pathlib
import subprocess
import sys

import pytest

from support.server import ROOT

sys.path.insert(0, str(ROOT / "tools"))
from gen_common import Complaints  # noqa: E402  pylint: disable=wrong-import-position
from sql_blocks import read_blocks  # noqa: E402  pylint: disable=wrong-import-position

# What the server may delete: its own book-keeping, never what members have done.
DELETABLE = {"session", "refresh_token", "idempotency"}


def all_blocks():
    complaints = Complaints()
    blocks = read_blocks(str(ROOT / "sql/queries"), complaints)
    assert not complaints
    return blocks


BLOCKS = all_blocks()


def run(server, sql):
    """As the server's role; (exit code, output)."""
    done = subprocess.run(["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-v", "VERBOSITY=verbose", server.urls["APP_URL"]],
                          input=sql, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return done.returncode, done.stdout


def test_this_is_the_servers_role(server):
    assert run(server, "SELECT current_user, session_user") == (0, "partystudy_app|partystudy_app\n")


def test_the_folder_is_not_empty():
    assert len(BLOCKS) > 30 and {pathlib.Path(b.path).name for b in BLOCKS} == {p.name for p in (ROOT / "sql/queries").glob("*.sql")}


@pytest.mark.parametrize("block", BLOCKS, ids=lambda b: b.name)
def test_a_block_prepares_and_may_run(server, block):
    """EXPLAIN checks the rights as well, and does nothing. Twice: with and without a plan for the values given."""
    nulls = f"({', '.join(['NULL'] * len(block.params))})" if block.params else ""
    code, out = run(server, f"""
        PREPARE it AS {block.text};
        EXPLAIN EXECUTE it{nulls};
        SET plan_cache_mode = force_generic_plan;
        EXPLAIN EXECUTE it{nulls};
        SELECT cardinality(parameter_types) FROM pg_prepared_statements WHERE name = 'it';""")
    assert code == 0, out
    assert out.splitlines()[-1] == str(len(block.params))


def test_the_role_is_nothing_special(server):
    assert server.sql("""SELECT rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls, rolcanlogin
                           FROM pg_roles WHERE rolname = 'partystudy_app'""") == [["f", "f", "f", "f", "f", "t"]]
    assert server.sql("""SELECT r.rolname FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.roleid
                          WHERE m.member = 'partystudy_app'::regrole""") == []


def test_the_role_owns_nothing(server):
    owned = server.sql("""
        SELECT 'relation', relname FROM pg_class WHERE relowner = 'partystudy_app'::regrole
        UNION ALL SELECT 'function', proname FROM pg_proc WHERE proowner = 'partystudy_app'::regrole
        UNION ALL SELECT 'schema', nspname FROM pg_namespace WHERE nspowner = 'partystudy_app'::regrole
        UNION ALL SELECT 'type', typname FROM pg_type WHERE typowner = 'partystudy_app'::regrole
        UNION ALL SELECT 'database', datname FROM pg_database WHERE datdba = 'partystudy_app'::regrole
        UNION ALL SELECT 'extension', extname FROM pg_extension WHERE extowner = 'partystudy_app'::regrole
        UNION ALL SELECT 'large object', oid::text FROM pg_largeobject_metadata WHERE lomowner = 'partystudy_app'::regrole
        UNION ALL SELECT 'dependency', classid::regclass::text FROM pg_shdepend
                   WHERE refobjid = 'partystudy_app'::regrole AND deptype = 'o'""")
    assert owned == []


def test_no_functions_that_run_with_the_owners_rights(server):
    assert server.sql("""SELECT proname FROM pg_proc p JOIN pg_namespace n ON n.oid = pronamespace
                          WHERE prosecdef AND nspname NOT IN ('pg_catalog', 'information_schema')""") == []


def test_what_the_role_may_do_with_each_table(server):
    rights = {(table, right): given == "t" for table, right, given in server.sql("""
        SELECT c.relname, r, has_table_privilege('partystudy_app', c.oid, r)
          FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace, unnest(ARRAY['DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) AS r
         WHERE nspname = 'public' AND relkind IN ('r', 'p', 'v', 'm', 'f')""")}
    assert {table for (table, right), given in rights.items() if given and right == "DELETE"} == DELETABLE
    assert [key for key, given in rights.items() if given and key[1] != "DELETE"] == []


@pytest.mark.parametrize("sql", [
    "DROP TABLE member", "DROP FUNCTION scope_of", "DROP SCHEMA public CASCADE", "DROP DATABASE partystudy", "DROP OWNED BY partystudy_owner",
    "DROP EXTENSION ltree", "DROP INDEX member_org", "TRUNCATE member CASCADE", "TRUNCATE session", "ALTER TABLE member ADD COLUMN x text",
    "ALTER TABLE member DISABLE TRIGGER ALL", "ALTER TABLE member OWNER TO partystudy_app", "CREATE TABLE x (y integer)", "CREATE SCHEMA x",
    "CREATE VIEW x AS SELECT 1", "CREATE FUNCTION x() RETURNS integer LANGUAGE sql AS 'SELECT 1'", "CREATE INDEX ON member (name)",
    "CREATE OR REPLACE FUNCTION scope_of(subject uuid, roles text[]) RETURNS ltree[] LANGUAGE sql AS 'SELECT NULL::ltree[]'",
    "CREATE TRIGGER x AFTER INSERT ON member EXECUTE FUNCTION suppress_redundant_updates_trigger()", "CREATE RULE x AS ON DELETE TO member DO NOTHING",
    "CREATE EXTENSION file_fdw", "CREATE EXTENSION pgcrypto", "CREATE ROLE x", "CREATE DATABASE x", "CREATE EVENT TRIGGER x ON ddl_command_start EXECUTE FUNCTION x()",
    "ALTER ROLE partystudy_app SUPERUSER", "ALTER ROLE partystudy_owner PASSWORD 'x'", "ALTER DATABASE partystudy OWNER TO partystudy_app",
    "ALTER SYSTEM SET fsync = off", "SET ROLE partystudy_owner", "SET SESSION AUTHORIZATION partystudy_owner",
    "SET ROLE postgres", "GRANT partystudy_owner TO partystudy_app", "GRANT pg_read_all_data TO partystudy_app",
    "DELETE FROM member", "DELETE FROM org", "DELETE FROM account", "DELETE FROM role_grant", "DELETE FROM course", "DELETE FROM chapter",
    "DELETE FROM lesson", "DELETE FROM lesson_progress", "DELETE FROM course_progress", "DELETE FROM schema_migration",
    "UPDATE role_grant SET role = 'admin'", "INSERT INTO role_grant SELECT member_id, 'admin', org_id FROM member",
    "UPDATE account SET username = 'x'", "UPDATE account SET disabled_at = NULL", "UPDATE account SET member_id = NULL", "INSERT INTO account SELECT * FROM account",
    "UPDATE schema_migration SET checksum = ''", "INSERT INTO schema_migration VALUES (99, 'x', '')",
    "SELECT * FROM pg_authid", "SELECT * FROM pg_shadow", "SELECT * FROM pg_user_mapping", "SELECT pg_read_file('/etc/passwd')",
    "SELECT pg_read_binary_file('PG_VERSION')", "SELECT pg_ls_dir('.')", "SELECT lo_import('/etc/passwd')", "COPY (SELECT 1) TO '/tmp/x'",
    "COPY (SELECT 1) TO PROGRAM 'true'", "COPY idempotency FROM PROGRAM 'true'", "COPY idempotency FROM '/etc/passwd'",
    "SELECT pg_reload_conf()", "SELECT pg_promote()", "SELECT pg_switch_wal()", "SELECT pg_rotate_logfile()",
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename IS NULL", "LOAD 'x'", "CHECKPOINT", "SET log_statement = 'none'",
    "SET session_replication_role = 'replica'", "CREATE PUBLICATION x FOR ALL TABLES", "SELECT pg_create_physical_replication_slot('x')",
    "VACUUM (FULL) pg_authid; SELECT 1/0"], ids=lambda s: s[:60])
def test_what_the_role_must_not_do(server, sql):
    code, out = run(server, f"BEGIN; {sql}; ROLLBACK;" if not sql.startswith(("VACUUM", "CREATE DATABASE", "DROP DATABASE", "ALTER SYSTEM")) else sql)
    assert code != 0, "that went through"
    refusals = ("42501",)  # insufficient_privilege
    if sql.startswith("VACUUM"):
        refusals = ("22012",)  # skipped with a warning; the division shows that it was only skipped
        assert "permission denied" in out or "only superuser" in out
    assert any(r in out for r in refusals), out
