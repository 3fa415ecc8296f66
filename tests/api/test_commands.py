"""
The command: what `run` says, does and leaves behind, the users it makes, and that whatever is wrong with settings,
ports or the database ends it with a clear line, an exit code that is not 0, and nothing half done.
"""
import contextlib
import importlib.util
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

import pytest
import requests

from support.client import Client, login
from support.locks import held, report, wait_waiting
from support.scene import ROOT_ORG
from support.server import COMMAND, ROOT, Server
from support.wire import SECONDS, Wire, serves

LONG = 300  # the first run may have to build


class Run:
    """`./partystudy run` as somebody at a terminal has it: in a process group of its own."""

    def __init__(self, place, *, wait=True, last="stops the server", **settings):
        """Waits for the `last` line that it prints when it is ready."""
        self.place = place
        self.output, self.last = "", last
        # A pytest that was started in the background would hand on that SIGINT is ignored.
        self.process = subprocess.Popen([COMMAND, "run"], env={**place.env, **settings}, text=True, start_new_session=True,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                                        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
        self.ready = threading.Event()
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()
        if wait:
            assert self.ready.wait(LONG), self.output
            assert self.process.poll() is None, self.output

    def read(self):
        for line in self.process.stdout:
            self.output += line
            if self.last in line:
                self.ready.set()
        self.ready.set()

    def end(self, seconds=LONG):
        """Its exit code, once it has ended by itself."""
        code = self.process.wait(seconds)
        self.reader.join(10)
        return code

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            self.end()


def left_over(place):
    """Processes that work in or with the place's directory."""
    found = {}
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            line = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if place.var in line + os.readlink(process / "cwd"):
                found[int(process.name)] = line
    return found


def wait_gone(place, seconds=10):
    deadline = time.monotonic() + seconds
    while left_over(place):
        assert time.monotonic() < deadline, left_over(place)
        time.sleep(0.05)


@pytest.fixture(scope="module")
def place():
    """Settings, a database that is up, and keys; nothing serves."""
    place = Server("commands")
    try:
        yield place.prepare()
    finally:
        place.close()


@pytest.fixture
def database(place):
    """The place with its database up, whatever ran there before."""
    place.command("_cluster-start")
    return place


def refused(place, *args, code=1, says, **settings):
    """Runs a command that must end with `code` and a line that `says` (a pattern) what is wrong."""
    asked = {k: settings.pop(k) for k in ("input",) if k in settings}
    done = subprocess.run([COMMAND, *args], env={**place.env, **settings}, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=LONG, **(asked or {"stdin": subprocess.DEVNULL}))
    assert done.returncode == code, f"exit {done.returncode}: {done.stdout}"
    lines = [line for line in done.stdout.splitlines() if re.search(says, line)]
    assert lines and lines[0].startswith("partystudy: "), f"{says} is not in: {done.stdout}"
    return done.stdout


# ── run, from nothing to the end ──

def test_run_in_an_empty_directory():
    place = Server("fresh")
    try:
        with Run(place) as run:
            assert run.ready.is_set(), run.output
            for url in (place.http, place.https, place.ops):
                assert url in run.output
            serves(place)
            serves(place, "https")
            the_session_works(run.output)
            refused(place, "run", says=r"it runs already \(process \d+\); ./partystudy stop ends it")
            refused(place, "_serve", says="it runs already")
            serves(place)
            place.command("user", "add", "newcomer", "--name", "新同志", "--org", ROOT_ORG, input="long enough 1\n")
            login(place.http, "newcomer", "long enough 1")
            os.killpg(run.process.pid, signal.SIGINT)  # Ctrl-C
            assert run.end() == 0, run.output
            assert "the server has stopped" in run.output
        wait_gone(place)
        with Run(place) as run:  # again, on what the first has left
            login(place.http, "newcomer", "long enough 1")
            assert "creating" not in run.output and "making" not in run.output and "migrating" not in run.output
            done = place.command("stop")
            assert "stopping process" in done.stdout
            assert run.end() == 0, run.output
        wait_gone(place)
        assert "nothing runs" in place.command("stop").stdout
    finally:
        place.close()


def the_session_works(output):
    """The lines to paste, as they were printed, into a shell that stops at the first error."""
    lines = output[output.index("Paste this"):output.index("Ctrl-C stops")].splitlines()
    script = "\n".join(line for line in lines if line.startswith("  "))
    done = subprocess.run(["bash", "-euo", "pipefail"], input=script, text=True, capture_output=True, timeout=SECONDS)
    assert done.returncode == 0, done.stderr
    courses, put, first, second, read = (json.loads(line) for line in done.stdout.splitlines() if line)
    assert len(courses["items"]) == 3
    assert put["lesson"]["covered"] == [[0, 60]], put
    assert first["results"][0]["status"] == "credited" and first["lessons"][0]["covered"] == [[0, 600]], first
    assert second["results"][0]["status"] == "unchanged" and second["lessons"] == first["lessons"], second
    assert put["lesson"]["course_id"] in [item["course_id"] for item in read["items"]], read


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP], ids=lambda s: s.name)
def test_a_signal_to_run_finishes_what_is_in_flight(database, sig):
    with Run(database) as run:
        token = login(database.http, "member", database.password).token
        with Wire(database, "http") as wire, held(database) as release:
            wire.send(report(token))
            wait_waiting(database)
            os.kill(run.process.pid, sig)
            time.sleep(1)
            assert run.process.poll() is None
            release()
            assert wire.reply().status_code == 200
        assert run.end() == 0, run.output
        assert "requests in flight are finished first" in run.output
    wait_gone(database)


