"""Requests that take exactly as long as a test wants: their statement waits for a lock that the test holds."""
import contextlib
import json
import subprocess
import time

from .scene import demo_id, timestamp
from .wire import JSON, message

TABLE = "lesson_progress"


def report(token, **fields):
    """A report that waits while TABLE is held; the same one any number of times."""
    body = {"stretches": [], "client_time": timestamp(), **fields}
    return message("PUT", "/v1/me/progress/" + demo_id(50204), [JSON, ("Authorization", "Bearer " + token)],
                   json.dumps(body))


@contextlib.contextmanager
def held(server):
    """Holds TABLE as the database's owner; what wants to write to it waits. Gives a function that lets go."""
    psql = subprocess.Popen(["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", server.urls["OWNER_URL"]],
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def say(text):
        psql.stdin.write(text + "\n")
        psql.stdin.flush()

    def release():
        if psql.poll() is None:
            psql.communicate("ROLLBACK;\n")

    try:
        say(f"BEGIN; LOCK TABLE {TABLE} IN EXCLUSIVE MODE; SELECT 'held';")
        assert psql.stdout.readline().strip() == "held"
        yield release
    finally:
        release()


def wait_waiting(server, count=1, seconds=30):
    """Until so many statements wait for a lock."""
    deadline = time.monotonic() + seconds
    while int(server.sql("SELECT count(*) FROM pg_locks WHERE NOT granted")[0][0]) < count:
        assert time.monotonic() < deadline, "no statement waits for the lock"
        time.sleep(0.02)
