"""
Real learner data: the Open University's 28,785 students and 32,593 registrations go in through the API, and an
independent script counts them again. oulad/README.md says what becomes what. Without the files (OULAD_DIR, or
../shared/data/oulad beside the repository) these tests are skipped; under the sanitizers one presentation stands for
all. The tests of the rules need neither files nor server.
"""
import json
import os
import pathlib
import subprocess
import sys

import pytest

from oulad import check, plan
from support.client import login
from support.server import ROOT, Server

FOLDER = pathlib.Path(__file__).parent / "oulad"
DATA = pathlib.Path(os.environ.get("OULAD_DIR") or ROOT / "../shared/data/oulad")
SANITIZED = os.environ.get("PARTYSTUDY_SANITIZE") == "1"
SLICE = ["--presentations", "AAA_2013J", "--clicks", "3000"] if SANITIZED else []
# What is sent a second time: all of the click log, and each kind of lesson.
AGAIN = SLICE or ["--presentations", "AAA_2013J,AAA_2014J,GGG_2014J"]

needs_data = pytest.mark.skipif(not (DATA / "studentVle.csv").exists(),
                                reason="the OULAD files are not there (OULAD_DIR says where they are)")


class Oulad(Server):
    def __init__(self):
        # The days of the data lie up to five years back; 28,785 people log in, so that hashing has to be cheap.
        super().__init__("oulad", PARTYSTUDY_STUDY_OFFLINE_DAYS="3650", PARTYSTUDY_HASH_MEMORY_KIB="1024")

    def script(self, name, *args):
        return subprocess.run(
            [sys.executable, "-B", FOLDER / name, "--url", self.http, "--data", DATA, "--owner-url",
             self.urls["OWNER_URL"], "--password-file", pathlib.Path(self.var) / "demo-password", *args],
            text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def convert(self, *args):
        done = self.script("convert.py", *args)
        assert done.returncode == 0, done.stderr + done.stdout
        return json.loads(done.stdout)

    def versions(self):
        """Everything that has a version: how many, which, and when changed."""
        return {table: self.sql(f"""
            SELECT count(*), sum(version), max(updated_at), md5(string_agg(x::text, ' ' ORDER BY x::text))
              FROM (SELECT {key}, version, updated_at FROM {table}) AS x;""")
                for table, key in (("org", "org_id"), ("member", "member_id"), ("course", "course_id"),
                                   ("chapter", "chapter_id"), ("lesson", "lesson_id"),
                                   ("lesson_progress", "member_id, lesson_id"),
                                   ("course_progress", "member_id, course_id"))}


@pytest.fixture(scope="module")
def oulad():
    server = Oulad()
    try:
        server.prepare().start()
        server.summary = server.convert(*SLICE)
        yield server
        assert not server.complaints(), "\n".join(server.complaints())
        assert server.stop() == 0, server.tail()
    finally:
        server.close()


@needs_data
def test_the_server_holds_what_the_files_say(oulad):
    if not SLICE:
        sent = oulad.summary["sent"]
        assert (sent["members"], sent["registrations"]) == (28785, 32593)
        assert (sent["branches"], sent["courses"], sent["lessons"]) == (13, 22, 6364 + 22)
        assert sent["reports"] == 32593 + 13905
    checked = oulad.script("check.py", *SLICE)
    assert checked.returncode == 0, checked.stdout + checked.stderr


@needs_data
def test_the_same_import_again_changes_nothing(oulad):
    before = oulad.versions()
    summary = oulad.convert(*AGAIN)
    assert set(summary["reports"]) == {"unchanged"}
    assert oulad.versions() == before


@needs_data
def test_a_student_sees_what_they_have_clicked(oulad):
    files = check.Files(DATA, ["AAA_2013J"], 3000 if SLICE else None)
    student = login(oulad.http, "oulad-28400", oulad.password)
    courses = [c for c in student.pages("/v1/me/progress") if c["title"] == "OULAD AAA 2013J"]
    lessons = student.get("/v1/me/progress/" + courses[0]["course_id"]).json()["lessons"]
    seen = {lesson["title"].split()[-1]: lesson["covered_units"] for lesson in lessons if lesson["covered_units"]}
    assert seen == {key[2]: files.units(key) for key in files.clicked if key[1] == "28400"}
    assert courses[0]["lessons_done"] == sum(lesson["completed"] for lesson in lessons) > 1


@needs_data
def test_the_check_sees_what_is_wrong(oulad):
    """One member in another branch, one unit too few: both are named."""
    student = oulad.sql("""
        UPDATE member m SET org_id = other.org_id
          FROM org home JOIN org other ON other.parent_id = home.parent_id AND other.name = 'Wales'
         WHERE home.org_id = m.org_id AND home.name = 'Scotland' AND m.external_id = 'OULAD-28400'
        RETURNING m.member_id;""")
    assert len(student) == 1
    oulad.sql("""
        UPDATE lesson_progress SET credited = credited - 1 WHERE (member_id, lesson_id) IN (
            SELECT p.member_id, p.lesson_id FROM lesson_progress p JOIN lesson l USING (lesson_id)
             WHERE l.title LIKE 'oucontent%' AND p.credited > 0 LIMIT 1);""")
    checked = oulad.script("check.py", *SLICE)
    assert checked.returncode == 1, checked.stdout + checked.stderr
    for expected in ("members per region: Scotland", "members per region: Wales", "('AAA_2013J', 'Wales')",
                     "units credited: ('AAA_2013J', 'oucontent')"):
        assert expected in checked.stdout


# ── the rules, without files or server ──────────────────────────────────────────────────────────────


def test_compare():
    assert check.compare("x", {"a": 1, "b": 2}, {"b": 2, "a": 1}) == []
    assert check.compare("x", {"a": 1}, {"a": 2}) == ["x: a: 1 in the files, 2 on the server"]
    assert len(check.compare("x", {"a": 1}, {"b": 1})) == 2, "missing on either side is a difference"
    assert check.compare("x", dict.fromkeys(range(50), 1), {})[-1] == "x: and 30 more"


@pytest.mark.parametrize("start, units, expected", [
    (0, 3, [[0, 3]]), (8, 2, [[8, 10]]), (8, 5, [[8, 10], [0, 3]]), (10, 1, [[0, 1]]), (37, 4, [[7, 10], [0, 1]]),
    (5, 10, [[0, 10]]), (5, 94, [[0, 10]])])
def test_clicks_go_round_a_lesson(start, units, expected):
    assert plan.around(start, units, 10) == expected


FILES = {
    "courses": ["code_module,code_presentation,module_presentation_length", "AAA,2013J,268", "AAA,2013J,268"],
    "vle": ["id_site,code_module,code_presentation,activity_type,week_from,week_to",
            "1,AAA,2013J,oucontent,?,", "2,AAA,2013J,novelty,,", "1,AAA,2013J,resource,,", "3,ZZZ,2013J,url,,"],
    "studentInfo": ["code_module,code_presentation,id_student,gender,region,highest_education",
                    'AAA,2013J,7,F,"Isles, Western",?', "AAA,2014J,7,F,Wales,HE Qualification", "AAA,2013J,8,?,,"],
    "studentRegistration": ["code_module,code_presentation,id_student,date_registration,date_unregistration",
                            "AAA,2013J,7,-31,", "AAA,2013J,8,?,12", "AAA,2013J,7,-31,", "AAA,2013J,9,1,",
                            "AAA,2014J,7,1,"],
    "studentVle": ["code_module,code_presentation,id_student,id_site,date,sum_click",
                   "AAA,2013J,7,1,-10,8", "AAA,2013J,7,1,-10,8", "AAA,2013J,7,2,-10,1", "AAA,2013J,7,99,1,1",
                   "AAA,2013J,9,1,1,1", "AAA,2013J,8,1,,1"],
}


@pytest.fixture
def quirky(tmp_path):
    """Every oddity that the README speaks of, in CRLF, quoted, with a byte order mark."""
    for name, lines in FILES.items():
        (tmp_path / f"{name}.csv").write_bytes(b"\xef\xbb\xbf" + ("\r\n".join(lines) + "\r\n").encode())
    return plan.Plan(tmp_path)


def test_oddities_are_counted(quirky):
    assert {name: n for name, n in quirky.notes.items() if n} == {
        "repeated courses": 1, "materials left out": 2, "later rows of a student": 1,
        "later rows with another region": 1, "later rows with another highest_education": 1,
        "registrations left out": 3, "registrations before day 0": 1, "registrations without a day": 1,
        "unregistrations left out": 1, "clicks left out": 3, "clicks before day 0": 3, "click rows": 3}


def test_a_students_first_row_decides(quirky):
    assert set(quirky.regions) == {"Isles, Western", "Unknown region"}
    first, second = quirky.members["7"], quirky.members["8"]
    assert (first["org_id"], first["gender"], first["education"]) == (
        quirky.regions["Isles, Western"]["org_id"], "female", None)
    assert second["gender"] is None
    assert len({first["member_id"], second["member_id"]}) == 2


def test_days_become_dates(quirky):
    """Day 0 of 2013J is 1 October 2023; the rows of a day follow one another; a day unknown is day 0."""
    registered, *clicks = quirky.reports["7"]
    assert (registered["started_at"], registered["stretches"]) == ("2023-08-31T00:00:00Z", [])
    assert [(c["started_at"], c["ended_at"], c["stretches"]) for c in clicks] == [
        ("2023-09-21T00:00:00Z", "2023-09-21T00:04:00Z", [[0, 8]]),
        ("2023-09-21T00:04:00Z", "2023-09-21T00:08:00Z", [[8, 10], [0, 6]]),
        ("2023-09-21T00:08:00Z", "2023-09-21T00:08:30Z", [[0, 1]])]
    assert quirky.reports["8"][0]["started_at"] == "2023-10-01T00:00:00Z"
    assert plan.first_day("BBB_2014B").isoformat() == "2024-02-01T00:00:00+00:00"


def test_repeated_ids_are_two_reports_of_one_lesson(quirky):
    one, two = quirky.reports["7"][1:3]
    assert one["lesson_id"] == two["lesson_id"] and one["id"] != two["id"]