def test_a_signal_while_it_starts(database):
    """Wherever it is by then: nothing stays."""
    for wait in (0.1, 0.6, 1.5, 2.5):
        with Run(database, wait=False) as run:
            time.sleep(wait)
            os.kill(run.process.pid, signal.SIGTERM)
            assert run.end() in (0, 143), run.output
        wait_gone(database)


def test_run_was_killed_and_the_next_one_cleans_up(database):
    """kill -9 leaves the server behind: a second run sees it, stop ends it."""
    with Run(database) as run:
        run.process.kill()
        run.end()
        serves(database)
        refused(database, "run", says="it runs already")
        database.command("stop")
        wait_gone(database)
    with Run(database):
        serves(database)


def test_a_server_that_dies_ends_run(database):
    with Run(database) as run:
        os.kill(int((pathlib.Path(database.var) / "kore.pid").read_text()), signal.SIGKILL)
        assert run.end() == 1
        assert "the server ended by itself" in run.output
    wait_gone(database, 30)


# ── settings ──

@pytest.mark.parametrize("command", [("run",), ("migrate",), ("stop",), ("user", "passwd", "member"), ("_serve",)],
                         ids=lambda c: c[0])
def test_an_unknown_setting(place, command):
    refused(place, *command, code=2, says="PARTYSTUDY_HTP_PORT: there is no such setting", PARTYSTUDY_HTP_PORT="80")


@pytest.mark.parametrize("name, value", [
    ("PARTYSTUDY_HTTP_PORT", "abc"), ("PARTYSTUDY_HTTP_PORT", "0"), ("PARTYSTUDY_HTTP_PORT", "65536"),
    ("PARTYSTUDY_HTTPS_PORT", "80 80"), ("PARTYSTUDY_OPS_PORT", "-1"), ("PARTYSTUDY_HTTP_ADDRESS", "::1"),
    ("PARTYSTUDY_HTTP_ADDRESS", "localhost"), ("PARTYSTUDY_HTTPS_ADDRESS", "1.2.3.256"), ("PARTYSTUDY_WORKERS", "257"),
    ("PARTYSTUDY_WORKERS", "2.5"), ("PARTYSTUDY_BODY_MAX", "1MB"), ("PARTYSTUDY_BODY_MAX", "99999999999999999999"),
    ("PARTYSTUDY_LOG_LEVEL", "loud"), ("PARTYSTUDY_DEMO", "yes"), ("PARTYSTUDY_BUILD_TYPE", "Fast"),
    ("PARTYSTUDY_PG_BIN", "/nowhere"), ("PARTYSTUDY_DRAIN_TIMEOUT", "")])
def test_a_malformed_setting(place, name, value):
    if value == "":  # as good as none
        assert re.search(rf"^{name} +10$", place.command("settings").stdout, re.M)
        return
    refused(place, "run", code=2, says=rf"{name} is .*: .* is expected", **{name: value})
    assert not (pathlib.Path(place.var) / "run.pid").exists()


def test_all_complaints_at_once(place):
    out = refused(place, "run", code=2, says="PARTYSTUDY_WORKERS is many", PARTYSTUDY_WORKERS="many",
                  PARTYSTUDY_HTTP_PORT="x", PARTYSTUDY_NONSENSE="1")
    assert len(out.splitlines()) == 3, out


@pytest.mark.parametrize("name, value", [("PARTYSTUDY_TRUSTED_PROXY", "proxy.example"), ("PARTYSTUDY_ISSUER", "a\nb"),
                                         ("PARTYSTUDY_KEY_DIR", "/nowhere"), ("PARTYSTUDY_TLS_CERT", "/nowhere")])
