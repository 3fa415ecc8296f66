"""
Limits of time and of number, on a server of its own that has little patience and takes few connections: who sends
too slowly is told so in problem+json, who sends nothing is closed without a word, and nobody else waits for them.
"""
import contextlib
import socket
import time

import pytest
import requests

from support.client import login
from support.locks import held, report, wait_waiting
from support.server import Server
from support.wire import JWKS, SECONDS, Wire, check_refusal, message, serves

HEADER_TIMEOUT, BODY_TIMEOUT, KEEPALIVE = 1, 1, 2
LATE = 20  # what a busy machine may add to a limit
SCHEMES = ("http", "https")
POST = "POST /v1/auth/refresh HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


@pytest.fixture(scope="module")
def impatient():
    server = Server("impatient", PARTYSTUDY_HEADER_TIMEOUT=str(HEADER_TIMEOUT),
                    PARTYSTUDY_BODY_TIMEOUT=str(BODY_TIMEOUT), PARTYSTUDY_KEEPALIVE=str(KEEPALIVE),
                    PARTYSTUDY_WORKERS="1", PARTYSTUDY_WORKER_CONNECTIONS="40")
    try:
        yield server.prepare().start()
        assert server.stop() == 0
        assert not server.complaints()
    finally:
        server.close()


@pytest.fixture
def both(impatient):
    """A connection in clear and one through TLS, so that one wait does for both."""
    with Wire(impatient, "http") as clear, Wire(impatient, "https") as secret:
        yield clear, secret


def took(begin, least, most=LATE):
    seconds = time.monotonic() - begin
    assert least - 0.3 <= seconds <= least + most, f"{seconds:.2f} s, where {least} s are the limit"


def test_a_head_that_never_ends(impatient, both):
    begin = time.monotonic()
    for wire in both:
        wire.send("GET / HTTP/1.1\r\nHost: x\r\nX-A: ")
    for wire in both:
        check_refusal(wire.reply(), "request_timeout")
        wire.ended()
    took(begin, HEADER_TIMEOUT)
    serves(impatient)


def trickle(wire, text):
    """A byte now and then, which must not begin the limit anew, until there is an answer."""
    for byte in text:
        wire.send(byte)
        wire.socket.settimeout(0.1)
        try:
            wire.read_on()
            return
        except TimeoutError:
            pass
        finally:
            wire.socket.settimeout(SECONDS)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_head_that_trickles(impatient, scheme):
    with Wire(impatient, scheme) as wire:
        begin = time.monotonic()
        trickle(wire, "GET / HTTP/1.1\r\nHost: x\r\n" + "X-A: 1\r\n" * 1000)
        check_refusal(wire.reply(), "request_timeout")
        wire.ended()
        took(begin, HEADER_TIMEOUT)


def test_a_body_that_never_ends(impatient, both):
    begin = time.monotonic()
    for wire in both:
        wire.send(POST + "Content-Length: 10\r\nX-Request-Id: slow-1\r\nAccept-Language: en\r\n\r\n{")
    for wire in both:
        reply = wire.reply()
        check_refusal(reply, "request_timeout")
        assert reply.headers["x-request-id"] == "slow-1"
        assert reply.json()["title"] == "The request took too long to arrive"
        wire.ended()
    took(begin, BODY_TIMEOUT)
    serves(impatient)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_body_that_trickles(impatient, scheme):
    with Wire(impatient, scheme) as wire:
        begin = time.monotonic()
        wire.send(POST + "Content-Length: 100000\r\n\r\n{")
        trickle(wire, " " * 1000)
        check_refusal(wire.reply(), "request_timeout")
        wire.ended()
        took(begin, BODY_TIMEOUT)


def test_who_says_nothing_is_closed_without_a_word(both):
    begin = time.monotonic()
    for wire in both:
        wire.cut_off()
    took(begin, HEADER_TIMEOUT)


def test_an_idle_connection_is_closed_without_a_word(both):
    begin = time.monotonic()
    for wire in both:
        assert wire.ask("GET", JWKS).status_code == 200
        begin = time.monotonic()
    for wire in both:
        wire.cut_off()
    took(begin, KEEPALIVE)


def test_the_limit_counts_for_each_head(both):
    """A kept connection that lives longer than every limit, with pauses below them."""
    for _ in range(6):
        for wire in both:
            assert wire.ask("GET", JWKS).status_code == 200
        time.sleep(0.4)
    for wire in both:
        wire.send("GET ")
    begin = time.monotonic()
    for wire in both:
        check_refusal(wire.reply(), "request_timeout")
        wire.ended()
    took(begin, HEADER_TIMEOUT)


def test_a_handshake_that_never_ends(impatient):
    begin = time.monotonic()
    with socket.create_connection(("127.0.0.1", int(impatient.env["PARTYSTUDY_HTTPS_PORT"])), timeout=SECONDS) as raw:
        raw.sendall(b"\x16\x03\x01\x00\xc8\x01")
        try:
            assert raw.recv(1000) == b""
        except ConnectionResetError:
            pass
    took(begin, HEADER_TIMEOUT)


def test_a_slow_statement_is_not_a_slow_client(impatient):
    """Kore would hold the body's limit against the request's whole life, and answer a false 408."""
    request = report(login(impatient.http, "member", impatient.password).token)
    with Wire(impatient, "http") as wire, held(impatient) as release:
        wire.send(request[:-5])
        time.sleep(0.5 * BODY_TIMEOUT)
        wire.send(request[-5:])
        wait_waiting(impatient)
        time.sleep(BODY_TIMEOUT + HEADER_TIMEOUT)
        release()
        assert wire.reply().status_code == 200
        assert wire.ask("GET", JWKS).status_code == 200


def test_who_does_not_read_the_reply_is_let_go(impatient):
    """The reply lies in the server until the client takes it; not for ever."""
    with Wire(impatient, "http", receive_buffer=4096) as wire:
        wire.send(message("GET", "/openapi.json") * 200)
        deadline = time.monotonic() + KEEPALIVE + LATE
        with pytest.raises((ConnectionError, AssertionError)):
            while time.monotonic() < deadline:
                time.sleep(KEEPALIVE + 1)
                for _ in range(200):
                    wire.reply()
    serves(impatient)


def test_who_reads_slowly_gets_all_of_it(impatient):
    """Longer than the limit altogether, but never so long without a byte."""
    count = 40
    with Wire(impatient, "http", receive_buffer=4096) as wire:
        wire.send(message("GET", "/openapi.json") * count)
        begin = time.monotonic()
        for _ in range(count):
            reply = wire.reply()
            assert reply.status_code == 200 and reply.json()["openapi"]
            time.sleep((KEEPALIVE + 1) / count)
        assert time.monotonic() - begin > KEEPALIVE


def test_a_full_worker(impatient):
    """Those beyond the limit wait for a place and get it; the operator's port has places of its own."""
    crowd = []
    try:
        for _ in range(60):
            crowd.append(Wire(impatient, "http"))
        time.sleep(0.2)
        begin = time.monotonic()
        assert requests.get(impatient.ops + "/livez", timeout=5).status_code == 200
        took(begin, 0, 0.9 * HEADER_TIMEOUT)
        for wire in crowd:  # as a request that waits in the socket for the server to accept
            with contextlib.suppress(OSError):
                wire.send(message("GET", JWKS, [("Connection", "close")]))
        for wire in crowd:
            assert wire.reply().status_code == 200
    finally:
        for wire in crowd:
            wire.close()
    for scheme in SCHEMES:
        serves(impatient, scheme)
