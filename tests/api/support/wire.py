"""
Connections that a test drives byte by byte, in clear or through TLS, and replies read off them by the letter of
RFC 9112: what is not there, or there twice, or for another request, shows.
"""
import json
import pathlib
import re
import socket
import ssl
import struct
import time
import urllib.parse

from requests.structures import CaseInsensitiveDict

from . import spec

ROOT = pathlib.Path(__file__).resolve().parents[3]
SECONDS = 60  # a deadline for what should take milliseconds, also with the sanitizers on a busy machine

JWKS = "/.well-known/jwks.json"  # open to everyone, and needs no database
JSON = ("Content-Type", "application/json")
# What must never be taken for a request of its own.
SMUGGLED = f"GET {JWKS} HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: smuggled\r\n\r\n"


class Ended(Exception):
    """The server has closed the connection, properly, before a reply began."""


def tls_context(**settings):
    """A client's context that trusts everyone; `settings` are attributes of it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    for name, value in settings.items():
        setattr(context, name, value)
    return context


class Reply:
    def __init__(self, status, headers, body):
        self.status_code, self.headers, self.body = status, headers, body

    @property
    def text(self):
        return self.body.decode()

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"{self.status_code} {dict(self.headers)} {self.body[:300]!r}"


class Wire:
    """One connection to the `http` or the `https` port of a server."""

    def __init__(self, server, scheme="http", seconds=SECONDS, receive_buffer=None, context=None, session=None):
        address = urllib.parse.urlsplit({"http": server.http, "https": server.https}[scheme])
        self.socket = socket.socket()
        if receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(seconds)
        self.socket.connect((address.hostname, address.port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if scheme == "https":
            try:
                self.socket = (context or tls_context()).wrap_socket(
                    self.socket, server_hostname="localhost", session=session, suppress_ragged_eofs=False)
            except BaseException:
                self.socket.close()
                raise
        self.bytes = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self, reset=False):
        if reset:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def half_close(self):
        """The client has nothing more to say. (The method of an SSLSocket would end TLS as well.)"""
        socket.socket.shutdown(self.socket, socket.SHUT_WR)

    def send(self, data):
        self.socket.sendall(data.encode() if isinstance(data, str) else data)

    def read_on(self):
        """False at the end."""
        more = self.socket.recv(65536)
        self.bytes += more
        return more != b""

    def head(self):
        """The next status line and headers."""
        while b"\r\n\r\n" not in self.bytes:
            if not self.read_on():
                if self.bytes == b"":
                    raise Ended
                raise AssertionError(f"cut off: {self.bytes[:300]!r}")
        head, self.bytes = self.bytes.split(b"\r\n\r\n", 1)
        first, *lines = head.decode("latin-1").split("\r\n")
        match = re.fullmatch(r"HTTP/1\.1 (\d{3}) [A-Za-z ]+", first)
        assert match, f"no status line: {first[:300]!r}"
        headers = CaseInsensitiveDict()
        for line in lines:
            name, value = re.fullmatch(r"([a-z0-9-]+): (.*)", line).groups()
            assert name not in headers, f"{name} is there twice"
            headers[name] = value
        return int(match[1]), headers

    def reply(self, method="GET"):
        """The next reply, with exactly its own bytes."""
        status, headers = self.head()
        if status < 200 or status in (204, 304):
            assert "content-length" not in headers
            length = 0
        else:
            length = int(headers["content-length"])
        if method == "HEAD":
            length = 0
        while len(self.bytes) < length:
            assert self.read_on(), f"the body was cut off: {status} {dict(headers)}"
        assert status < 200 or "x-request-id" in headers, f"a reply that is none of ours: {status} {dict(headers)}"
        body, self.bytes = self.bytes[:length], self.bytes[length:]
        return Reply(status, headers, body)

    def ended(self):
        """Asserts that nothing more comes, and that the end is a proper one (over TLS, with close_notify)."""
        assert self.bytes == b"" and not self.read_on(), f"something after the end: {self.bytes[:300]!r}"

    def cut_off(self):
        """Asserts that the connection is closed without a byte, politely or not."""
        try:
            assert self.bytes == b"" and not self.read_on(), f"an answer: {self.bytes[:300]!r}"
        except (ConnectionResetError, ssl.SSLEOFError):
            pass

    def ask(self, method, target, headers=(), body=None):
        self.send(message(method, target, headers, body))
        return self.reply(method)


def message(method, target, headers=(), body=None, version="HTTP/1.1"):
    """A request's bytes; `headers` are pairs."""
    lines = [f"{method} {target} {version}", "Host: localhost", *(f"{n}: {v}" for n, v in headers)]
    body = body.encode() if isinstance(body, str) else body
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + (body or b"")


def documented_codes():
    """{code: status} of docs/errors.md."""
    return {code: int(status) for code, status in
            re.findall(r"^\| `(\w+)` \| (\d{3}) \|", (ROOT / "docs/errors.md").read_text(), re.M)}


def check_refusal(reply, code):
    """A refusal of what never became a request: a documented problem, and the last reply of its connection."""
    assert reply.headers.get("content-type") == "application/problem+json", reply
    assert reply.json()["code"] == code, reply
    assert documented_codes()[code] == reply.status_code
    assert reply.headers.get("connection") == "close", reply
    spec.check_reply("GET", "/no/operation", reply)


def serves(server, scheme="http"):
    with Wire(server, scheme) as wire:
        reply = wire.ask("GET", JWKS)
        assert reply.status_code == 200 and reply.json()["keys"]


def wait_for_gauges(server, seconds=30):
    """Until no request is pending and hardly a connection is open."""
    deadline = time.monotonic() + seconds
    while True:
        metrics = server.metrics()
        pending = sum(v for k, v in metrics.items() if k.startswith("partystudy_requests_pending"))
        open_ones = sum(v for k, v in metrics.items() if k.startswith("partystudy_connections{"))
        if pending <= 1 and open_ones < 50:
            return
        assert time.monotonic() < deadline, f"{pending} requests are pending, {open_ones} connections open"
        time.sleep(0.2)
