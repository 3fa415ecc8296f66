"""Members who exist for one test, and what a phone reports of their study."""
import concurrent.futures
import contextlib
import datetime
import uuid

from .client import login

DEMO = "01900000-0000-7000-8000-0000000"  # sql/demo/0001_organisation.sql explains the five digits behind it
BRANCH = DEMO + "10011"  # where the account `secretary` is organizer
ELSEWHERE = DEMO + "10014"

# Lessons of the demo, named by what they are.
CONSTITUTION = DEMO + "30001"  # required
VIDEO = DEMO + "50101"  # 1260 s, 90 %
AUDIO = DEMO + "50102"  # 1500 s, 80 %
VIDEO_2 = DEMO + "50103"  # 960 s, 90 %
ARTICLE = DEMO + "50104"  # 18 paragraphs of 20 s, read_to_end
DOCUMENT = DEMO + "50106"  # 14 pages of 60 s, 85 %
LEAFLET = DEMO + "50110"  # 3 paragraphs, opened
ARCHIVED_COURSE = DEMO + "30011"  # six days ago
ARCHIVED = DEMO + "51101"  # 600 s, 90 %
DRAFT_COURSE = DEMO + "30012"
DRAFT = DEMO + "51201"


def now():
    return datetime.datetime.now(datetime.timezone.utc)


def stamp(time):
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def item(lesson, stretches, started, seconds=None, ended=None, **more):
    """A report of a batch: from `started` for `seconds`, or until `ended`."""
    ended = ended if ended is not None else started + datetime.timedelta(seconds=seconds)
    return {"id": str(uuid.uuid4()), "lesson_id": lesson, "stretches": stretches, "started_at": stamp(started),
            "ended_at": stamp(ended), **more}


def send_batch(client, items, client_time=None, expect=200, **kw):
    body = {"client_time": stamp(client_time or now()), "items": items}
    return client.post("/v1/me/progress/batch", body, expect, **kw)


def report(client, lesson, stretches, expect=200, client_time=None, **more):
    """A live report."""
    body = {"stretches": stretches, "client_time": stamp(client_time or now()), **more}
    return client.put(f"/v1/me/progress/{lesson}", body, expect).json()


def in_course(client, course=CONSTITUTION):
    """{lesson_id: state} of the caller's progress in a course."""
    return {l["lesson_id"]: l for l in client.get(f"/v1/me/progress/{course}").json()["lessons"]}


class Members:
    """Makes members with accounts and a client for each; `remove` leaves nothing of them."""

    def __init__(self, server):
        self.server = server
        self.ids = []

    def make(self, count=1, org=BRANCH):
        ids = [str(uuid.uuid4()) for _ in range(count)]
        rows = ",".join(f"('{i}'::uuid)" for i in ids)
        self.server.sql(f"""
            BEGIN;
            CREATE TEMP TABLE fresh ON COMMIT DROP AS SELECT * FROM (VALUES {rows}) AS v(id);
            INSERT INTO member (member_id, org_id, name, stage) SELECT id, :'org', '试用人员', 'full' FROM fresh;
            INSERT INTO account (member_id, username, password_hash)
            SELECT id, 't' || replace(id::text, '-', ''), (SELECT password_hash FROM account WHERE username = 'member')
              FROM fresh;
            INSERT INTO role_grant (member_id, role, org_id) SELECT id, 'member', :'org' FROM fresh;
            COMMIT;""", org=org)
        self.ids += ids
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            return list(pool.map(self._login, ids))

    def one(self, org=BRANCH):
        return self.make(1, org)[0]

    def _login(self, member_id):
        client = login(self.server.http, "t" + member_id.replace("-", ""), self.server.password)
        client.member_id = member_id
        return client

    def remove(self):
        tables = ("lesson_progress", "course_progress", "idempotency", "refresh_token", "session", "role_grant",
                  "account", "member")
        listed = ",".join(f"'{i}'" for i in self.ids) or "NULL"
        self.server.sql("BEGIN;" + "".join(f"DELETE FROM {t} WHERE member_id IN ({listed});" for t in tables) + "COMMIT;")


@contextlib.contextmanager
def course(server, *lessons):
    """A published course of its own for a test, gone afterwards. `lessons` are (kind, length, pace_s, rule, percent)."""
    course_id, chapter_id = str(uuid.uuid4()), str(uuid.uuid4())
    ids = [str(uuid.uuid4()) for _ in lessons]
    values = ",".join(
        f"('{i}'::uuid, '{kind}', {length}, {pace}, {n}, '{rule}', {'NULL::integer' if percent is None else percent})"
        for n, (i, (kind, length, pace, rule, percent)) in enumerate(zip(ids, lessons), 1))
    server.sql(f"""
        BEGIN;
        INSERT INTO course (course_id, org_id, title, category, status, published_at)
        VALUES ('{course_id}', '{DEMO}10001', '试用课程', 'law', 'published', now() - interval '60 days');
        INSERT INTO chapter (chapter_id, course_id, title, position) VALUES ('{chapter_id}', '{course_id}', '一', 1);
        INSERT INTO lesson (lesson_id, course_id, chapter_id, title, kind, url, length, pace_s, position, rule,
                            rule_percent)
        SELECT id, '{course_id}', '{chapter_id}', '试用课时', kind, 'https://example.org/', length, pace, n, rule, percent
          FROM (VALUES {values}) AS v(id, kind, length, pace, n, rule, percent);
        SELECT course_recount('{course_id}');
        COMMIT;""")
    try:
        yield course_id, ids
    finally:
        server.sql(f"""
            BEGIN;
            DELETE FROM lesson_progress WHERE course_id = '{course_id}';
            DELETE FROM course_progress WHERE course_id = '{course_id}';
            DELETE FROM lesson WHERE course_id = '{course_id}';
            DELETE FROM chapter WHERE course_id = '{course_id}';
            DELETE FROM course WHERE course_id = '{course_id}';
            COMMIT;""")


def wrong_sums(server):
    """Rows of course_progress that are not what a recount of lesson_progress gives, or are missing."""
    return server.sql("""
        WITH counted AS (
            SELECT p.member_id, l.course_id,
                   count(*) FILTER (WHERE p.completed_at IS NOT NULL AND l.removed_at IS NULL) AS done,
                   coalesce(sum(p.credited::bigint * l.pace_s) FILTER (WHERE l.removed_at IS NULL), 0) AS seconds
              FROM lesson_progress p JOIN lesson l USING (lesson_id) GROUP BY 1, 2
        )
        SELECT member_id, course_id, c.lessons_done, t.done, c.covered_s, t.seconds
          FROM course_progress c FULL JOIN counted t USING (member_id, course_id)
         WHERE (c.lessons_done, c.covered_s) IS DISTINCT FROM (t.done, t.seconds)""")


def checksum(server):
    """{table: fingerprint of its rows}"""
    names = [row[0] for row in server.sql("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")]
    query = " UNION ALL ".join(f"SELECT '{n}', count(*) || ' ' || md5(coalesce(string_agg(t::text, '' ORDER BY t::text), '')) "
                               f"FROM {n} t" for n in names)
    return dict(server.sql(query))
