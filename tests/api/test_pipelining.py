"""
Pipelining: no request is answered twice, for another, or not at all. Kore's parser loses a second request that comes
in one segment with the first; here it waits its turn (docs/http.md).
"""
import json
import random
import threading
import time

import pytest

from support.wire import JSON, JWKS, SMUGGLED, Wire, message


@pytest.fixture(params=["http", "https"])
def scheme(request):
    return request.param


@pytest.fixture(scope="module")
def bearer(accounts):
    return ("Authorization", "Bearer " + accounts["member"].token)


def test_several_in_one_segment(server, scheme, bearer):
    wire = Wire(server, scheme)
    wire.send(message("POST", "/v1/auth/refresh", [JSON, ("X-Request-Id", "1")], b"{" + b" " * 20_000 + b"}") +
              message("GET", "/v1/me", [bearer, ("X-Request-Id", "2")]) + b"\r\n" +
              message("HEAD", "/v1/me", [bearer, ("X-Request-Id", "3")]) +
              message("GET", JWKS, [("X-Request-Id", "4"), ("Connection", "close")]))
    for number, (method, status) in enumerate((("POST", 422), ("GET", 200), ("HEAD", 200), ("GET", 200)), 1):
        reply = wire.reply(method)
        assert (reply.status_code, reply.headers["x-request-id"]) == (status, str(number))
    wire.ended()
    wire.close()


def test_replies_larger_than_every_buffer(server, scheme):
    """The client reads only when all has been sent; the server holds back and loses nothing."""
    wire = Wire(server, scheme, receive_buffer=4096)
    count = 60
    wire.send(b"".join(message("GET", "/openapi.json", [("X-Request-Id", f"large-{i}")]) for i in range(count)))
    time.sleep(0.3)
    bodies = set()
    for i in range(count):
        reply = wire.reply()
        assert reply.status_code == 200 and reply.headers["x-request-id"] == f"large-{i}"
        bodies.add(reply.body)
    wire.close()
    assert len(bodies) == 1 and json.loads(bodies.pop())["openapi"]


def test_thousands_of_requests_on_one_connection(server, bearer):
    wire = Wire(server, "http")
    count = 3000
    requests_ = [message("GET", JWKS if i % 10 else "/v1/me", [bearer, ("X-Request-Id", f"n-{i}")]) for i in range(count)]
    sender = threading.Thread(target=wire.send, args=(b"".join(requests_),))
    sender.start()
    for i in range(count):
        reply = wire.reply()
        assert reply.status_code == 200 and reply.headers["x-request-id"] == f"n-{i}"
    sender.join()
    wire.close()


class Script:
    """A run of random requests; `sent` has for each its method, its id and what is to come of it."""

    def __init__(self, seed, bearer, count):
        self.chance = random.Random(seed)
        self.bearer = bearer
        self.sent, parts = [], []
        for number in range(count):
            request_id = f"s{seed}.{number}.{self.chance.getrandbits(40):x}"
            kind = self.chance.choice(self.KINDS)
            method, target, headers, body, expected = kind(self)
            headers = [*headers, ("X-Request-Id", request_id)]
            if number == count - 1:
                headers.append(("Connection", "close"))
            self.chance.shuffle(headers)
            headers = [(self.chance.choice((n, n.lower(), n.upper())), v) for n, v in headers]
            parts.append(b"\r\n" * self.chance.choice((0, 0, 0, 1)) + message(method, target, headers, body))
            self.sent.append((method, request_id, expected))
        self.bytes = b"".join(parts)

    def pieces(self):
        at = 0
        while at < len(self.bytes):
            size = self.chance.choice((1, 7, 200, 1460, 8192, 70_000))
            yield self.bytes[at:at + size]
            at += size

    def bait(self):
        """A body that would be requests, were it not a body."""
        count = self.chance.choice((0, 1, 3, 200))
        text = "".join(SMUGGLED for _ in range(count)) + "x" * self.chance.randint(0, 3000)
        return text.encode()

    def _jwks(self):
        return self.chance.choice(("GET", "HEAD")), JWKS, [], None, 200

    def _me(self):
        return "GET", "/v1/me", [self.bearer, *((f"X-{i}", "1") for i in range(self.chance.randint(0, 40)))], None, 200

    def _nobody(self):
        return "GET", "/v1/me", [], None, 401

    def _orgs(self):
        return "GET", f"/v1/orgs?limit={self.chance.randint(1, 9)}", [self.bearer], None, 200

    def _nowhere(self):
        return "GET", f"/nowhere/{self.chance.getrandbits(60)}", [], None, 404

    def _not_allowed(self):
        return "DELETE", "/v1/me", [self.bearer], None, 405

    def _options(self):
        return "OPTIONS", "/v1/me", [], None, 204

    def _no_json(self):
        return "POST", "/v1/auth/login", [JSON], self.bait() + b"?", 400

    def _bad_fields(self):
        return "POST", "/v1/auth/refresh", [JSON], json.dumps({"bait": self.bait().decode()}), 422

    def _no_body(self):
        return "POST", "/v1/auth/refresh", [JSON], None, 400

    def _large(self):
        return "GET", "/openapi.json", [], None, 200

    KINDS = (_jwks, _me, _me, _nobody, _orgs, _nowhere, _not_allowed, _options, _no_json, _no_json, _bad_fields,
             _bad_fields, _no_body, _large)


def play(server, scheme, script, problems):
    try:
        with Wire(server, scheme) as wire:
            for piece in script.pieces():
                wire.send(piece)
                if script.chance.random() < 0.02:
                    time.sleep(0.002)
            for number, (method, request_id, expected) in enumerate(script.sent):
                reply = wire.reply(method)
                assert reply.headers["x-request-id"] == request_id, f"reply {number} is another's: {reply}"
                assert reply.status_code == expected, f"reply {number}: {reply}, not {expected}"
                if expected >= 400 and method != "HEAD":
                    assert reply.json()["request_id"] == request_id
            wire.ended()
    except Exception as problem:  # of a thread: for the test to tell
        problems.append(f"{type(problem).__name__}: {problem}")


@pytest.mark.parametrize("seed", [1, 2, 3, random.SystemRandom().getrandbits(32)], ids=["1", "2", "3", "new"])
def test_random_pipelines(server, scheme, bearer, seed):
    """Four connections at once; each reply carries the id of the request whose turn it is, in order, and no more."""
    print(f"seed {seed}")
    scripts = [Script(seed * 10 + i, bearer, 80) for i in range(4)]
    problems = []
    threads = [threading.Thread(target=play, args=(server, scheme, script, problems)) for script in scripts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not problems, f"seed {seed}: " + "; ".join(problems)
