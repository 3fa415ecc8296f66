"""
What the OULAD files say, in the words of the API: the plan of an import. Nothing is sent here.

Entry point: Plan(folder, presentations, clicks). Every id is derived from what it stands for (uuid5), so that two
imports of the same files send the same requests. What the files leave open is decided by the rules in README.md;
each time a rule is applied it is counted in Plan.notes.
"""
import collections
import csv
import datetime
import pathlib
import uuid

NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://doi.org/10.1038/sdata.2017.171")
START_MONTH = {"B": 2, "J": 10}  # the first day of it is day 0 of a presentation
SHIFT_YEARS = 10
CLICK_S = 30  # how long a click is said to have taken
UTC = datetime.timezone.utc

# How a kind of material is studied. per_click: units of the lesson that one click covers.
Way = collections.namedtuple("Way", "kind length pace_s rule rule_percent per_click")
TEXT = Way("document", 10, CLICK_S, "covered", 80, 1)
PAGE = Way("article", 2, CLICK_S, "read_to_end", None, 1)
TALK = Way("video", 3600, 1, "covered", 50, 60)
PLACE = Way("article", 1, CLICK_S, "opened", None, 1)
WAYS = {
    **dict.fromkeys(("oucontent", "dualpane", "ouwiki"), TEXT),
    **dict.fromkeys(("resource", "subpage", "page", "url", "folder", "sharedsubpage", "htmlactivity"), PAGE),
    **dict.fromkeys(("oucollaborate", "ouelluminate"), TALK),
}  # everything else is a PLACE: it has no end that could be reached
REGISTRATION = Way("article", 1, 1, "opened", None, 0)


def uid(*names):
    return str(uuid.uuid5(NAMESPACE, "/".join(names)))


def rows(path):
    """The rows of a file; an empty field and a `?` are None."""
    with open(path, newline="", encoding="utf-8-sig") as file:
        for row in csv.DictReader(file):
            yield {key: None if value is None or value.strip() in ("", "?") else value.strip()
                   for key, value in row.items()}


def code_of(row):
    return f"{row['code_module']}_{row['code_presentation']}"


def first_day(code):
    presentation = code.split("_")[1]
    return datetime.datetime(int(presentation[:4]) + SHIFT_YEARS, START_MONTH[presentation[4:]], 1, tzinfo=UTC)


def timestamp(moment):
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


