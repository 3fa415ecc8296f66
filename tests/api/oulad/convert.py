#!/usr/bin/python3
"""
Brings the Open University Learning Analytics Dataset into a running server through the public API. README.md says
what becomes what; plan.py reads the files.

    convert.py --url http://127.0.0.1:8080 --password-file var/demo-password --owner-url postgresql:///…

Everything is sent as a client would send it: ids chosen by the client, so that a repetition changes nothing, and
retried after 503 or a lost connection. The one step outside of the API is giving the members accounts: that is an
administrator's business and has no endpoint; it is one batch of SQL, run with psql as the owner of the database.
Prints what was sent and what was noticed as JSON. Exit code 1 when anything was refused.
"""
import argparse
import collections
import concurrent.futures
import datetime
import http.client
import json
import os
import pathlib
import subprocess
import sys
import threading
import time
import urllib.parse

from plan import Plan, timestamp

TRIES = 8
ROOT = pathlib.Path(__file__).resolve().parents[3]
DATA = os.environ.get("OULAD_DIR") or str(ROOT / "../shared/data/oulad")

ACCOUNTS = """
-- Members of the import without an account get one: the external id as user name, the password of the importer.
WITH made AS (
    INSERT INTO account (member_id, username, password_hash)
    SELECT m.member_id, lower(m.external_id), a.password_hash
      FROM member m JOIN org o USING (org_id), account a
     WHERE a.username = :'importer' AND o.path ~ ('*.' || replace(:'root', '-', '') || '.*')::lquery
       AND m.external_id LIKE 'OULAD-%'
    ON CONFLICT DO NOTHING RETURNING member_id
)
INSERT INTO role_grant (member_id, role, org_id)
SELECT m.member_id, 'member', m.org_id FROM made JOIN member m USING (member_id);
"""


class Refused(Exception):
    pass


class Api:
    """One keep-alive connection for each thread."""

    def __init__(self, url):
        self.url = urllib.parse.urlsplit(url)
        self.local = threading.local()
        self.counts = collections.Counter()
        self.lock = threading.Lock()

    def count(self, name):
        with self.lock:
            self.counts[name] += 1

    def connection(self):
        if getattr(self.local, "connection", None) is None:
            kind = http.client.HTTPSConnection if self.url.scheme == "https" else http.client.HTTPConnection
            self.local.connection = kind(self.url.hostname, self.url.port, timeout=60)
        return self.local.connection

    def drop(self):
        self.local.connection.close()
        self.local.connection = None

    def once(self, method, path, headers, payload):
        """(status, headers, body), or None when the connection was lost."""
        try:
            connection = self.connection()
            connection.request(method, path, payload, headers)
            reply = connection.getresponse()
            return reply.status, reply.headers, reply.read()
        except (OSError, http.client.HTTPException):
            self.drop()
            return None

    def call(self, method, path, body=None, token=None):
        headers = {"Accept-Language": "en"}
        if token is not None:
            headers["Authorization"] = "Bearer " + token
        payload = None
        if body is not None:
            payload = json.dumps(body).encode()
            headers["Content-Type"] = "application/json"
        answer = None
        for attempt in range(TRIES):
            answer = self.once(method, path, headers, payload)
            if answer is not None and answer[0] not in (429, 503):
                break
            self.count("retried: " + ("connection lost" if answer is None else str(answer[0])))
            time.sleep(0.1 * attempt if answer is None else float(answer[1].get("Retry-After", 1)))
        if answer is None:
            raise Refused(f"{method} {path}: no answer")
        self.count(f"{method} {answer[0]}")
        if answer[0] >= 300:
            raise Refused(f"{method} {path}: {answer[0]} {answer[2].decode(errors='replace')[:600]}")
        return json.loads(answer[2]) if answer[2] else None

    def login(self, username, password):
        return self.call("POST", "/v1/auth/login", {"username": username, "password": password})["access_token"]


