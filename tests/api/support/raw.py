"""
Requests as no library would send them: target, headers and body go out as they are given. Each reply is held
against the specification like those of support/client.py.
"""
import http.client
import json
import urllib.parse

from requests.structures import CaseInsensitiveDict

from . import client, spec


class Reply:
    def __init__(self, reply):
        self.status_code = reply.status
        self.headers = CaseInsensitiveDict(reply.getheaders())
        self.text = reply.read().decode()

    def json(self):
        return json.loads(self.text)

    @property
    def code(self):
        return self.json()["code"]

    @property
    def fields(self):
        """{field: code} of a problem; a field that is named twice fails."""
        errors = self.json().get("errors", [])
        assert len({e["field"] for e in errors}) == len(errors), errors
        return {e["field"]: e["code"] for e in errors}


def send(base, method, target, headers=(), body=None, source="127.0.0.1"):
    """`headers` are pairs and may repeat; `body` is bytes, sent with its Content-Length; `source` is our address."""
    address = urllib.parse.urlsplit(base)
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=30, source_address=(source, 0))
    try:
        connection.putrequest(method, target, skip_accept_encoding=True)
        for name, value in headers:
            connection.putheader(name, value)
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders()
        if body:
            try:
                connection.send(body)
            except (BrokenPipeError, ConnectionResetError):
                pass  # the server has answered before it has read all
        reply = Reply(connection.getresponse())
    finally:
        connection.close()
    operation = spec.check_reply(method, target.split("?")[0], reply)
    if operation is not None:
        client.called[operation.id] += 1
        client.statuses[operation.id].add(reply.status_code)
    return reply


def bearer(token):
    return ("Authorization", "Bearer " + token)
