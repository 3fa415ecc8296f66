"""
How the server stops and what it survives: requests in flight are finished, idle connections closed, nobody new let
in, within PARTYSTUDY_DRAIN_TIMEOUT; a worker that is killed comes back; without the parent the workers end.
"""
import contextlib
import os
import pathlib
import signal
import threading
import time

import pytest

from support.client import login
from support.locks import held, report, wait_waiting
from support.server import Server
from support.wire import JWKS, SECONDS, Ended, Wire, serves

DRAIN = 8


@pytest.fixture(scope="module")
def house():
    """Prepared once; each test starts it for itself."""
    server = Server("drain", PARTYSTUDY_DRAIN_TIMEOUT=str(DRAIN), PARTYSTUDY_REQUEST_TIMEOUT_MS="60000",
                    PARTYSTUDY_DB_STATEMENT_TIMEOUT_MS="50000")
    try:
        yield server.prepare()
    finally:
        server.close()


@pytest.fixture
def stoppable(house):
    since = house.log.stat().st_size if house.log.exists() else 0
    house.start()
    yield house
    if house.process is not None:
        assert house.stop() == 0
    assert not alive(house), "a process is left"
    assert not house.complaints(since), house.complaints(since)


def token_of(server):
    return login(server.http, "member", server.password).token


def alive(server):
    """Processes of this server: they all stand in its directory."""
    found = []
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (process / "comm").read_text().startswith("kore") and os.readlink(process / "cwd") == server.var:
                found.append(int(process.name))
    return found


def wait_for(condition, what, seconds=SECONDS):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.02)


def refuses_connections(server):
    try:
        Wire(server, "http").close()
    except ConnectionRefusedError:
        return True
    return False


def end_of(server):
    """Its exit code, once it has ended by itself."""
    code = server.process.wait(SECONDS)
    server.process = None
    return code


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT], ids=lambda s: s.name)
def test_what_is_in_flight_is_finished(stoppable, sig):
    token = token_of(stoppable)
    with contextlib.ExitStack() as stack:
        slow = [stack.enter_context(Wire(stoppable, scheme)) for scheme in ("http", "https") for _ in range(6)]
        idle = [stack.enter_context(Wire(stoppable, scheme)) for scheme in ("http", "https") for _ in range(6)]
        for wire in idle[::2]:
            assert wire.ask("GET", JWKS).status_code == 200  # the others have never said a word
        release = stack.enter_context(held(stoppable))
        for wire in slow:
            wire.send(report(token))
        wait_waiting(stoppable)
        os.kill(stoppable.process.pid, sig)
        for wire in idle:
            wire.cut_off()
        wait_for(lambda: refuses_connections(stoppable), "new connections to be refused")
        os.kill(stoppable.process.pid, sig)  # impatience changes nothing
        time.sleep(0.5)
        assert stoppable.process.poll() is None, "it has not waited"
        release()
        for wire in slow:
            reply = wire.reply()
            assert reply.status_code == 200 and reply.headers["connection"] == "close", reply
            wire.ended()
        assert end_of(stoppable) == 0


def test_a_body_on_its_way_is_read_to_its_end(stoppable):
    request = report(token_of(stoppable))
    with Wire(stoppable, "http") as wire, Wire(stoppable, "https") as secret:
        for each in (wire, secret):
            each.send(request[:-3])
        time.sleep(0.3)
        os.kill(stoppable.process.pid, signal.SIGTERM)
        wait_for(lambda: refuses_connections(stoppable), "new connections to be refused")
        for each in (wire, secret):
            each.send(request[-3:])
            assert each.reply().status_code == 200
            each.ended()
        assert end_of(stoppable) == 0


def test_the_end_is_bounded(house):
    """A statement that does not end is left behind, and its client without an answer."""
    house.env["PARTYSTUDY_DRAIN_TIMEOUT"] = "1"
    try:
        house.start()
        token = token_of(house)
        with Wire(house, "http") as wire, held(house):
            wire.send(report(token))
            wait_waiting(house)
            begin = time.monotonic()
            os.kill(house.process.pid, signal.SIGTERM)
            assert end_of(house) == 0
            seconds = time.monotonic() - begin
            assert 0.8 < seconds < 30, seconds
            wire.cut_off()
        assert not alive(house)
    finally:
        house.env["PARTYSTUDY_DRAIN_TIMEOUT"] = str(DRAIN)