class Plan:
    """`presentations`: only these codes (None: all). `clicks`: only so many rows of the log (None: all)."""

    def __init__(self, folder, presentations=None, clicks=None):
        self.folder = pathlib.Path(folder)
        self.only = presentations
        self.notes = collections.Counter()
        self.courses = {}        # code → body of the course
        self.chapters = {}       # code → bodies of its chapters
        self.lessons = {}        # code → bodies of its lessons
        self.members = {}        # student → body of the member
        self.regions = {}        # region → body of the branch
        self.reports = collections.defaultdict(list)  # student → items of a progress batch
        self.ways = {}           # (code, material) → Way
        self.read_courses()
        self.read_materials()
        self.read_students()
        self.read_registrations()
        self.read_clicks(clicks)

    def wanted(self, row):
        return self.only is None or code_of(row) in self.only

    # ── courses and lessons ─────────────────────────────────────────────────────────────────────

    def read_courses(self):
        self.root = {"org_id": uid("org"), "kind": "general_branch", "name": "Open University (OULAD)",
                     "short_name": "OULAD"}
        for row in rows(self.folder / "courses.csv"):
            code = code_of(row)
            if not self.wanted(row) or code in self.courses:
                self.notes["repeated courses"] += code in self.courses
                continue
            self.courses[code] = {
                "course_id": uid("course", code), "org_id": self.root["org_id"], "code": code,
                "title": f"OULAD {code.replace('_', ' ')}", "category": "open_university",
                "summary": f"Module {row['code_module']}, presentation {row['code_presentation']}, "
                           f"{row['module_presentation_length']} days."}
            self.chapters[code] = []
            self.lessons[code] = []
            self.add_lesson(code, "registration", "registration", REGISTRATION)

    def read_materials(self):
        for row in rows(self.folder / "vle.csv"):
            code, material, activity = code_of(row), row["id_site"], row["activity_type"] or "unknown"
            if not self.wanted(row):
                continue
            if material is None or code not in self.courses or (code, material) in self.ways:
                self.notes["materials left out"] += 1
                continue
            self.add_lesson(code, material, activity, WAYS.get(activity, PLACE))

    def add_lesson(self, code, material, activity, way):
        chapter = uid("chapter", code, activity)
        if not any(c["chapter_id"] == chapter for c in self.chapters[code]):
            self.chapters[code].append({"chapter_id": chapter, "title": activity,
                                        "position": len(self.chapters[code]) + 1})
        position = 1 + sum(lesson["chapter_id"] == chapter for lesson in self.lessons[code])
        body = {"lesson_id": uid("lesson", code, material), "chapter_id": chapter, "position": position,
                "title": material if activity == material else f"{activity} {material}",
                "kind": way.kind, "length": way.length, "pace_s": way.pace_s, "rule": way.rule,
                "url": f"https://oulad.example/{code}/{material}"}
        if way.rule_percent is not None:
            body["rule_percent"] = way.rule_percent
        self.lessons[code].append(body)
        self.ways[code, material] = way

    # ── people ──────────────────────────────────────────────────────────────────────────────────

    def read_students(self):
        """A student's first row decides, also where only a later one is wanted."""
        self.known = {}
        for row in rows(self.folder / "studentInfo.csv"):
            student = row["id_student"]
            first = self.known.setdefault(student, row)
            if first is not row:
                self.notes["later rows of a student"] += 1
                for field in ("region", "gender", "highest_education"):
                    self.notes[f"later rows with another {field}"] += row[field] != first[field]

    def member(self, student):
        if student not in self.members:
            row = self.known[student]
            region = row["region"] or "Unknown region"
            self.regions.setdefault(region, {"org_id": uid("org", region), "parent_id": self.root["org_id"],
                                             "kind": "branch", "name": region})
            self.members[student] = {
                "member_id": uid("member", student), "org_id": uid("org", region), "name": f"Student {student}",
                "gender": {"M": "male", "F": "female"}.get(row["gender"]),
                "education": row["highest_education"], "external_id": f"OULAD-{student}"}
        return self.members[student]

    def read_registrations(self):
        self.registered = set()
        for row in rows(self.folder / "studentRegistration.csv"):
            code, student, day = code_of(row), row["id_student"], row["date_registration"]
            if not self.wanted(row):
                continue
            if student not in self.known or code not in self.courses or (code, student) in self.registered:
                self.notes["registrations left out"] += 1
                continue
            self.notes["registrations without a day"] += day is None
            self.notes["registrations before day 0"] += int(day or 0) < 0
            self.notes["unregistrations left out"] += row["date_unregistration"] is not None
            self.member(student)
            self.registered.add((code, student))
            self.report(student, f"registration/{code}", code, "registration", [], int(day or 0), 0, 0)

    # ── progress ────────────────────────────────────────────────────────────────────────────────

    def report(self, student, name, code, material, stretches, day, second, seconds):
        start = first_day(code) + datetime.timedelta(days=day, seconds=second)
        item = {"id": uid("report", name, student), "lesson_id": uid("lesson", code, material),
                "stretches": stretches, "started_at": timestamp(start),
                "ended_at": timestamp(start + datetime.timedelta(seconds=seconds))}
        if stretches:
            item["position"] = stretches[-1][1]
        self.reports[student].append(item)

    def read_clicks(self, most):
        """Rows of a student and material go on where the last one ended; a student's day is filled in order."""
        done = collections.Counter()
        spent = collections.Counter()
        for number, row in enumerate(rows(self.folder / "studentVle.csv")):
            if most is not None and number >= most:
                break
            code, student, material = code_of(row), row["id_student"], row["id_site"]
            if not self.wanted(row):
                continue
            if None in (row["date"], row["sum_click"]) or (code, student) not in self.registered \
                    or (code, material) not in self.ways:
                self.notes["clicks left out"] += 1
                continue
            day, clicks, way = int(row["date"]), int(row["sum_click"]), self.ways[code, material]
            units = clicks * way.per_click
            stretches = around(done[student, code, material], units, way.length)
            self.report(student, f"click/{number}", code, material, stretches, day,
                        spent[student, code, day], clicks * CLICK_S)
            self.notes["clicks before day 0"] += day < 0
            self.notes["click rows"] += 1
            done[student, code, material] += units
            spent[student, code, day] += clicks * CLICK_S


def around(start, units, length):
    """Stretches for `units` from `start` on; behind the end comes the beginning."""
    start %= length
    if units >= length:
        return [[0, length]]
    if start + units <= length:
        return [[start, start + units]]
    return [[start, length], [0, start + units - length]]
