"""
One server for all tests of this folder, and clients for each role of the demo organisation.

Three oracles watch every test: each reply is held against api-spec/ (support/client.py); after each test the
server's log has no line that says a worker died or met an error of its own, and the database driver is idle;
after the whole run every operation of the specification has been called.
"""
import time

import pytest

from support import client, spec
from support.client import Client, login
from support.scene import Scene
from support.server import Server


@pytest.fixture(scope="session")
def server():
    server = Server()
    try:
        server.prepare().start()
        yield server
        code = server.stop()
        assert code == 0, f"the server left with {code}: {server.tail()}"
    finally:
        server.close()


@pytest.fixture(scope="session")
def accounts(server):
    """A signed-in client for each account of the demo organisation."""
    return {name: login(server.http, name, server.password)
            for name in ("admin", "secretary", "reviewer", "auditor", "member")}


@pytest.fixture
def admin(accounts):
    return accounts["admin"]


@pytest.fixture
def secretary(accounts):
    return accounts["secretary"]


@pytest.fixture
def member(accounts):
    return accounts["member"]


@pytest.fixture(scope="session")
def scene(server, accounts):
    return Scene(server, accounts["admin"])


@pytest.fixture
def anyone(server):
    return Client(server.http)


@pytest.fixture(autouse=True)
def server_unharmed(request):
    """The teardown oracle."""
    if "server" not in request.fixturenames:
        yield
        return
    server = request.getfixturevalue("server")
    since = server.log.stat().st_size
    yield
    assert server.process.poll() is None, server.tail()
    complaints = server.complaints(since)
    assert not complaints, "\n".join(complaints)
    wait_idle(server)


def wait_idle(server, seconds=5):
    deadline = time.monotonic() + seconds
    while True:
        busy = {k: v for k, v in server.metrics().items()
                if k.startswith(("partystudy_db_calls_waiting", "partystudy_db_calls_in_flight")) and v != 0}
        if not busy:
            return
        assert time.monotonic() < deadline, f"the database driver is not idle: {busy}"
        time.sleep(0.05)


def pytest_sessionfinish(session, exitstatus):
    """A whole run (no -k, no single files) must have called every operation."""
    config = session.config
    whole = not config.option.keyword and not config.option.collectonly and exitstatus == 0 and \
        all("::" not in a and not a.endswith(".py") for a in config.args)
    if not whole:
        return
    missing = [o.id for o in spec.operations() if client.called[o.id] == 0]
    if missing:
        session.exitstatus = 1
        print(f"\nno test called: {', '.join(missing)}")
