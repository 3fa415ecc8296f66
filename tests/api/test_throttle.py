"""
The brake on guessing passwords. A server of its own with three free attempts; each test comes from an address of its
own, so that they do not slow one another down.
"""
import concurrent.futures
import itertools
import json
import re
import time

import pytest

from support import raw
from support.client import login
from support.server import Server
from support.study import Members

FREE = 3
_hosts = itertools.count(2)


@pytest.fixture(scope="module")
def braked():
    server = Server("throttle", PARTYSTUDY_LOGIN_ATTEMPTS=str(FREE))
    try:
        server.prepare().start()
        yield server
        assert server.complaints() == []
        assert server.stop() == 0
    finally:
        server.close()


@pytest.fixture
def here():
    return f"127.0.0.{next(_hosts)}"


def new_address():
    return f"127.0.0.{next(_hosts)}"


def attempt(server, username, password, source, headers=()):
    body = json.dumps({"username": username, "password": password}).encode()
    reply = raw.send(server.http, "POST", "/v1/auth/login", [("Content-Type", "application/json"), *headers], body, source)
    assert reply.status_code in (200, 401, 429), reply.text
    if reply.status_code == 429:
        assert reply.code == "too_many_requests"
        wait = int(reply.headers["Retry-After"])
        assert 1 <= wait <= 900
        limit = re.fullmatch(r"limit=(\d+), remaining=(\d+), reset=(\d+)", reply.headers["RateLimit"])
        assert limit and limit.group(2) == "0" and int(limit.group(3)) == wait
    return reply


def fail_until_braked(server, username, source, seconds=1):
    """
    Wrong passwords until the wait is at least that long; how many were looked at, and the 429. The server counts in
    whole seconds: a wait that it calls one second may be over a moment later, one of two lasts more than one.
    """
    for looked_at in range(12):
        reply = attempt(server, username, "wrong password", source)
        while reply.status_code == 429:
            if int(reply.headers["Retry-After"]) >= seconds:
                return looked_at, reply
            time.sleep(0.2)
            reply = attempt(server, username, "wrong password", source)
        assert reply.status_code == 401 and reply.code == "login_failed"
    raise AssertionError("a dozen wrong passwords and no such wait")


def test_three_are_free_the_next_one_makes_it_wait(braked, here):
    looked_at, reply = fail_until_braked(braked, "admin", here)
    assert looked_at in (FREE + 1, FREE + 2) and int(reply.headers["Retry-After"]) == looked_at - FREE


def test_the_right_password_has_to_wait_too(braked, here):
    fail_until_braked(braked, "secretary", here, seconds=2)
    reply = attempt(braked, "secretary", braked.password, here)
    assert reply.status_code == 429
    time.sleep(int(reply.headers["Retry-After"]) + 0.1)
    assert attempt(braked, "secretary", braked.password, here).status_code == 200


def test_waiting_does_not_lengthen_the_wait(braked, here):
    """Attempts that were not looked at are no failures: an impatient person is not locked out."""
    _, reply = fail_until_braked(braked, "reviewer", here, seconds=2)
    for _ in range(30):
        attempt(braked, "reviewer", braked.password, here)
    time.sleep(int(reply.headers["Retry-After"]) + 0.1)
    assert attempt(braked, "reviewer", braked.password, here).status_code == 200


def test_each_further_failure_doubles_the_wait(braked, here):
    failures, waits = 0, []
    while len(waits) < 3:
        reply = attempt(braked, "doubling", "wrong password", here)
        if reply.status_code == 401:
            failures += 1
            continue
        left, full = int(reply.headers["Retry-After"]), 2 ** (failures - FREE - 1)
        assert full - 1 <= left <= full, "a second may have passed since the failure"
        waits.append(full)
        time.sleep(left + 0.1)
    assert waits in ([1, 2, 4], [2, 4, 8])


def test_another_account_is_not_affected(braked, here):
    fail_until_braked(braked, "auditor", here, seconds=2)
    assert attempt(braked, "member", braked.password, here).status_code == 200
    assert attempt(braked, "auditor", braked.password, here).status_code == 429


