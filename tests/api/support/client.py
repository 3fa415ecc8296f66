"""An API client for tests: each reply is held against the specification, each operation called is remembered."""
import collections
import uuid

import requests

from . import spec

called = collections.Counter()  # operationId → replies below 500 seen
statuses = collections.defaultdict(set)


class Client:
    """One caller. `token` None: nobody."""

    def __init__(self, base, token=None, refresh_token=None, verify=True):
        self.base = base
        self.token = token
        self.refresh_token = refresh_token
        self.session = requests.Session()
        self.session.verify = verify
        self.session.trust_env = False

    def request(self, method, path, expect=None, headers=None, token="own", **kw):
        headers = dict(headers or {})
        bearer = self.token if token == "own" else token
        if bearer is not None:
            headers.setdefault("Authorization", "Bearer " + bearer)
        reply = self.session.request(method, self.base + path, headers=headers, timeout=30, **kw)
        operation = spec.check_reply(method, path.split("?")[0], reply)
        if operation is not None and method != "OPTIONS":
            called[operation.id] += 1
            statuses[operation.id].add(reply.status_code)
        if expect is not None:
            assert reply.status_code == expect, f"{method} {path}: {reply.status_code} {reply.text[:500]}"
        return reply

    def get(self, path, expect=200, **kw):
        return self.request("GET", path, expect, **kw)

    def post(self, path, json=None, expect=None, **kw):
        return self.request("POST", path, expect, json=json, **kw)

    def put(self, path, json=None, expect=None, **kw):
        return self.request("PUT", path, expect, json=json, **kw)

    def patch(self, path, json=None, expect=None, **kw):
        return self.request("PATCH", path, expect, json=json, **kw)

    def pages(self, path, **params):
        """All items of a list, page by page."""
        items, cursor, seen = [], None, set()
        while True:
            query = dict(params, **({"cursor": cursor} if cursor else {}))
            page = self.get(path, params=query).json()
            items += page["items"]
            cursor = page["next_cursor"]
            assert cursor not in seen, f"{path}: the list goes round in circles"
            seen.add(cursor)
            if cursor is None:
                return items


def login(base, username, password, **kw):
    client = Client(base, **kw)
    tokens = client.post("/v1/auth/login", {"username": username, "password": password}, expect=200).json()
    client.token, client.refresh_token = tokens["access_token"], tokens["refresh_token"]
    return client


def new_id():
    return str(uuid.uuid4())


def field_codes(reply):
    """{field: code} of a problem."""
    return {e["field"]: e["code"] for e in reply.json().get("errors", [])}