def test_a_stop_at_rest_is_quick(stoppable):
    begin = time.monotonic()
    assert stoppable.stop() == 0
    assert time.monotonic() - begin < DRAIN, "it has waited for nothing"


def test_no_reply_is_cut_by_a_stop(stoppable):
    """Under load: each client gets whole replies, and then an end between two of them."""
    token = token_of(stoppable)
    problems, counts = [], []

    def ask(scheme):
        count = 0
        try:
            with Wire(stoppable, scheme) as wire:
                while True:
                    reply = wire.ask("GET", "/v1/me", [("Authorization", "Bearer " + token)])
                    assert reply.status_code == 200, reply
                    count += 1
                    if reply.headers.get("connection") == "close":
                        wire.ended()
                        break
        except (Ended, ConnectionError):
            pass  # an idle connection is closed; the request was never begun
        except Exception as problem:  # of a thread: for the test to tell
            # Written into a closed connection, TLS has its own words for it.
            if wire.bytes or "EOF occurred" not in str(problem):
                problems.append(f"{type(problem).__name__}: {problem}")
        counts.append(count)

    threads = [threading.Thread(target=ask, args=(scheme,)) for scheme in ("http", "https") for _ in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(1)
    os.kill(stoppable.process.pid, signal.SIGTERM)
    for thread in threads:
        thread.join(SECONDS)
    assert not problems, problems
    assert min(counts) > 5
    assert end_of(stoppable) == 0


def shares(server):
    return {k: v for k, v in server.metrics().items() if k.startswith("partystudy_requests_by_worker_total")}


def test_a_killed_worker_comes_back(house):
    """The other one goes on with what it has, and the new one gets its share."""
    house.start()
    try:
        token = token_of(house)
        before = house.worker_pids()
        assert len(before) == 2
        with contextlib.ExitStack() as stack:
            crowd = [stack.enter_context(Wire(house, "http")) for _ in range(24)]
            release = stack.enter_context(held(house))
            for wire in crowd:
                wire.send(report(token))
            wait_waiting(house, 2)
            os.kill(before[0], signal.SIGKILL)
            wait_for(lambda: len(house.worker_pids()) == 2 and before[0] not in house.worker_pids(), "a new worker")
            assert before[1] in house.worker_pids()
            release()
            finished = [wire for wire in crowd if answered(wire)]
            assert 0 < len(finished) < len(crowd), "the killed one's are cut off, the other's are not touched"
            for wire in finished:
                assert wire.ask("GET", JWKS).status_code == 200
        requests_before = shares(house)
        for _ in range(40):
            for scheme in ("http", "https"):
                serves(house, scheme)
        assert all(n > requests_before[worker] for worker, n in shares(house).items()), "one of them serves nobody"
        assert house.stop() == 0
        assert not alive(house)
    finally:
        if house.process is not None:
            house.stop()


def answered(wire):
    """Whether a report was, by a worker that lived; else the connection is closed without a byte."""
    try:
        assert wire.reply().status_code == 200
        return True
    except (Ended, ConnectionResetError):
        return False


def test_without_the_parent_the_workers_end(house):
    house.start()
    try:
        token = token_of(house)
        assert set(house.worker_pids()) < set(alive(house)), "alive() must see what it looks for"
        with Wire(house, "http") as wire, held(house) as release:
            wire.send(report(token))
            wait_waiting(house)
            house.process.kill()
            house.process.wait()
            time.sleep(1)
            release()
            assert wire.reply().status_code == 200, "also then what is in flight is finished"
        wait_for(lambda: not alive(house), "the workers to end")
    finally:
        house.process = None
    house.start()
    serves(house)
    assert house.stop() == 0