def test_what_only_the_server_checks(database, name, value):
    refused(database, "_serve", says=value.split("\n")[0] if value.startswith("/") else name, **{name: value})
    assert not any("kore" in line for line in left_over(database).values())


def test_the_server_without_its_command(database):
    """Under a service manager of one's own: what is required is asked for, all of it at once."""
    database.command("_prepare")
    env = {k: v for k, v in database.env.items() if not k.startswith("PARTYSTUDY_")}
    if os.environ.get("PARTYSTUDY_SANITIZE") == "1":
        env["LD_PRELOAD"] = subprocess.run(["gcc", "-print-file-name=libasan.so"], text=True, capture_output=True).stdout.strip()
        env["ASAN_OPTIONS"] = "detect_leaks=0"
    done = subprocess.run(["kore", "-c", "kore.conf", "-f", "-n", *([] if os.geteuid() == 0 else ["-r"])],
                          cwd=database.var, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=SECONDS)
    assert done.returncode == 1
    for name in ("DATABASE_URL", "PARTYSTUDY_KEY_DIR", "PARTYSTUDY_TLS_CERT", "PARTYSTUDY_TLS_KEY"):
        assert name in done.stdout


@pytest.mark.parametrize("args, says", [
    (["fly"], "there is no command 'fly'"), (["run", "now"], "run takes no argument"), (["migrate", "back"], "no argument"),
    (["user"], "user add, user passwd or user grant"), (["user", "remove", "x"], "user add, user passwd or user grant")])
def test_wrong_usage(place, args, says):
    refused(place, *args, code=2, says=says)


def test_help_and_version_need_nothing(place):
    for args in (["help"], ["--help"], ["version"], []):
        done = subprocess.run([COMMAND, *args], env={**place.env, "PARTYSTUDY_NONSENSE": "1"}, text=True,
                              capture_output=True, cwd="/")
        assert done.returncode == 0 and done.stdout


# ── ports ──

@pytest.mark.parametrize("name", ["HTTP", "HTTPS", "OPS"])
def test_a_port_in_use(database, name):
    port = int(database.env[f"PARTYSTUDY_{name}_PORT"])
    with socket.create_server(("127.0.0.1", port)):
        for command in ("run", "_serve"):
            refused(database, command, says=f"port {port} is in use by another program; set PARTYSTUDY_{name}_PORT")


def test_a_port_given_twice(database):
    port = database.env["PARTYSTUDY_HTTP_PORT"]
    refused(database, "run", code=2, says=f"port {port} is given twice", PARTYSTUDY_OPS_PORT=port)


def test_an_address_that_is_not_this_machine_s(database):
    refused(database, "_serve", says=r"cannot listen on 192\.0\.2\.1:\d+ \(PARTYSTUDY_HTTP_PORT\)",
            PARTYSTUDY_HTTP_ADDRESS="192.0.2.1")


# ── the database ──

@pytest.mark.parametrize("url", ["postgresql://study:top-secret@127.0.0.1:1/study", "host=/nowhere password=top-secret",
                                 "nonsense://top-secret", "host=127.0.0.1 port=x password=top-secret"])
@pytest.mark.parametrize("command", ["run", "migrate"])
def test_a_database_that_is_not_there(place, command, url):
    out = refused(place, command, says="cannot reach the database", DATABASE_URL=url)
    assert "password=" not in out and "study:top-secret" not in out
    assert not (pathlib.Path(place.var) / "run.pid").exists()


@pytest.mark.parametrize("command", ["run", "migrate", "_prepare"])
def test_a_database_newer_than_the_code(database, command):
    before = database.sql("SELECT * FROM schema_migration ORDER BY 1")
    database.sql("INSERT INTO schema_migration VALUES (9999, '9999_from_the_future', 'x');")
    try:
        refused(database, command, says="the database is newer than this code: it has migration 9999_from_the_future")
        database.command("_cluster-start")
    finally:
        database.sql("DELETE FROM schema_migration WHERE version = 9999;")
    assert database.sql("SELECT * FROM schema_migration ORDER BY 1") == before


@pytest.mark.parametrize("command", ["run", "migrate"])
def test_a_migration_that_was_changed_after_it_was_applied(database, command):
    [[name, checksum]] = database.sql("SELECT name, checksum FROM schema_migration WHERE version = 2")
    database.sql("UPDATE schema_migration SET checksum = 'other' WHERE version = 2;")
    try:
        refused(database, command, says=f"migration {name} was changed after it had been applied")
        database.command("_cluster-start")
    finally:
        database.sql("UPDATE schema_migration SET checksum = :'checksum' WHERE version = 2;", checksum=checksum)
    assert "up to date" in database.command("migrate").stdout


