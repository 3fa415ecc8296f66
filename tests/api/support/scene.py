"""What a test builds for itself: organisations, members, accounts with roles, courses, study.

A test that changes something does so below organisations of its own, so that tests may run in any order and
number. Accounts and roles are made as the owner of the database, since the API has no operation for them yet.
"""
import datetime
import itertools
import secrets

from .client import login, new_id

_numbers = itertools.count(1)

# What an operation that was refused must not have touched.
GUARDED = ("org", "member", "account", "role_grant", "course", "chapter", "lesson", "lesson_progress",
           "course_progress")


def demo_id(number):
    """The id of a thing of the demo organisation, by its five digits (sql/demo/)."""
    return f"01900000-0000-7000-8000-0000000{number}"


ROOT_ORG = demo_id(10001)


def unique(text):
    """A name that nothing else has."""
    return f"{text}{next(_numbers)}-{secrets.token_hex(3)}"


def timestamp(seconds_ago=0):
    now = datetime.datetime.now(datetime.timezone.utc)
    return (now - datetime.timedelta(seconds=seconds_ago)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class Scene:
    def __init__(self, server, admin):
        self.server = server
        self.admin = admin

    # ── the tree and its people ──

    def org(self, parent=ROOT_ORG, kind="branch", **fields):
        body = {"parent_id": parent, "kind": kind, "name": unique("组织"), **fields}
        return self.admin.post("/v1/orgs", body, 201).json()

    def member(self, org, **fields):
        body = {"org_id": org, "name": unique("党员"), **fields}
        return self.admin.post("/v1/members", body, 201).json()

    def account(self, org, *grants, member=None):
        """A signed-in client; `grants` are (role, organisation). It knows its member_id and username."""
        member_id, username = member or new_id(), unique("user").lower()
        self.server.sql("""
            INSERT INTO member (member_id, org_id, name, stage) VALUES (:'member', :'org', :'username', 'full')
                ON CONFLICT DO NOTHING;
            INSERT INTO account (member_id, username, password_hash)
            SELECT :'member', :'username', password_hash FROM account WHERE username = 'member';
            """, member=member_id, org=org, username=username)
        for role, where in grants:
            self.grant(member_id, role, where)
        client = login(self.server.http, username, self.server.password)
        client.member_id, client.username = member_id, username
        return client

    def grant(self, member_id, role, org):
        self.server.sql("INSERT INTO role_grant (member_id, role, org_id) VALUES (:'member', :'role', :'org');",
                        member=member_id, role=role, org=org)

    def revoke(self, member_id, role):
        self.server.sql("DELETE FROM role_grant WHERE member_id = :'member' AND role = :'role';",
                        member=member_id, role=role)

    # ── courses ──

    def course(self, org=ROOT_ORG, lessons=1, publish=True, client=None, **fields):
        """A course with one chapter; the reply of GET, so that ["chapters"][0]["lessons"] has the lessons."""
        client = client or self.admin
        body = {"org_id": org, "title": unique("课程"), "category": "testing", **fields}
        path = "/v1/courses/" + client.post("/v1/courses", body, 201).json()["course_id"]
        chapter = client.post(path + "/chapters", {"title": "第一章"}, 201).json()["chapter_id"]
        for _ in range(lessons):
            client.post(path + "/lessons", lesson_body(chapter), 201)
        if publish:
            client.post(path + "/publish", expect=200)
        return client.get(path).json()

    # ── oracles ──

    def checksum(self):
        """Of every row of the tables that a refused request must leave alone."""
        parts = [f"SELECT '{t}', count(*), md5(coalesce(string_agg(x::text, '|' ORDER BY x::text), '')) FROM {t} x"
                 for t in GUARDED]
        return self.server.sql(" UNION ALL ".join(parts) + ";")

    def check_tree(self):
        """Every path is the parent's path and the own label."""
        wrong = self.server.sql("""
            SELECT o.org_id, o.path, p.path FROM org o LEFT JOIN org p ON p.org_id = o.parent_id
             WHERE o.path <> coalesce(p.path, '') || org_label(o.org_id);""")
        assert wrong == [], f"paths that contradict parent_id: {wrong}"

    def check_sums(self):
        """The sums that are kept with courses and members, against a count of what they sum."""
        courses = self.server.sql("""
            SELECT c.course_id, c.lesson_count, count(l.*), c.length_s, coalesce(sum(l.length * l.pace_s), 0)
              FROM course c LEFT JOIN lesson l ON l.course_id = c.course_id AND l.removed_at IS NULL
             GROUP BY c.course_id
            HAVING c.lesson_count <> count(l.*) OR c.length_s <> coalesce(sum(l.length * l.pace_s), 0);""")
        assert courses == [], f"courses whose totals are wrong: {courses}"
        members = self.server.sql("""
            WITH counted AS (
                SELECT p.member_id, l.course_id, count(*) FILTER (WHERE p.completed_at IS NOT NULL) AS done,
                       sum(p.credited * l.pace_s) AS seconds
                  FROM lesson_progress p JOIN lesson l ON l.lesson_id = p.lesson_id
                 WHERE l.removed_at IS NULL GROUP BY p.member_id, l.course_id
            )
            SELECT * FROM course_progress s FULL JOIN counted c USING (member_id, course_id)
             WHERE (coalesce(s.lessons_done, -1), coalesce(s.covered_s, -1)) <>
                   (coalesce(c.done, CASE WHEN s.member_id IS NOT NULL THEN 0 ELSE -2 END),
                    coalesce(c.seconds, CASE WHEN s.member_id IS NOT NULL THEN 0 ELSE -2 END));""")
        assert members == [], f"members whose sums are wrong: {members}"


def lesson_body(chapter_id, **fields):
    return {"chapter_id": chapter_id, "title": unique("课时"), "kind": "video", "length": 60,
            "url": "https://media.example.cn/lesson.mp4", "rule": "covered", **fields}


def lessons_of(course):
    return [lesson for chapter in course["chapters"] for lesson in chapter["lessons"]]


def study(client, *lessons, ago=None):
    """Reports each lesson as studied from end to end, offline, one after the other; the replies' results."""
    took = [lesson["length"] * lesson["pace_s"] for lesson in lessons]
    begin = ago if ago is not None else sum(took) + 10
    items = []
    for lesson, seconds in zip(lessons, took):
        items.append({"id": new_id(), "lesson_id": lesson["lesson_id"], "stretches": [[0, lesson["length"]]],
                      "position": lesson["length"], "started_at": timestamp(begin),
                      "ended_at": timestamp(begin - seconds)})
        begin -= seconds
    return client.post("/v1/me/progress/batch", {"client_time": timestamp(), "items": items}, 200).json()["results"]