def test_another_address_does_not_help(braked, here):
    fail_until_braked(braked, "from-afar", here, seconds=2)
    assert attempt(braked, "from-afar", "wrong password", new_address()).status_code == 429


def test_all_workers_know(braked, here):
    """A connection lands on a worker by its port: of twenty both have some."""
    fail_until_braked(braked, "everywhere", here, seconds=3)
    assert len(braked.worker_pids()) == 2
    assert [attempt(braked, "everywhere", "wrong password", here).status_code for _ in range(20)] == [429] * 20


def test_an_unknown_user_is_braked_in_the_same_way(braked, here):
    """Else the brake would tell who has an account."""
    assert fail_until_braked(braked, "nobody-at-all", here)[0] in (FREE + 1, FREE + 2)


def test_the_name_in_another_case_is_the_same_account(braked, here):
    fail_until_braked(braked, "nobody-else", here, seconds=2)
    for name in ("NOBODY-ELSE", "Nobody-Else", "nobody-ELSE"):
        assert attempt(braked, name, "wrong password", here).status_code == 429


def test_a_log_in_that_passes_wipes_the_slate(braked, here):
    for _ in range(4):
        for _ in range(FREE):
            assert attempt(braked, "member", "wrong password", here).status_code == 401
        assert attempt(braked, "member", braked.password, here).status_code == 200


def test_an_address_that_tries_many_accounts(braked, here):
    """Ten times as many free attempts, since an office shares one; a forged X-Forwarded-For is not believed."""
    looked_at, wait = 0, 0
    for n in range(FREE * 10 + 9):
        reply = attempt(braked, f"guess-{n}", "wrong password", here, [("X-Forwarded-For", f"10.0.0.{n}")])
        looked_at += reply.status_code == 401
        wait = int(reply.headers.get("Retry-After", "0"))
        if wait >= 2:
            break
        time.sleep(wait)
    assert FREE * 10 < looked_at <= FREE * 10 + 3 and wait >= 2
    assert attempt(braked, "member", braked.password, here).status_code == 429
    assert attempt(braked, "member", braked.password, new_address()).status_code == 200


def test_one_good_account_does_not_free_the_address(braked, here):
    """Else whoever has an account could guess at others for ever."""
    looked_at = 0
    for n in range(400):
        if n % 10 == 9:
            reply = attempt(braked, "member", braked.password, here)
        else:
            reply = attempt(braked, f"victim-{n}", "wrong password", here)
        if reply.status_code == 429:
            break
        looked_at += 1
    assert looked_at < 400, "log-ins in between must not make guessing free"


def test_a_hundred_guesses_at_once(braked, here):
    def guess(n):
        return attempt(braked, "parallel", f"guess number {n}", here).status_code
    with concurrent.futures.ThreadPoolExecutor(100) as pool:
        codes = list(pool.map(guess, range(100)))
    assert codes.count(401) <= FREE + 4, "the free ones, and one for each time that a short wait has ended meanwhile"
    assert codes.count(429) == 100 - codes.count(401)


def test_guessing_the_current_password_is_braked_too(braked):
    members = Members(braked)
    client = members.one()

    def change(current):
        return client.post("/v1/auth/password", {"current_password": current, "new_password": "second password 2"})
    looked_at, wait = 0, 0
    while wait < 2:
        time.sleep(wait)
        reply = change("wrong password")
        looked_at += reply.status_code == 403
        wait = int(reply.headers.get("Retry-After", "0"))
    assert FREE < looked_at <= FREE + 3
    reply = change(braked.password)
    assert reply.status_code == 429 and int(reply.headers["Retry-After"]) >= 1
    time.sleep(int(reply.headers["Retry-After"]) + 0.1)
    assert change(braked.password).status_code == 204
    login(braked.http, "t" + client.member_id.replace("-", ""), "second password 2")
    members.remove()
