#!/usr/bin/python3
"""
Compares an imported OULAD with its files: reads the CSV files anew, asks the server through the API (and the database
as its owner, for what the API does not add up), and lists every difference. Exit code 1 when there is one.

It shares no code with convert.py and knows no id that convert.py made: members are found by external_id, courses by
code, lessons by the last part of their URL. The rules are those of README.md.
"""
import argparse
import collections
import csv
import datetime
import json
import os
import pathlib
import subprocess
import sys
import urllib.request

DATA = os.environ.get("OULAD_DIR") or str(pathlib.Path(__file__).resolve().parents[3] / "../shared/data/oulad")
SHOWN = 20  # differences listed for each comparison

# activity type → (units, seconds a unit, rule, units a click); what is not named is a place that is opened
RULES = {
    "oucontent": (10, 30, "covered", 1), "dualpane": (10, 30, "covered", 1), "ouwiki": (10, 30, "covered", 1),
    "resource": (2, 30, "read_to_end", 1), "subpage": (2, 30, "read_to_end", 1), "page": (2, 30, "read_to_end", 1),
    "url": (2, 30, "read_to_end", 1), "folder": (2, 30, "read_to_end", 1),
    "sharedsubpage": (2, 30, "read_to_end", 1), "htmlactivity": (2, 30, "read_to_end", 1),
    "oucollaborate": (3600, 1, "covered", 60), "ouelluminate": (3600, 1, "covered", 60),
    "registration": (1, 1, "opened", 0),
}
NEEDED = {"oucontent": 8, "dualpane": 8, "ouwiki": 8, "oucollaborate": 1800, "ouelluminate": 1800}  # units


def compare(name, expected, found):
    """Lines that say where two mappings differ."""
    lines = [f"{name}: {key}: {expected.get(key)!r} in the files, {found.get(key)!r} on the server"
             for key in sorted(set(expected) | set(found), key=str) if expected.get(key) != found.get(key)]
    more = len(lines) - SHOWN
    return lines[:SHOWN] + ([f"{name}: and {more} more"] if more > 0 else [])


# ── the files ───────────────────────────────────────────────────────────────────────────────────────