def test_migrate_leaves_the_database_as_it_was_found(place):
    place.command("_cluster-stop")
    assert "up to date" in place.command("migrate").stdout
    assert not left_over(place)
    place.command("_cluster-start")
    place.command("migrate")
    assert left_over(place)


@pytest.fixture(scope="module")
def other_cluster():
    """A PostgreSQL that is not ours, with an empty database; its URL goes through TCP and TLS."""
    spec = importlib.util.spec_from_file_location("with_cluster", ROOT / "tests/db/with_cluster.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    with tempfile.TemporaryDirectory(prefix="pgtest-", dir="/tmp") as root:
        cluster = module.Cluster(root)
        cluster.create()
        cluster.run(*cluster.control("start"))
        try:
            for sql in ("CREATE ROLE institute LOGIN PASSWORD 'p w'", "CREATE DATABASE study OWNER institute"):
                cluster.run(f"{cluster.bin}/psql", "-X", "-h", root, "-p", str(cluster.port), "-U", "postgres", "-c", sql)
            yield f"postgresql://institute:p%20w@127.0.0.1:{cluster.port}/study?sslmode=require"
        finally:
            cluster.run(*cluster.control("stop"))


def test_a_database_of_one_s_own(other_cluster):
    place = Server("external")
    place.env.update(DATABASE_URL=other_cluster)
    place.urls = {"OWNER_URL": other_cluster}
    try:
        for again in (False, True):
            with Run(place, last="log: ") as run:
                serves(place)
                assert "accounts:" not in run.output, "there is no demo organisation in somebody's database"
                assert not list(pathlib.Path(place.var).glob("pg*")), "no private cluster"
                assert Client(place.http).get("/v1/me", 401, token="x").json()["code"] == "token_invalid"
                assert requests.get(place.ops + "/readyz", timeout=5).status_code == 200
                os.killpg(run.process.pid, signal.SIGTERM)
                assert run.end() == 0
            assert ("migrating" in run.output) is not again
        wait_gone(place)
        assert place.sql("SELECT count(*) FROM member") == [["0"]]
        place.command("user", "add", "first", "--name", "首任", "--org", "某机构党委", "--role", "admin",
                      input="long enough 0\n")
        with Run(place, last="log: "):
            admin = login(place.http, "first", "long enough 0")
            root = admin.get("/v1/me").json()["org_id"]
            admin.post("/v1/orgs", {"parent_id": root, "kind": "branch", "name": "第一党支部"}, 201)
        wait_gone(place)
        with Run(place, PARTYSTUDY_DEMO="1"):
            login(place.http, "member", place.password)
            done = place.command("user", "add", "anna", "--name", "Anna", "--org", ROOT_ORG, input="long enough 1\n")
            assert "added anna" in done.stdout
            login(place.http, "anna", "long enough 1")
    finally:
        place.close()


# ── users ──

def people(place):
    return place.sql("""SELECT (SELECT count(*) FROM member), (SELECT count(*) FROM account),
                               (SELECT md5(string_agg(a::text, '' ORDER BY a)) FROM account a),
                               (SELECT md5(string_agg(g::text, '' ORDER BY g)) FROM role_grant g),
                               (SELECT count(*) FROM session WHERE ended_at IS NULL)""")


@pytest.fixture(scope="module")
def served(place):
    place.command("_cluster-start")
    with Run(place):
        yield place


ADD = ["user", "add", "wang", "--name", "王", "--org", ROOT_ORG]

BAD_USERS = {
    "unknown-org": (["user", "add", "wang", "--name", "王", "--org", "没有的组织"], 1, "there is no such organisation"),
    "no-uuid": (["user", "add", "wang", "--name", "王", "--org", ROOT_ORG[:-1]], 1, "there is no such organisation"),
    "quoted-org": (["user", "add", "wang", "--name", "王", "--org", "x' OR '1'='1"], 1, "there is no such organisation"),
    "taken": (["user", "add", "member", "--name", "王", "--org", ROOT_ORG], 1, "the user name is taken"),
    "capital": (["user", "add", "Wang", "--name", "王", "--org", ROOT_ORG], 2, "a user name is 2 to 64 of"),
    "short-name": (["user", "add", "w", "--name", "王", "--org", ROOT_ORG], 2, "a user name is 2 to 64 of"),
    "long-name": (["user", "add", "w" * 65, "--name", "王", "--org", ROOT_ORG], 2, "a user name is 2 to 64 of"),
    "option-as-name": (["user", "add", "--name", "王", "--org", ROOT_ORG], 2, "user add: "),
    "no-name": (["user", "add", "wang", "--org", ROOT_ORG], 2, "--name is missing"),
    "empty-name": (["user", "add", "wang", "--name", "", "--org", ROOT_ORG], 2, "--name is missing"),
    "no-org": (["user", "add", "wang", "--name", "王"], 2, "--org is missing"),
    "no-value": (["user", "add", "wang", "--name"], 2, "--name wants a value"),
    "no-such-option": (["user", "add", "wang", "--nick", "x"], 2, "there is no option --nick"),
    "no-such-role": ([*ADD, "--role", "king"], 2, "there is no role 'king'"),
    "nobody": (["user", "add"], 2, "usage: user add"),
    "passwd-unknown": (["user", "passwd", "nobody-there"], 1, "there is no such user"),
    "passwd-two": (["user", "passwd", "a", "b"], 2, "usage: user passwd"),
    "grant-unknown": (["user", "grant", "nobody-there", "admin", ROOT_ORG], 1, "there is no such user"),
    "grant-org": (["user", "grant", "member", "admin", "nowhere"], 1, "there is no such organisation"),
    "grant-role": (["user", "grant", "member", "king", ROOT_ORG], 2, "there is no role 'king'"),
    "grant-short": (["user", "grant", "member", "admin"], 2, "usage: user grant"),
}


@pytest.mark.parametrize("name", BAD_USERS)
def test_bad_input_changes_nothing(served, name):
    args, code, says = BAD_USERS[name]
    before = people(served)
    refused(served, *args, code=code, says=says, input="long enough 1\n")
    assert people(served) == before


@pytest.mark.parametrize("password, says", [("short\n", "at least 10 characters"), ("", "no password on standard input"),
                                            ("\n", "at least 10 characters"), ("党" * 9 + "\n", "at least 10 characters")])
@pytest.mark.parametrize("args", [ADD, ["user", "passwd", "member"]], ids=["add", "passwd"])
def test_a_bad_password_changes_nothing(served, args, password, says):
    before = people(served)
    refused(served, *args, says=says, input=password)
    assert people(served) == before


def test_a_name_that_several_organisations_have(served):
    admin = login(served.http, "admin", served.password)
    parents = [admin.post("/v1/orgs", {"parent_id": ROOT_ORG, "kind": "branch", "name": f"支部{n}"}, 201).json()["org_id"]
               for n in (1, 2)]
    for parent in parents:
        admin.post("/v1/orgs", {"parent_id": parent, "kind": "group", "name": "同名小组"}, 201)
    before = people(served)
    refused(served, "user", "add", "wang", "--name", "王", "--org", "同名小组", says="several organisations have that name",
            input="long enough 1\n")
    assert people(served) == before


def test_add_passwd_and_grant(served):
    name = "O'Hara \\; DROP TABLE member; -- $(id) :'login' 王"
    password = "  密码 with ' and \\ and $x  "
    done = served.command("user", "add", "ohara.1", "--name", name, "--org", ROOT_ORG, input=password + "\n")
    assert done.stdout == "partystudy: added ohara.1\n", "nothing else, and not the password"
    client = login(served.http, "ohara.1", password)
    me = client.get("/v1/me").json()
    assert me["name"] == name and [(r["role"], r["org_id"]) for r in me["roles"]] == [("member", ROOT_ORG)]
    assert client.get("/v1/members", None).status_code == 403

    for _ in range(2):  # the second time changes nothing
        served.command("user", "grant", "ohara.1", "admin", ROOT_ORG)
    client = login(served.http, "ohara.1", password)
    assert sorted(r["role"] for r in client.get("/v1/me").json()["roles"]) == ["admin", "member"]
    client.get("/v1/members")

    served.command("user", "passwd", "OHARA.1", input="another one 2")  # without a line end
    client.post("/v1/auth/refresh", {"refresh_token": client.refresh_token}, 401)
    Client(served.http).post("/v1/auth/login", {"username": "ohara.1", "password": password}, 401)
    login(served.http, "ohara.1", "another one 2")


def test_user_before_there_is_a_database(tmp_path):
    place = Server("nothing")
    try:
        refused(place, "user", "passwd", "member", says="there is no database yet: ./partystudy run makes it",
                input="long enough 1\n")
    finally:
        place.close()
