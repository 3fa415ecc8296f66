"""
PostgreSQL killed with -9 under load and started again: nobody dies, nothing acknowledged is lost, service resumes.

A server of its own, since the tests of this folder share the other one. What the clients were told is kept in a
ledger and held against the database afterwards, unit by unit.
"""
import contextlib
import datetime
import os
import pathlib
import signal
import subprocess
import threading
import time
import uuid

import pytest
import requests

from support.client import login
from support.server import Server

WRITERS = 6


@pytest.fixture(scope="module")
def lonely():
    server = Server("loss")
    try:
        yield server.prepare().start()
        server.stop()
    finally:
        server.close()


def postmaster(server):
    """The process id of the test cluster's first process."""
    found = list(pathlib.Path(server.var).rglob("postmaster.pid"))
    assert len(found) == 1, found
    return int(found[0].read_text().splitlines()[0])


def backends(server):
    """The processes that serve the server's own connections."""
    out = subprocess.run(["ps", "--ppid", str(postmaster(server)), "-o", "pid=,args="],
                         text=True, capture_output=True, check=True).stdout
    return [int(line.split()[0]) for line in out.splitlines() if "partystudy_app" in line]


class Writer(threading.Thread):
    """Reports one unit of a lesson after another and notes what was acknowledged."""

    def __init__(self, server, lesson, length):
        super().__init__(daemon=True)
        self.client = login(server.http, "member", server.password)
        self.lesson, self.length = lesson, length
        self.acknowledged, self.statuses, self.broken = set(), [], []
        self.go_on = True
        self.last_ok = 0.0

    def run(self):
        unit = 0
        while self.go_on and unit < self.length:
            now = datetime.datetime.now(datetime.timezone.utc)
            item = {"id": str(uuid.uuid4()), "lesson_id": self.lesson, "stretches": [[unit, unit + 1]],
                    "started_at": (now - datetime.timedelta(seconds=2)).isoformat(), "ended_at": now.isoformat()}
            body = {"client_time": now.isoformat(), "items": [item]}
            try:
                reply = self.client.post("/v1/me/progress/batch", body)
            except requests.RequestException as error:
                self.broken.append(repr(error))
                continue
            self.statuses.append(reply.status_code)
            if reply.status_code == 200:
                assert reply.json()["results"][0]["status"] != "refused", reply.text
                self.acknowledged.add(unit)
                self.last_ok = time.monotonic()
                unit += 1
            else:
                time.sleep(0.02)


def video_lessons(server):
    rows = server.sql("""SELECT l.lesson_id, l.length FROM lesson l JOIN course c USING (course_id)
                          WHERE l.kind = 'video' AND l.length > 300 AND l.removed_at IS NULL AND c.status = 'published'
                          ORDER BY 1 LIMIT %d""" % WRITERS)
    return [(lesson, int(length)) for lesson, length in rows]


def test_killed_under_load(lonely):
    before = lonely.worker_pids()
    since = lonely.log.stat().st_size
    writers = [Writer(lonely, lesson, length) for lesson, length in video_lessons(lonely)]
    for writer in writers:
        writer.start()
    wait_for(lambda: all(len(w.acknowledged) > 3 for w in writers), "writes to begin")

    victim = postmaster(lonely)
    os.kill(victim, signal.SIGKILL)
    wait_for(lambda: not pathlib.Path(f"/proc/{victim}").exists(), "the postmaster to die")
    wait_for(lambda: all(503 in w.statuses for w in writers), "every writer to be told 503")
    ready = requests.get(lonely.ops + "/readyz", timeout=5)
    assert ready.status_code == 503 and ready.json()["code"] == "database_unavailable"
    lonely.command("_cluster-start")
    returned = time.monotonic()
    wait_for(lambda: all(w.last_ok > returned for w in writers), "every writer to be served again")
    print(f"served again {max(w.last_ok for w in writers) - returned:.2f} s after PostgreSQL's return, at the latest")
    time.sleep(0.5)
    for writer in writers:
        writer.go_on = False
    for writer in writers:
        writer.join(30)

    assert not [b for w in writers for b in w.broken], "a client was cut off"
    assert {s for w in writers for s in w.statuses} == {200, 503}
    assert lonely.worker_pids() == before, "a worker was restarted"
    assert not [c for c in lonely.complaints(since) if "database" not in c]
    for writer in writers:
        units = set()
        for low, high in lonely.sql("""SELECT lower(r), upper(r) FROM lesson_progress p, unnest(p.claimed) AS r
                                        JOIN account a ON a.username = 'member'
                                       WHERE p.member_id = a.member_id AND p.lesson_id = :'lesson'""",
                                    lesson=writer.lesson):
            units |= set(range(int(low), int(high)))
        assert writer.acknowledged <= units, f"acknowledged and lost: {sorted(writer.acknowledged - units)[:10]}"


def wait_for(condition, what, seconds=30):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.02)


def test_backends_terminated_one_by_one(lonely):
    """SIGTERM to every backend of the server, as pg_terminate_backend sends it: each comes back by itself."""
    client = login(lonely.http, "member", lonely.password)
    before = lonely.worker_pids()
    for _ in range(3):
        for pid in backends(lonely):
            os.kill(pid, signal.SIGTERM)
        for _ in range(20):
            assert client.get("/v1/me", expect=None).status_code in (200, 503)
        wait_for(lambda: client.get("/v1/me", expect=None).status_code == 200, "service")
    assert lonely.worker_pids() == before


def test_a_client_that_leaves_in_mid_query(lonely):
    """Hundreds of clients that hang up before their reply: the driver ends idle and serves on."""
    import socket
    client = login(lonely.http, "member", lonely.password)
    head = (f"GET /v1/me/progress HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {client.token}\r\n\r\n").encode()
    for _ in range(300):
        with contextlib.closing(socket.create_connection(("127.0.0.1", int(lonely.env["PARTYSTUDY_HTTP_PORT"])))) as s:
            s.sendall(head)
    client.get("/v1/me")
    wait_for(lambda: sum(v for k, v in lonely.metrics().items() if "in_flight" in k or "pending" in k) <= 1,
             "the driver to be idle")