class Files:
    """What the server ought to hold."""

    def __init__(self, folder, only, clicks):
        self.folder = pathlib.Path(folder)
        self.only = only
        self.region = {}
        for row in self.read("studentInfo", everything=True):
            self.region.setdefault(row["id_student"], row["region"])
        self.day = {}  # (presentation, student) → day of registration
        for row in self.read("studentRegistration"):
            self.day.setdefault((self.presentation(row), row["id_student"]), int(row["date_registration"] or 0))
        self.activity = {(code, "registration"): "registration" for code in map(self.presentation, self.read("courses"))}
        for row in self.read("vle"):
            self.activity.setdefault((self.presentation(row), row["id_site"]), row["activity_type"])
        self.clicked = collections.Counter()
        self.first_day = {}
        for row in self.read("studentVle", most=clicks):
            key = self.presentation(row), row["id_student"], row["id_site"]
            self.clicked[key] += int(row["sum_click"])
            self.first_day[key] = min(int(row["date"]), self.first_day.get(key, 10**6))

    @staticmethod
    def presentation(row):
        return row["code_module"] + "_" + row["code_presentation"]

    def read(self, name, everything=False, most=None):
        with open(self.folder / (name + ".csv"), encoding="utf-8", newline="") as file:
            for number, row in enumerate(csv.DictReader(file)):
                if most is not None and number >= most:
                    return
                if everything or self.only is None or self.presentation(row) in self.only:
                    yield row

    def rule(self, code, material):
        return RULES.get(self.activity[code, material], (1, 30, "opened", 1))

    def units(self, key):
        """Units that a student has covered of a material."""
        length, _, _, per_click = self.rule(key[0], key[2])
        return min(length, self.clicked[key] * per_click)

    def complete(self, key):
        length, _, rule, _ = self.rule(key[0], key[2])
        needed = {"opened": 0, "read_to_end": length, "covered": NEEDED.get(self.activity[key[0], key[2]])}[rule]
        return self.units(key) >= needed

    def members_per_region(self):
        return collections.Counter(self.region[student] for student in {s for _, s in self.day})

    def registrations(self):
        return collections.Counter((code, self.region[student]) for code, student in self.day)

    def studying(self):
        """Members who studied, per course and region."""
        return collections.Counter((code, self.region[student]) for code, student in
                                   {(code, student) for code, student, _ in self.clicked})

    def lessons(self):
        return collections.Counter((code, activity) for (code, _), activity in self.activity.items())

    def standing(self):
        """(course, student) → (lessons done, percent of the course's study time)."""
        length_s, covered_s = collections.Counter(), collections.Counter()
        done = collections.Counter({key: 1 for key in self.day})  # the registration
        for code, material in self.activity:
            length, pace, _, _ = self.rule(code, material)
            length_s[code] += length * pace
        for key in self.clicked:
            covered_s[key[:2]] += self.units(key) * self.rule(key[0], key[2])[1]
            done[key[:2]] += self.complete(key)
        return {key: (done[key], covered_s[key] * 100 // length_s[key[0]]) for key in self.day}

    def covered(self):
        """(course, activity) → (begun, completed, units), over all members and lessons."""
        sums = collections.defaultdict(lambda: [0, 0, 0])
        for code, _ in self.day:
            sums[code, "registration"][0] += 1
            sums[code, "registration"][1] += 1
        for key in self.clicked:
            for i, n in enumerate((1, self.complete(key), self.units(key))):
                sums[code_activity(self, key)][i] += n
        return {key: tuple(value) for key, value in sums.items()}

    def days(self):
        """(course, date) → registrations on it, and lessons first opened on it."""
        found = collections.Counter()
        for (code, _), day in self.day.items():
            found[code, "registered", date_of(code, day)] += 1
        for (code, _, _), day in self.first_day.items():
            found[code, "opened", date_of(code, day)] += 1
        return found


def code_activity(files, key):
    return key[0], files.activity[key[0], key[2]]


def date_of(code, day):
    """The presentations begin in February (B) or October (J), ten years later than they did."""
    start = datetime.date(int(code[-5:-1]) + 10, 2 if code.endswith("B") else 10, 1)
    return str(start + datetime.timedelta(days=day))


# ── the server ──────────────────────────────────────────────────────────────────────────────────────


class Server:
    def __init__(self, url, username, password, owner_url):
        self.url = url
        self.owner_url = owner_url
        self.token = None
        self.token = self.get("/v1/auth/login", {"username": username, "password": password})["access_token"]
        self.root = next(o["org_id"] for o in self.pages("/v1/orgs?kind=general_branch")
                         if o["short_name"] == "OULAD")
        self.courses = {c["code"]: self.get("/v1/courses/" + c["course_id"])
                        for c in self.pages("/v1/courses?category=open_university")}

    def get(self, path, body=None):
        request = urllib.request.Request(self.url + path, data=None if body is None else json.dumps(body).encode())
        request.add_header("Content-Type", "application/json")
        if self.token is not None:
            request.add_header("Authorization", "Bearer " + self.token)
        with urllib.request.urlopen(request, timeout=60) as reply:
            return json.load(reply)

    def pages(self, path):
        cursor = ""
        while cursor is not None:
            page = self.get(path + ("&" if "?" in path else "?") + "limit=200" + (cursor and "&cursor=" + cursor))
            yield from page["items"]
            cursor = page["next_cursor"]

    def members_per_region(self):
        """Counted one by one; and the organisations' own counts."""
        listed = collections.Counter(m["org_name"] for m in self.pages(f"/v1/members?org_id={self.root}"))
        orgs = [self.get("/v1/orgs/" + o["org_id"]) for o in self.pages(f"/v1/orgs?below={self.root}&kind=branch")]
        counted = {o["name"]: o["members"] for o in orgs if o["members"] > 0}
        return listed, counted

    def lessons(self):
        return collections.Counter((code, chapter["title"]) for code, course in self.courses.items()
                                   for chapter in course["chapters"] for _ in chapter["lessons"])

    def lesson_counts(self):
        return {code: course["lesson_count"] for code, course in self.courses.items()}

    def standing(self):
        """(course, student) → (region, lessons done, percent), of all who have begun."""
        found = {}
        for code, course in self.courses.items():
            path = f"/v1/courses/{course['course_id']}/progress?org_id={self.root}&started=true"
            for item in self.pages(path):
                student = item["name"].removeprefix("Student ")
                found[code, student] = item["org_name"], item["lessons_done"], item["percent"]
        return found

    def sql(self, text):
        out = subprocess.run(["psql", "-X", "-q", "-A", "-t", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-v",
                              "root=" + self.root, self.owner_url], input=text, text=True, check=True,
                             stdout=subprocess.PIPE)
        return [line.split("\t") for line in out.stdout.splitlines()]

    def covered(self):
        return {(code, activity): (int(begun), int(done), int(units)) for code, activity, begun, done, units in self.sql("""
            SELECT c.code, ch.title, count(*), count(p.completed_at), sum(p.credited)
              FROM lesson_progress p JOIN lesson l USING (lesson_id) JOIN chapter ch USING (chapter_id)
              JOIN course c ON c.course_id = l.course_id WHERE c.org_id = :'root' GROUP BY 1, 2;""")}

    def studying(self):
        return {(code, region): int(count) for code, region, count in self.sql("""
            SELECT c.code, o.name, count(DISTINCT p.member_id)
              FROM lesson_progress p JOIN lesson l USING (lesson_id) JOIN course c ON c.course_id = l.course_id
              JOIN member m USING (member_id) JOIN org o ON o.org_id = m.org_id
             WHERE c.org_id = :'root' AND l.url NOT LIKE '%/registration' GROUP BY 1, 2;""")}

    def units_claimed(self):
        return {(code, activity): int(units) for code, activity, units in self.sql("""
            SELECT c.code, ch.title, sum((SELECT coalesce(sum(upper(r) - lower(r)), 0) FROM unnest(p.claimed) r))
              FROM lesson_progress p JOIN lesson l USING (lesson_id) JOIN chapter ch USING (chapter_id)
              JOIN course c ON c.course_id = l.course_id WHERE c.org_id = :'root' GROUP BY 1, 2;""")}

    def days(self):
        return {(code, kind, day): int(count) for code, kind, day, count in self.sql("""
            SELECT c.code, CASE WHEN l.url LIKE '%/registration' THEN 'registered' ELSE 'opened' END,
                   (p.opened_at AT TIME ZONE 'UTC')::date, count(*)
              FROM lesson_progress p JOIN lesson l USING (lesson_id) JOIN course c ON c.course_id = l.course_id
             WHERE c.org_id = :'root' GROUP BY 1, 2, 3;""")}

    def external_ids(self):
        """Members whose external id is not their own, or not of this import."""
        return {row[0]: row[1] for row in self.sql("""
            SELECT m.name, m.external_id FROM member m JOIN org o USING (org_id)
             WHERE o.parent_id = :'root' AND m.external_id IS DISTINCT FROM replace(m.name, 'Student ', 'OULAD-');""")}


def differences(files, server):
    standing = server.standing()
    listed, counted = server.members_per_region()
    covered, studying = files.covered(), server.studying()
    begun = collections.Counter((code, region) for (code, _), (region, _, _) in standing.items())
    lessons = files.lessons()
    per_course = collections.Counter()
    for (code, _), n in lessons.items():
        per_course[code] += n
    found = [
        ("members per region", files.members_per_region(), listed),
        ("members per region, as counted by the organisation", files.members_per_region(), counted),
        ("external ids", {}, server.external_ids()),
        ("lessons per course and activity", lessons, server.lessons()),
        ("lessons per course", per_course, server.lesson_counts()),
        ("registrations per course and region", files.registrations(), begun),
        ("members who studied per course and region", files.studying(), studying),
        ("lessons done and percent", files.standing(), {k: v[1:] for k, v in standing.items()}),
        ("lessons begun, completed and units credited", covered, server.covered()),
        ("units covered", {key: value[2] for key, value in covered.items()}, server.units_claimed()),
        ("days", files.days(), server.days()),
    ]
    print(f"{len(listed)} regions, {sum(listed.values())} members, {sum(begun.values())} registrations, "
          f"{len(per_course)} courses, {sum(per_course.values())} lessons, "
          f"{sum(studying.values())} of them have studied")
    return [line for name, expected, got in found for line in compare(name, expected, got)]


def main():
    parser = argparse.ArgumentParser(description="Compares an imported OULAD with its files.")
    parser.add_argument("--url", required=True)
    parser.add_argument("--username", default="admin")
    parser.add_argument("--password-file", required=True)
    parser.add_argument("--owner-url", required=True)
    parser.add_argument("--data", default=DATA)
    parser.add_argument("--presentations", type=lambda text: text.split(","))
    parser.add_argument("--clicks", type=int)
    args = parser.parse_args()
    files = Files(args.data, args.presentations, args.clicks)
    password = pathlib.Path(args.password_file).read_text().strip()
    lines = differences(files, Server(args.url, args.username, password, args.owner_url))
    for line in lines:
        print(line)
    print("no difference" if not lines else "the server differs from the files")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
