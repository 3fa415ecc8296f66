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


def fail_until_braked(server, username, source, at_most=FREE + 2):
    """Wrong passwords until there is a 429; how many were looked at, and that reply."""
    for n in range(at_most):
        reply = attempt(server, username, "wrong password", source)
        if reply.status_code == 429:
            return n, reply
        assert reply.status_code == 401 and reply.code == "login_failed"
    raise AssertionError(f"{at_most} wrong passwords and no wait")


def test_three_are_free_the_next_one_makes_it_wait(braked, here):
    looked_at, reply = fail_until_braked(braked, "admin", here)
    assert looked_at == FREE + 1 and int(reply.headers["Retry-After"]) == 1


def test_the_right_password_has_to_wait_too(braked, here):
    fail_until_braked(braked, "secretary", here)
    reply = attempt(braked, "secretary", braked.password, here)
    assert reply.status_code == 429
    time.sleep(int(reply.headers["Retry-After"]) + 0.1)
    assert attempt(braked, "secretary", braked.password, here).status_code == 200


def test_waiting_does_not_lengthen_the_wait(braked, here):
    """Attempts that were not looked at are no failures: an impatient person is not locked out."""
    _, reply = fail_until_braked(braked, "reviewer", here)
    for _ in range(30):
        attempt(braked, "reviewer", braked.password, here)
    time.sleep(int(reply.headers["Retry-After"]) + 0.1)
    assert attempt(braked, "reviewer", braked.password, here).status_code == 200


def test_each_further_failure_doubles_the_wait(braked, here):
    _, reply = fail_until_braked(braked, "doubling", here)
    waits = [int(reply.headers["Retry-After"])]
    for _ in range(2):
        time.sleep(waits[-1] + 0.1)
        assert attempt(braked, "doubling", "wrong password", here).status_code == 401
        waits.append(int(attempt(braked, "doubling", "wrong password", here).headers["Retry-After"]))
    assert waits == [1, 2, 4]


def test_another_account_is_not_affected(braked, here):
    fail_until_braked(braked, "auditor", here)
    assert attempt(braked, "member", braked.password, here).status_code == 200
    assert attempt(braked, "auditor", braked.password, here).status_code == 429


def test_another_address_does_not_help(braked, here):
    fail_until_braked(braked, "from-afar", here)
    assert attempt(braked, "from-afar", "wrong password", new_address()).status_code == 429


def test_all_workers_know(braked, here):
    """A connection lands on a worker by its port: of twenty both have some."""
    reply = None
    while reply is None or int(reply.headers["Retry-After"]) < 4:
        if reply is not None:
            time.sleep(int(reply.headers["Retry-After"]) + 0.1)
        _, reply = fail_until_braked(braked, "everywhere", here)
    assert len(braked.worker_pids()) == 2
    assert [attempt(braked, "everywhere", "wrong password", here).status_code for _ in range(20)] == [429] * 20


def test_an_unknown_user_is_braked_in_the_same_way(braked, here):
    """Else the brake would tell who has an account."""
    assert fail_until_braked(braked, "nobody-at-all", here)[0] == FREE + 1


def test_the_name_in_another_case_is_the_same_account(braked, here):
    for name in ("NOBODY-ELSE", "nobody-else", "Nobody-Else", "NoBoDy-ElSe"):
        assert attempt(braked, name, "wrong password", here).status_code == 401
    assert attempt(braked, "nobody-ELSE", "wrong password", here).status_code == 429


def test_a_log_in_that_passes_wipes_the_slate(braked, here):
    for _ in range(4):
        for _ in range(FREE):
            assert attempt(braked, "member", "wrong password", here).status_code == 401
        assert attempt(braked, "member", braked.password, here).status_code == 200


def test_an_address_that_tries_many_accounts(braked, here):
    """Ten times as many free attempts, since an office shares one; a forged X-Forwarded-For is not believed."""
    codes = []
    for n in range(FREE * 10 + 5):
        codes.append(attempt(braked, f"guess-{n}", "wrong password", here, [("X-Forwarded-For", f"10.0.0.{n}")]).status_code)
        if codes[-1] == 429:
            break
    assert codes == [401] * (FREE * 10 + 1) + [429]
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
    codes = [change("wrong password").status_code for _ in range(FREE + 2)]
    assert codes == [403] * (FREE + 1) + [429]
    reply = change(braked.password)
    assert reply.status_code == 429 and int(reply.headers["Retry-After"]) >= 1
    time.sleep(int(reply.headers["Retry-After"]) + 0.1)
    assert change(braked.password).status_code == 204
    login(braked.http, "t" + client.member_id.replace("-", ""), "second password 2")
    members.remove()
