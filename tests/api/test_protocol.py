"""
HTTP as bytes: what Kore's parser would lose, mistake or answer in its own way (docs/http.md has the list) is refused
in problem+json or comes out right, in clear and through TLS. Several requests at once are in test_pipelining.py,
limits of time and number in test_protocol_time.py.
"""
import json
import random
import socket
import subprocess
import time

import pytest
import requests

from support import spec
from support.client import login
from support.wire import (JSON, JWKS, SECONDS, SMUGGLED, Wire, check_refusal, documented_codes, message, serves,
                          tls_context, wait_for_gauges)

GET = f"GET {JWKS} HTTP/1.1\r\nHost: localhost\r\n"
POST = "POST /v1/auth/refresh HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


@pytest.fixture(params=["http", "https"])
def scheme(request):
    return request.param


@pytest.fixture
def connect(server, scheme):
    """Opens connections to the server; they are closed when the test is over."""
    open_ones = []

    def one(**settings):
        open_ones.append(Wire(server, scheme, **settings))
        return open_ones[-1]

    yield one
    for wire in open_ones:
        wire.close()


@pytest.fixture(scope="module")
def bearer(accounts):
    return ("Authorization", "Bearer " + accounts["member"].token)


# ── refused ──

REFUSED = {
    # where a message ends
    "te-and-length": (POST + "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n", "bad_request"),
    "length-and-te": (POST + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "bad_request"),
    "two-lengths": (POST + "Content-Length: 2\r\nContent-Length: 50\r\n\r\n{}" + SMUGGLED, "bad_request"),
    "two-equal-lengths": (POST + "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}", "bad_request"),
    "length-list": (POST + "Content-Length: 2, 2\r\n\r\n{}", "bad_content_length"),
    "length-signed": (POST + "Content-Length: +2\r\n\r\n{}", "bad_content_length"),
    "length-negative": (POST + "Content-Length: -1\r\n\r\n", "bad_content_length"),
    "length-hex": (POST + "Content-Length: 0x2\r\n\r\n{}", "bad_content_length"),
    "length-beyond-64-bits": (POST + "Content-Length: 18446744073709551618\r\n\r\n{}", "bad_content_length"),
    "length-huge": (POST + "Content-Length: 9223372036854775807\r\n\r\n{}", "body_too_large"),
    "get-body": (GET + f"Content-Length: {len(SMUGGLED)}\r\n\r\n" + SMUGGLED, "body_not_allowed"),
    "head-body": (f"HEAD {JWKS} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{{}}", "body_not_allowed"),
    "delete-body": (f"DELETE {JWKS} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(SMUGGLED)}\r\n\r\n" + SMUGGLED,
                    "body_not_allowed"),
    "options-body": (f"OPTIONS {JWKS} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{{}}", "body_not_allowed"),
    "chunked": (POST + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", "length_required"),
    "chunked-get": (GET + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED, "length_required"),
    "te-identity": (POST + "Transfer-Encoding: identity\r\n\r\n", "length_required"),
    # lines
    "bare-lf": (GET.replace("\r\n", "\n") + "\n", "bad_request"),
    "one-bare-lf": (GET + "X-A: 1\nX-B: 2\r\n\r\n", "bad_request"),
    "bare-cr": (GET + "X-A: 1\rX-B: 2\r\n\r\n", "bad_request"),
    "bare-cr-ends-the-head": (GET + "X-A: 1\r\n\r\r\n\r\n", "bad_request"),
    "nul": (GET + "X-A: 1\0\r\n\r\n", "bad_request"),
    "obs-fold": (GET + "X-A: 1\r\n 2\r\n\r\n", "bad_request"),
    "obs-fold-of-a-length": (POST + "Content-Length:\r\n 2\r\n\r\n{}", "bad_request"),
    "space-before-colon": (POST + "Content-Length : 2\r\n\r\n{}", "bad_request"),
    "tab-before-colon": (POST + "Transfer-Encoding\t: chunked\r\n\r\n", "bad_request"),
    "no-colon": (GET + "nonsense\r\n\r\n", "bad_request"),
    "no-name": (GET + ": 1\r\n\r\n", "bad_request"),
    "control-in-a-value": (GET + "Accept: a\x01\r\n\r\n", "bad_request"),
    "two-authorizations": (GET + "Authorization: Bearer a\r\nAuthorization: Bearer b\r\n\r\n", "bad_request"),
    # Host
    "no-host": (f"GET {JWKS} HTTP/1.1\r\n\r\n", "bad_host"),
    "hostx-only": (f"GET {JWKS} HTTP/1.1\r\nHostx: a\r\n\r\n", "bad_host"),
    "empty-host": (f"GET {JWKS} HTTP/1.1\r\nHost:\r\n\r\n", "bad_host"),
    "two-hosts": (GET + "Host: localhost\r\n\r\n", "bad_request"),
    "host-with-a-path": (f"GET {JWKS} HTTP/1.1\r\nHost: a/b\r\n\r\n", "bad_host"),
    "long-host": (f"GET {JWKS} HTTP/1.1\r\nHost: {'a' * 254}\r\n\r\n", "bad_host"),
    # the request line
    "two-spaces": (f"GET  {JWKS} HTTP/1.1\r\nHost: x\r\n\r\n", "bad_request"),
    "no-version": (f"GET {JWKS}\r\nHost: x\r\n\r\n", "bad_request"),
    "http-0.9": ("GET /\r\n\r\n", "bad_request"),
    "http-1.2": (f"GET {JWKS} HTTP/1.2\r\nHost: x\r\n\r\n", "http_version_not_supported"),
    "http-2.0": (f"GET {JWKS} HTTP/2.0\r\nHost: x\r\n\r\n", "http_version_not_supported"),
    "http-2-preface": ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "http_version_not_supported"),
    "lower-case-version": (f"GET {JWKS} http/1.1\r\nHost: x\r\n\r\n", "bad_request"),
    "fragment": ("GET /#x HTTP/1.1\r\nHost: x\r\n\r\n", "bad_request"),
    "not-ascii": ("GET /学习 HTTP/1.1\r\nHost: x\r\n\r\n", "bad_request"),
    "relative-target": ("GET v1/me HTTP/1.1\r\nHost: x\r\n\r\n", "bad_request"),
    "ftp-target": ("GET ftp://x/ HTTP/1.1\r\nHost: x\r\n\r\n", "bad_request"),
    "user-in-the-authority": ("GET http://me@x/ HTTP/1.1\r\nHost: x\r\n\r\n", "bad_host"),
    "tls-in-clear": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "bad_request"),
    "lf-first": ("\n" + GET + "\r\n", "bad_request"),
    "many-empty-lines": ("\r\n" * 5 + GET + "\r\n", "bad_request"),
    # methods
    "trace": (f"TRACE {JWKS} HTTP/1.1\r\nHost: x\r\n\r\n", "not_implemented"),
    "connect": ("CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n", "not_implemented"),
    "unknown-method": (f"BREW {JWKS} HTTP/1.1\r\nHost: x\r\n\r\n", "not_implemented"),
    "lower-case-method": (f"get {JWKS} HTTP/1.1\r\nHost: x\r\n\r\n", "not_implemented"),
    # sizes
    "uri-1998": (f"GET /{'a' * 1997} HTTP/1.1\r\nHost: x\r\n\r\n", "uri_too_long"),
    "uri-with-query-2500": (f"GET {JWKS}?{'a' * 2500} HTTP/1.1\r\nHost: x\r\n\r\n", "uri_too_long"),
    "uri-that-never-ends": (f"GET /{'a' * 20000}", "uri_too_long"),
    "101-lines": (GET + "".join(f"X-{i}: 1\r\n" for i in range(100)) + "\r\n", "headers_too_large"),
    "150-lines": (GET + "".join(f"X-{i}: 1\r\n" for i in range(149)) + "\r\n", "headers_too_large"),
    "head-of-40-kb": (GET + "".join(f"X-{i}: {'a' * 1000}\r\n" for i in range(40)) + "\r\n", "headers_too_large"),
    "head-of-40-kb-that-never-ends": (GET + "X-A: " + "a" * 40000, "headers_too_large"),
    "token-of-9-kb": (GET + f"Authorization: Bearer {'a' * 9000}\r\n\r\n", "headers_too_large"),
    "body-over-1-mib": (POST + "Content-Length: 1048577\r\n\r\n{}", "body_too_large"),
    "batch-over-4-mib": ("POST /v1/me/progress/batch HTTP/1.1\r\nHost: x\r\nContent-Length: 4194305\r\n\r\n{}",
                         "body_too_large"),
    "batch-in-the-query": ("POST /v1/auth/refresh?/v1/me/progress/batch HTTP/1.1\r\nHost: x\r\n"
                           "Content-Length: 1048577\r\n\r\n{}", "body_too_large"),
    "unknown-expectation": (POST + "Content-Length: 2\r\nExpect: tea\r\n\r\n{}", "expectation_failed"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_in_one_reply_and_closed(server, connect, scheme, name):
    request, code = REFUSED[name]
    wire = connect()
    wire.send(request)
    check_refusal(wire.reply(), code)
    wire.ended()
    serves(server, scheme)


@pytest.mark.parametrize("name", REFUSED)
def test_refused_behind_a_good_request(connect, name):
    """In one segment: the good one is answered first, then the refusal, and nothing for what follows it."""
    request, code = REFUSED[name]
    wire = connect()
    request = request.encode() if isinstance(request, str) else request
    after = b"" if name.endswith("never-ends") else b"\r\n\r\n" + SMUGGLED.encode()
    wire.send(GET.encode() + b"X-Request-Id: good\r\n\r\n" + request + after)
    reply = wire.reply()
    assert reply.status_code == 200 and reply.headers["x-request-id"] == "good"
    check_refusal(wire.reply(), code)
    wire.ended()


def test_every_code_of_the_list_is_documented():
    assert {code for _, code in REFUSED.values()} <= set(documented_codes())


def test_a_refusal_speaks_the_language_and_echoes_the_id(connect):
    for language, title in (("en-GB, zh;q=0.5", "A body is not allowed with this method"), ("zh", "该方法不允许带请求体")):
        wire = connect()
        wire.send(GET + f"Content-Length: 2\r\nX-Request-Id: r-{title[:1].encode().hex()}\r\n"
                        f"Accept-Language: {language}\r\n\r\n{{}}")
        reply = wire.reply()
        check_refusal(reply, "body_not_allowed")
        assert reply.json()["title"] == title
        assert reply.json()["request_id"] == reply.headers["x-request-id"] == f"r-{title[:1].encode().hex()}"
        wire.ended()


def test_surplus_bytes_are_the_next_message(connect):
    """Beyond Content-Length: what is no request is refused, after the reply to what was one."""
    wire = connect()
    wire.send(POST + "Content-Length: 2\r\n\r\n{}surplus of some bytes\r\n\r\n")
    assert wire.reply().status_code == 422
    check_refusal(wire.reply(), "bad_request")
    wire.ended()


def test_megabytes_of_surplus_are_not_gathered(server, connect, scheme):
    wire = connect()
    wire.send(POST + "Content-Length: 2\r\n\r\n{}")
    assert wire.reply().status_code == 422
    wire.send(b"\x00" * 3_000_000)
    check_refusal(wire.reply(), "bad_request")
    wire.ended()
    serves(server, scheme)


# ── what Kore would lose or mistake, and what is right ──

def test_a_hundred_lines_with_authorization_last(connect, bearer):
    """Kore's parser drops what comes after the 23rd line without a word."""
    fillers = [(f"X-{i}", "1") for i in range(98)]
    for count in (22, 23, 24, 98):
        wire = connect()
        reply = wire.ask("GET", "/v1/me", [*fillers[:count], bearer])
        assert reply.status_code == 200 and reply.json()["username"] == "member", count
        wire.close()


def test_hostx_before_host(connect):
    reply = connect().ask("GET", JWKS, [])
    assert reply.status_code == 200
    wire = connect()
    wire.send(f"GET {JWKS} HTTP/1.1\r\nHostx: \r\nHostess: a b\r\nHost: localhost\r\n\r\n")
    assert wire.reply().status_code == 200


@pytest.mark.parametrize("host", [":80", ":", "[::1]:80", "[", "a:b:c", "a" * 253, "127.0.0.1", "xn--fiq228c.cn"])
def test_odd_hosts_are_answered_by_us(connect, host):
    wire = connect()
    wire.send(f"GET {JWKS} HTTP/1.1\r\nHost: {host}\r\n\r\n")
    reply = wire.reply()
    assert reply.status_code == 200 or reply.json()["code"] == "bad_host", reply


def test_the_longest_uri(connect):
    target = JWKS + "?x=" + "a" * (1997 - len(JWKS) - 3)
    assert connect().ask("GET", target).status_code == 422  # an unknown parameter; read to its end
    assert connect().ask("GET", "/" + "a" * 1996).status_code == 404


def test_absolute_form(connect):
    wire = connect()
    for target in (f"http://localhost{JWKS}", f"HTTPS://example.org:1{JWKS}"):
        assert wire.ask("GET", target).status_code == 200
    reply = wire.ask("GET", "http://localhost")
    assert reply.status_code == 404 and reply.json()["code"] == "not_found"


def test_http_1_0_is_answered_and_closed(connect):
    for headers in ("", "Host: x\r\n", "Connection: keep-alive\r\n"):
        wire = connect()
        wire.send(f"GET {JWKS} HTTP/1.0\r\n{headers}\r\n")
        reply = wire.reply()
        assert reply.status_code == 200 and reply.headers["connection"] == "close"
        wire.ended()


def test_http_1_0_with_a_body_and_an_expectation(connect):
    wire = connect()
    wire.send(message("POST", "/v1/auth/refresh", [JSON, ("Expect", "100-continue")], "{}", "HTTP/1.0"))
    assert wire.reply().status_code == 422, "1.0 knows no 100"
    wire.ended()


def test_connection_close_is_obeyed(connect):
    wire = connect()
    wire.send(GET + "Connection: x, Close\r\n\r\n" + SMUGGLED)
    reply = wire.reply()
    assert reply.status_code == 200 and reply.headers["connection"] == "close"
    wire.ended()


def test_options(connect, bearer):
    wire = connect()
    reply = wire.ask("OPTIONS", "/v1/courses")
    assert reply.status_code == 204 and reply.headers["allow"] == "OPTIONS, GET, HEAD, POST"
    assert wire.ask("OPTIONS", "*").status_code in (204, 404)
    assert wire.ask("OPTIONS", "/nowhere").status_code == 404
    reply = wire.ask("DELETE", "/v1/courses", [bearer])
    assert reply.status_code == 405 and reply.headers["allow"] == "OPTIONS, GET, HEAD, POST"
    spec.check_reply("DELETE", "/nowhere", reply)


def test_head_is_get_without_the_body(connect, bearer):
    wire = connect()
    for path in (JWKS, "/openapi.json", "/v1/me", "/nowhere"):
        got = wire.ask("GET", path, [bearer])
        head = wire.ask("HEAD", path, [bearer])
        assert head.status_code == got.status_code and head.body == b""
        for name in ("content-length", "content-type", "etag"):
            assert head.headers.get(name) == got.headers.get(name), (path, name)
    assert wire.ask("GET", JWKS).status_code == 200


def test_a_post_without_body_or_length(server, connect, scheme):
    """`curl -X POST` sends neither."""
    client = login(server.http, "member", server.password)
    bearer = ("Authorization", "Bearer " + client.token)
    wire = connect()
    wire.send(f"POST /v1/auth/logout HTTP/1.1\r\nHost: x\r\n{': '.join(bearer)}\r\n\r\n" + SMUGGLED)
    assert wire.reply("POST").status_code == 204
    assert wire.reply().headers["x-request-id"] == "smuggled", "two requests, two replies"
    for method, path in (("POST", "/v1/auth/login"), ("PUT", "/v1/me/progress/" + "0" * 8), ("PATCH", "/v1/orgs/x")):
        reply = wire.ask(method, path, [JSON, bearer])
        assert 400 <= reply.status_code < 500 and reply.json()["code"], reply
    assert wire.ask("GET", JWKS).status_code == 200, "nothing of it ends the connection"


def test_curl_posts_without_a_body(server, scheme):
    client = login(server.http, "member", server.password)
    url = {"http": server.http, "https": server.https}[scheme]
    out = subprocess.run(["curl", "-qsk", "-X", "POST", "-w", "%{http_code}", "-H", f"Authorization: Bearer {client.token}",
                          url + "/v1/auth/logout"], text=True, capture_output=True, timeout=SECONDS).stdout
    assert out == "204"


# ── bodies ──

def test_5_mb_end_in_a_readable_413(server, connect, scheme):
    wire = connect()
    wire.send(POST + "Content-Length: 5000000\r\n\r\n")
    for _ in range(50):
        wire.send(b"x" * 100_000)  # all of it, before a look at the reply
    check_refusal(wire.reply(), "body_too_large")
    wire.ended()
    serves(server, scheme)


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
def test_5_mb_by_common_clients(server, scheme, tmp_path):
    url = {"http": server.http, "https": server.https}[scheme] + "/v1/auth/refresh"
    reply = requests.post(url, data=b"x" * 5_000_000, headers=dict([JSON]), verify=False, timeout=SECONDS)
    assert reply.status_code == 413 and reply.json()["code"] == "body_too_large"
    body = tmp_path / "body"
    body.write_bytes(b"x" * 5_000_000)
    for expect in ("Expect:", "Expect: 100-continue"):
        out = subprocess.run(["curl", "-qsk", "--data-binary", f"@{body}", "-H", expect, "-w", "\n%{http_code}", url],
                             text=True, capture_output=True, timeout=SECONDS).stdout
        assert out.endswith("\n413") and json.loads(out[:-4])["code"] == "body_too_large", out


def test_the_largest_bodies(connect, bearer):
    """Exactly at both limits, in pieces of all sizes: read to the last byte."""
    wire = connect()
    reply = wire.ask("POST", "/v1/auth/refresh", [JSON], b"{" + b" " * 1048574 + b"}")
    assert reply.status_code == 422, "read to its last byte, which makes it valid JSON"
    body = b'{"client_time":"2026-01-01T00:00:00Z","items":[' + b" " * 4_100_000
    body += b" " * (4194304 - len(body) - 2) + b"]}"
    wire.send(f"POST /v1/me/progress/batch HTTP/1.1\r\nHost: x\r\n{': '.join(bearer)}\r\n{': '.join(JSON)}\r\n"
              f"Content-Length: {len(body)}\r\n\r\n")
    sizes, at = random.Random(4), 0
    while at < len(body):
        size = sizes.choice((1, 2, 100, 16383, 16384, 16385, 65537, 300_000))
        wire.send(body[at:at + size])
        at += size
    reply = wire.reply()
    assert reply.status_code == 422 and reply.json()["errors"][0]["field"] == "items", "valid JSON without an item"
    assert wire.ask("GET", JWKS).status_code == 200


def test_100_continue(connect):
    wire = connect()
    head = POST + "Content-Length: 2\r\nExpect: 100-Continue\r\n\r\n"
    for _ in range(2):
        wire.send(head)
        status, headers = wire.head()
        assert status == 100 and not headers
        wire.send("{}")
        assert wire.reply().status_code == 422
    wire.send(head + "{}")
    assert wire.reply().status_code == 422, "the body is there: no 100"


def test_no_100_before_a_refusal(connect):
    wire = connect()
    wire.send(POST + "Content-Length: 2000000\r\nExpect: 100-continue\r\n\r\n")
    check_refusal(wire.reply(), "body_too_large")
    wire.ended()


def test_curl_does_not_wait_with_a_large_batch(server, scheme, bearer, tmp_path):
    """curl would wait so long for the 100 before it sends the body all the same."""
    body = tmp_path / "batch.json"
    body.write_text('{"client_time":"2026-01-01T00:00:00Z","items":[]' + " " * 1_500_000 + "}")
    url = {"http": server.http, "https": server.https}[scheme] + "/v1/me/progress/batch"
    begin = time.monotonic()
    out = subprocess.run(["curl", "-qsk", "--expect100-timeout", "120", "--data-binary", f"@{body}", "-H", ": ".join(JSON),
                          "-H", ": ".join(bearer), "-H", "Expect: 100-continue", "-w", "\n%{http_code}", url],
                         text=True, capture_output=True, timeout=200).stdout
    assert time.monotonic() - begin < 60
    assert out.rsplit("\n", 1)[1] in ("200", "422") and json.loads(out.rsplit("\n", 1)[0]), out


# ── how it arrives ──

def test_byte_by_byte(connect, bearer):
    wire = connect()
    for request, status in ((message("GET", "/v1/me", [bearer]), 200),
                            (message("POST", "/v1/auth/refresh", [JSON], '{"x": 1}'), 422)):
        for i in range(len(request)):
            wire.send(request[i:i + 1])
        assert wire.reply().status_code == status


def test_cut_in_two_at_every_place(connect):
    request = message("POST", "/v1/auth/refresh", [JSON], '{"x": 1}') + message("GET", JWKS)
    wire = connect()
    for at in range(1, len(request)):
        wire.send(request[:at])
        wire.send(request[at:])
        assert (wire.reply().status_code, wire.reply().status_code) == (422, 200), at


def test_a_connection_is_used_again(connect, bearer):
    wire = connect()
    for i in range(200):
        reply = wire.ask("GET", "/v1/me", [bearer, ("X-Request-Id", f"again-{i}")])
        assert reply.status_code == 200 and reply.headers["x-request-id"] == f"again-{i}"
        assert "connection" not in reply.headers


def test_half_close_still_gets_its_reply(connect, bearer):
    wire = connect()
    wire.send(message("GET", "/v1/me", [bearer]))
    wire.half_close()
    assert wire.reply().json()["username"] == "member"
    assert wire.bytes == b""


def test_half_close_behind_a_pipeline(connect, bearer):
    wire = connect()
    wire.send(b"".join(message("GET", p, [bearer]) for p in ("/v1/me", JWKS, "/v1/orgs", "/nowhere")))
    wire.half_close()
    assert [wire.reply().status_code for _ in range(4)] == [200, 200, 200, 404]


def test_half_close_behind_a_body(connect):
    wire = connect()
    wire.send(message("POST", "/v1/auth/refresh", [JSON], b"{" + b" " * 900_000 + b"}"))
    wire.half_close()
    assert wire.reply().status_code == 422


def test_half_close_in_the_middle_of_a_message(server, connect, scheme):
    """It cannot end any more, and so there is nothing to answer."""
    for part in (GET, POST + "Content-Length: 10\r\n\r\n{"):
        wire = connect()
        wire.send(part)
        wire.half_close()
        wire.cut_off()
    serves(server, scheme)


def test_tls_where_clear_text_is_spoken_and_the_other_way_round(server):
    with Wire(server, "http") as wire:
        wire.send(b"\x16\x03\x01\x02\x00" + b"\x01" * 512)
        check_refusal(wire.reply(), "bad_request")
    with socket.create_connection(("127.0.0.1", int(server.env["PARTYSTUDY_HTTPS_PORT"])), timeout=SECONDS) as raw:
        raw.sendall(GET.encode() + b"\r\n")
        try:
            assert not raw.recv(1000).startswith(b"HTTP"), "no clear text leaves the port for TLS"
        except ConnectionResetError:
            pass
    serves(server, "https")


def test_clients_that_leave_in_the_middle(server, connect, scheme, bearer):
    """Hundreds, at any byte, politely and not: nobody else notices, and nothing is left of them."""
    chance = random.Random(7)
    requests_ = [message("GET", "/v1/me", [bearer]), message("GET", "/openapi.json"), message("GET", JWKS) * 5,
                 message("POST", "/v1/auth/refresh", [JSON], b"{" + b" " * 50_000 + b"}"),
                 message("GET", "/v1/courses?limit=50", [bearer]) * 3]
    before = server.worker_pids()
    context = tls_context()
    for i in range(300):
        request = chance.choice(requests_)
        wire = Wire(server, scheme, context=context)
        wire.send(request[:chance.randint(0, len(request))])
        if chance.random() < 0.3:
            wire.half_close()
        wire.close(reset=chance.random() < 0.5)
        if i % 50 == 0:
            serves(server, scheme)
    assert server.worker_pids() == before
    wait_for_gauges(server)


def test_handshakes_that_are_broken_off(server):
    hello = bytes([0x16, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3])
    for i in range(100):
        with socket.create_connection(("127.0.0.1", int(server.env["PARTYSTUDY_HTTPS_PORT"])), timeout=SECONDS) as raw:
            raw.sendall((hello + bytes(i % 7) * 64)[:i * 3])
    serves(server, "https")
    wait_for_gauges(server)