class Import:
    def __init__(self, plan, api, username, password, threads):
        self.plan = plan
        self.api = api
        self.username = username
        self.password = password
        self.token = api.login(username, password)
        self.pool = concurrent.futures.ThreadPoolExecutor(threads)
        self.statuses = collections.Counter()
        self.seconds = {}

    def admin(self, method, path, body=None):
        return self.api.call(method, path, body, self.token)

    def timed(self, name, work, things):
        began = time.monotonic()
        for _ in self.pool.map(work, things):
            pass
        self.seconds[name] = round(time.monotonic() - began, 1)

    def run(self, parent, owner_url):
        self.create_orgs(parent)
        self.timed("members", lambda body: self.admin("POST", "/v1/members", body), self.plan.members.values())
        self.timed("courses", self.create_course, self.plan.courses)
        if owner_url is not None:
            make_accounts(owner_url, self.username, self.plan.root["org_id"])
            self.timed("progress", self.send_reports, self.plan.reports)

    def create_orgs(self, parent):
        if parent is None:
            orgs = self.admin("GET", "/v1/orgs?kind=committee&limit=200")["items"]
            parent = next(o["org_id"] for o in orgs if o["parent_id"] is None)
        self.admin("POST", "/v1/orgs", {**self.plan.root, "parent_id": parent})
        for region in self.plan.regions.values():
            self.admin("POST", "/v1/orgs", region)

    def create_course(self, code):
        course = self.plan.courses[code]
        base = "/v1/courses/" + course["course_id"]
        self.admin("POST", "/v1/courses", course)
        for chapter in self.plan.chapters[code]:
            self.admin("POST", base + "/chapters", chapter)
        for lesson in self.plan.lessons[code]:
            self.admin("POST", base + "/lessons", lesson)
        self.admin("POST", base + "/publish")

    def send_reports(self, student):
        """As the student: log in, report in batches."""
        token = self.api.login(self.plan.members[student]["external_id"], self.password)
        items = self.plan.reports[student]
        for at in range(0, len(items), 500):
            now = timestamp(datetime.datetime.now(datetime.timezone.utc))
            batch = {"client_time": now, "items": items[at:at + 500]}
            results = self.api.call("POST", "/v1/me/progress/batch", batch, token)["results"]
            with self.api.lock:
                self.statuses.update(r["status"] for r in results)
            bad = [r for r in results if r["status"] == "refused"]
            if bad or [r["id"] for r in results] != [i["id"] for i in batch["items"]]:
                raise Refused(f"student {student}: {(bad or results)[:3]}")

    def summary(self):
        plan = self.plan
        return {
            "sent": {"branches": len(plan.regions), "members": len(plan.members), "courses": len(plan.courses),
                     "chapters": sum(map(len, plan.chapters.values())),
                     "lessons": sum(map(len, plan.lessons.values())),
                     "registrations": len(plan.registered), "reports": sum(map(len, plan.reports.values()))},
            "noticed": {name: n for name, n in plan.notes.items() if n},
            "replies": dict(self.api.counts), "reports": dict(self.statuses), "seconds": self.seconds}


def make_accounts(owner_url, importer, root):
    subprocess.run(["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-v", f"importer={importer}", "-v", f"root={root}",
                    owner_url], input=ACCOUNTS, text=True, check=True, stdout=subprocess.DEVNULL)


def arguments():
    parser = argparse.ArgumentParser(description="Imports the OULAD data set through the API.")
    parser.add_argument("--url", required=True, help="the server")
    parser.add_argument("--username", default="admin", help="who imports; admin of the organisation above")
    parser.add_argument("--password-file", required=True)
    parser.add_argument("--owner-url", help="the database, as its owner: gives the members accounts; "
                                            "without it neither registrations nor clicks are sent")
    parser.add_argument("--data", default=DATA, help="folder of the files (or OULAD_DIR)")
    parser.add_argument("--parent", help="id of the organisation to import below; the root where none is said")
    parser.add_argument("--presentations", help="only these, such as AAA_2013J,BBB_2014B")
    parser.add_argument("--clicks", type=int, help="only so many rows of the click log")
    parser.add_argument("--threads", type=int, default=8)
    return parser.parse_args()


def main():
    args = arguments()
    plan = Plan(args.data, args.presentations and args.presentations.split(","), args.clicks)
    password = pathlib.Path(args.password_file).read_text().strip()
    job = Import(plan, Api(args.url), args.username, password, args.threads)
    try:
        job.run(args.parent, args.owner_url)
    except Refused as refusal:
        print(refusal, file=sys.stderr)
        return 1
    finally:
        job.pool.shutdown(cancel_futures=True)
        print(json.dumps(job.summary(), indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
