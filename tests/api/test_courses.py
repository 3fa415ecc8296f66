"""Courses: drafts, publishing, order, and what a change does to the progress that members have made.

After every test the sums that are kept with courses and members must equal a count of what they sum.
"""
import threading
import time

import pytest

from support.client import field_codes, new_id
from support.scene import ROOT_ORG, demo_id, lesson_body, lessons_of, study, timestamp, unique


def refused(reply, status, code, field=None):
    assert reply.status_code == status and reply.json()["code"] == code, reply.text
    if field is not None:
        assert field_codes(reply) == {field: code}, reply.text


def path_of(course):
    return "/v1/courses/" + course["course_id"]


def lesson_path(course, lesson):
    return f"{path_of(course)}/lessons/{lesson['lesson_id']}"


def chapter_path(course, chapter):
    return f"{path_of(course)}/chapters/{chapter['chapter_id']}"


def catalogue(client, **params):
    return [c["course_id"] for c in client.pages("/v1/courses", limit=200, **params)]


@pytest.fixture
def learner(scene):
    return scene.account(demo_id(10011), ("member", demo_id(10011)))


@pytest.fixture(autouse=True)
def sums_stay_true(scene):
    yield
    scene.check_sums()


def state(learner, course):
    """The course as the learner sees it; the list and the single read must agree."""
    one = learner.get("/v1/me/progress/" + course["course_id"]).json()
    listed = {c["course_id"]: c for c in learner.pages("/v1/me/progress", limit=200)}[course["course_id"]]
    assert {k: one[k] for k in one if k != "lessons"} == {k: listed[k] for k in listed if k != "next_lesson"}
    assert one["completed"] == (one["why_not_complete"] is None), "completed and why_not_complete disagree"
    return {**one, "next_lesson": listed["next_lesson"]}


# ── making ──

def test_create_says_what_it_made(admin):
    body = {"org_id": demo_id(10002), "title": "《党章》导读", "summary": "逐章学习。", "category": "party_constitution",
            "required": True, "code": unique("DZ-")}
    reply = admin.post("/v1/courses", body, 201)
    course = reply.json()
    assert {k: course[k] for k in body} == body
    assert (course["status"], course["lesson_count"], course["length_s"], course["chapters"]) == ("draft", 0, 0, [])
    assert course["published_at"] is None and course["archived_at"] is None
    assert reply.headers["Location"] == path_of(course) and reply.headers["ETag"].startswith('"1-')
    assert admin.get(path_of(course)).json() == course
    admin.patch(path_of(course), {"required": False}, 200)


def test_what_is_not_said(admin):
    course = admin.post("/v1/courses", {"org_id": ROOT_ORG, "title": "课", "category": "testing"}, 201).json()
    assert (course["summary"], course["required"], course["code"]) == ("", False, None)


def test_every_bad_field_is_named(admin, scene):
    reply = admin.post("/v1/courses", {"title": "题" * 201, "summary": None, "category": "Party", "required": "yes",
                                       "code": "代码", "status": "published"}, 422)
    assert field_codes(reply) == {"org_id": "required", "title": "too_long", "summary": "not_nullable",
                                  "category": "pattern", "required": "type", "code": "pattern", "status": "unknown"}
    course = scene.course(publish=False)
    reply = admin.post(path_of(course) + "/lessons", {
        "chapter_id": 1, "title": "", "kind": "film", "url": "ftp://x.example.cn/a", "length": 0, "pace_s": 3601,
        "position": 0, "rule": "seen", "rule_percent": 101}, 422)
    assert field_codes(reply) == {
        "chapter_id": "type", "title": "too_short", "kind": "enum", "url": "format", "length": "too_small",
        "pace_s": "too_large", "position": "too_small", "rule": "enum", "rule_percent": "too_large"}


def test_codes_are_unique(scene, admin):
    code = unique("DZ-")
    scene.course(code=code, publish=False)
    other = scene.course(publish=False)
    refused(admin.post("/v1/courses", {"org_id": ROOT_ORG, "title": "课", "category": "testing", "code": code}), 409,
            "course_code_taken", "code")
    refused(admin.patch(path_of(other), {"code": code}), 409, "course_code_taken", "code")


def test_absent_keeps_and_null_clears(scene, admin):
    code = unique("DZ-")
    course = scene.course(code=code, summary="旧", publish=False)
    kept = admin.patch(path_of(course), {"title": "新题"}, 200).json()
    assert (kept["title"], kept["summary"], kept["code"], kept["category"]) == ("新题", "旧", code, "testing")
    assert admin.patch(path_of(course), {"code": None}, 200).json()["code"] is None
    reply = admin.patch(path_of(course), dict.fromkeys(("title", "summary", "category", "required", "status")), 422)
    assert set(field_codes(reply).values()) == {"not_nullable"} and len(field_codes(reply)) == 5


def test_chosen_ids_make_creation_repeatable(admin):
    course = {"course_id": new_id(), "org_id": ROOT_ORG, "title": unique("课"), "category": "testing"}
    chapter = {"chapter_id": new_id(), "title": "章", "position": 3}
    lesson = lesson_body(chapter["chapter_id"], lesson_id=new_id(), position=2)
    below = "/v1/courses/" + course["course_id"]
    for path, body, key in (("/v1/courses", course, "course_id"), (below + "/chapters", chapter, "chapter_id"),
                            (below + "/lessons", lesson, "lesson_id")):
        first, second = admin.post(path, body, 201), admin.post(path, body, 201)
        assert second.content == first.content and first.json()[key] == body[key]
        assert second.headers["Location"] == first.headers["Location"] == f"{path}/{body[key]}"
        refused(admin.post(path, {**body, "title": "别的"}), 409, "id_taken", key)
    detail = admin.get(below).json()
    assert [c["chapter_id"] for c in detail["chapters"]] == [chapter["chapter_id"]]
    assert [x["lesson_id"] for x in lessons_of(detail)] == [lesson["lesson_id"]]


def test_repeating_a_creation_leaves_the_course_as_it_is(scene, admin):
    """Its version is what others hold in If-Match."""
    course = scene.course(publish=False)
    body = {"chapter_id": new_id(), "title": "章"}
    admin.post(path_of(course) + "/chapters", body, 201)
    tag = admin.get(path_of(course)).headers["ETag"]
    admin.post(path_of(course) + "/chapters", body, 201)
    assert admin.get(path_of(course)).headers["ETag"] == tag


# ── drafts and publishing ──

def test_a_draft_is_there_for_its_managers_only(scene, admin, learner):
    course = scene.course(publish=False, required=True)
    lesson = lessons_of(course)[0]
    learner.get(path_of(course), 404)
    assert course["course_id"] not in catalogue(learner) + catalogue(admin) + catalogue(learner, status="draft")
    assert course["course_id"] in catalogue(admin, status="draft")
    learner.get("/v1/me/progress/" + course["course_id"], 404)
    assert course["course_id"] not in {c["course_id"] for c in learner.pages("/v1/me/progress")}
    body = {"stretches": [[0, 5]], "client_time": timestamp()}
    learner.put("/v1/me/progress/" + lesson["lesson_id"], body, 404)
    assert study(learner, lesson)[0]["problem"]["code"] == "lesson_unknown"
    admin.get(path_of(course) + "/progress", 404)


def test_publishing(scene, admin, learner):
    course = scene.course(lessons=0, publish=False)
    refused(admin.post(path_of(course) + "/publish"), 409, "course_empty")
    admin.post(path_of(course) + "/lessons", lesson_body(course["chapters"][0]["chapter_id"]), 201)
    first = admin.post(path_of(course) + "/publish", expect=200)
    assert first.json()["status"] == "published" and first.json()["published_at"] is not None
    assert learner.get(path_of(course)).json() == first.json()
    assert course["course_id"] in catalogue(learner)
    again = admin.post(path_of(course) + "/publish", expect=200)
    assert again.json() == first.json() and again.headers["ETag"] == first.headers["ETag"]


def test_publishing_honours_if_match(scene, admin):
    course = scene.course(publish=False)
    stale = {"If-Match": f'"{course["version"] - 1}"'}
    refused(admin.post(path_of(course) + "/publish", headers=stale), 412, "version_mismatch")
    assert admin.get(path_of(course)).json()["status"] == "draft"
    admin.post(path_of(course) + "/publish", expect=200, headers={"If-Match": f'"{course["version"]}"'})


def test_publishing_takes_no_body(scene, admin):
    course = scene.course(publish=False)
    refused(admin.post(path_of(course) + "/publish", {}), 400, "body_not_allowed")


def test_a_course_whose_only_lesson_was_removed_is_empty(scene, admin):
    course = scene.course(publish=False)
    admin.patch(lesson_path(course, lessons_of(course)[0]), {"removed": True}, 200)
    refused(admin.post(path_of(course) + "/publish"), 409, "course_empty")


def test_if_match_of_each_part(scene, admin):
    course = scene.course(publish=False)
    lesson, chapter = lessons_of(course)[0], course["chapters"][0]
    for path in (path_of(course), chapter_path(course, chapter), lesson_path(course, lesson)):
        first = admin.patch(path, {"title": unique("题")}, 200)
        tag = first.headers["ETag"]
        changed = admin.patch(path, {"title": unique("题")}, 200, headers={"If-Match": tag})
        assert changed.headers["ETag"] != tag
        refused(admin.patch(path, {"title": "x"}, headers={"If-Match": tag}), 412, "version_mismatch")


# ── order and positions ──

def test_positions_follow_when_none_is_said(scene, admin):
    course = scene.course(lessons=3, publish=False)
    admin.post(path_of(course) + "/chapters", {"title": "第二章"}, 201)
    second = admin.post(path_of(course) + "/chapters", {"title": "第十章", "position": 10}, 201).json()
    third = admin.post(path_of(course) + "/chapters", {"title": "第十一章"}, 201).json()
    assert third["position"] == 11
    admin.post(path_of(course) + "/lessons", lesson_body(second["chapter_id"], position=5), 201)
    detail = admin.get(path_of(course)).json()
    assert [c["position"] for c in detail["chapters"]] == [1, 2, 10, 11]
    assert [[x["position"] for x in c["lessons"]] for c in detail["chapters"]] == [[1, 2, 3], [], [5], []]
    assert (detail["lesson_count"], detail["length_s"]) == (4, 240)


def test_a_position_is_taken_once(scene, admin):
    course = scene.course(lessons=2, publish=False)
    chapter, (one, two) = course["chapters"][0], lessons_of(course)
    refused(admin.post(path_of(course) + "/chapters", {"title": "章", "position": 1}), 409, "position_taken", "position")
    body = lesson_body(chapter["chapter_id"], position=2)
    refused(admin.post(path_of(course) + "/lessons", body), 409, "position_taken", "position")
    refused(admin.patch(lesson_path(course, one), {"position": 2}), 409, "position_taken", "position")
    other = admin.post(path_of(course) + "/chapters", {"title": "章"}, 201).json()
    refused(admin.patch(chapter_path(course, other), {"position": 1}), 409, "position_taken", "position")
    admin.post(path_of(course) + "/lessons", lesson_body(other["chapter_id"], position=2), 201)
    refused(admin.patch(lesson_path(course, two), {"chapter_id": other["chapter_id"]}), 409, "position_taken",
            "position")


def test_reordering(scene, admin, learner):
    course = scene.course(lessons=3)
    one, two, three = lessons_of(course)
    assert state_of_required(scene, learner, course)["next_lesson"]["lesson_id"] == one["lesson_id"]
    admin.patch(lesson_path(course, one), {"position": 9}, 200)
    order = [x["lesson_id"] for x in lessons_of(learner.get(path_of(course)).json())]
    assert order == [x["lesson_id"] for x in (two, three, one)]
    seen = state(learner, course)
    assert [x["lesson_id"] for x in seen["lessons"]] == order and seen["next_lesson"]["lesson_id"] == order[0]


def state_of_required(scene, learner, course):
    """Opens the course, so that it is in the learner's list."""
    lesson = lessons_of(course)[-1]
    learner.put("/v1/me/progress/" + lesson["lesson_id"], {"stretches": [], "client_time": timestamp()}, 200)
    return state(learner, course)


def test_a_lesson_moves_to_another_chapter(scene, admin, learner):
    course = scene.course(lessons=2)
    one, two = lessons_of(course)
    study(learner, one)
    chapter = admin.post(path_of(course) + "/chapters", {"title": "第二章"}, 201).json()
    admin.patch(lesson_path(course, one), {"chapter_id": chapter["chapter_id"]}, 200)
    detail = learner.get(path_of(course)).json()
    assert [[x["lesson_id"] for x in c["lessons"]] for c in detail["chapters"]] == \
           [[two["lesson_id"]], [one["lesson_id"]]]
    assert state(learner, course)["lessons_done"] == 1


def test_parts_of_another_course(scene, admin):
    course, other = scene.course(publish=False), scene.course(publish=False)
    foreign = other["chapters"][0]
    admin.patch(chapter_path(course, foreign), {"title": "x"}, 404)
    admin.patch(lesson_path(course, lessons_of(other)[0]), {"title": "x"}, 404)
    for chapter_id in (foreign["chapter_id"], new_id()):
        refused(admin.post(path_of(course) + "/lessons", lesson_body(chapter_id)), 422, "unknown_reference",
                "chapter_id")
        refused(admin.patch(lesson_path(course, lessons_of(course)[0]), {"chapter_id": chapter_id}), 422,
                "unknown_reference")
    for missing in ({"course_id": new_id()},):
        admin.post(path_of(missing) + "/chapters", {"title": "x"}, 404)
        admin.post(path_of(missing) + "/lessons", lesson_body(foreign["chapter_id"]), 404)
        admin.post(path_of(missing) + "/publish", expect=404)
        admin.patch(path_of(missing), {"title": "x"}, 404)


def test_lessons_made_at_once_get_a_place_each(scene, admin):
    course = scene.course(lessons=0, publish=False)
    chapter, codes = course["chapters"][0]["chapter_id"], []

    def add():
        codes.append(admin.post(path_of(course) + "/lessons", lesson_body(chapter)).status_code)
    threads = [threading.Thread(target=add) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert codes == [201] * 8
    assert [x["position"] for x in lessons_of(admin.get(path_of(course)).json())] == list(range(1, 9))


# ── lessons ──

@pytest.mark.parametrize("kind, pace", [("video", 1), ("audio", 1), ("document", 60), ("article", 20)])
def test_the_pace_of_each_kind(scene, admin, kind, pace):
    course = scene.course(lessons=0, publish=False)
    body = lesson_body(course["chapters"][0]["chapter_id"], kind=kind, length=7)
    assert admin.post(path_of(course) + "/lessons", body, 201).json()["pace_s"] == pace
    assert admin.post(path_of(course) + "/lessons", {**body, "pace_s": 3}, 201).json()["pace_s"] == 3
    assert admin.get(path_of(course)).json()["length_s"] == 7 * pace + 7 * 3


def test_the_percentage_belongs_to_the_rule_covered(scene, admin):
    course = scene.course(lessons=0, publish=False)
    chapter = course["chapters"][0]["chapter_id"]

    def make(**fields):
        return admin.post(path_of(course) + "/lessons", lesson_body(chapter, **fields), 201).json()
    assert make()["rule_percent"] == 90 and make(rule_percent=50)["rule_percent"] == 50
    lesson = make(rule="opened")
    assert lesson["rule_percent"] is None and make(rule="read_to_end")["rule_percent"] is None
    path = lesson_path(course, lesson)
    assert admin.patch(path, {"rule": "covered"}, 200).json()["rule_percent"] == 90
    assert admin.patch(path, {"rule_percent": 70}, 200).json()["rule_percent"] == 70
    assert admin.patch(path, {"rule": "opened"}, 200).json()["rule_percent"] is None


# ── a published course that changes ──

def test_a_new_lesson_keeps_what_was_done(scene, admin, learner):
    course = scene.course(lessons=2)
    assert [r["status"] for r in study(learner, *lessons_of(course))] == ["credited", "credited"]
    before = state(learner, course)
    assert before["completed"] and before["percent"] == 100 and before["next_lesson"] is None
    new = admin.post(path_of(course) + "/lessons", lesson_body(course["chapters"][0]["chapter_id"], length=120),
                     201).json()
    after = state(learner, course)
    assert (after["lesson_count"], after["lessons_done"], after["percent"]) == (3, 2, 50)
    assert (after["completed"], after["why_not_complete"]) == (False, "lessons_remaining")
    assert after["next_lesson"]["lesson_id"] == new["lesson_id"]
    assert after["lessons"][:2] == before["lessons"] and after["started_at"] == before["started_at"]


def test_a_stricter_rule_leaves_completed_lessons_complete(scene, admin, learner):
    course = scene.course(lessons=2)
    one, two = lessons_of(course)
    admin.patch(lesson_path(course, one), {"rule_percent": 50}, 200)
    admin.patch(lesson_path(course, two), {"rule": "opened"}, 200)
    for lesson in (one, two):
        item = {"id": new_id(), "lesson_id": lesson["lesson_id"], "stretches": [[0, 30]],
                "started_at": timestamp(200), "ended_at": timestamp(170)}
        learner.post("/v1/me/progress/batch", {"client_time": timestamp(), "items": [item]}, 200)
    done = state(learner, course)
    assert done["completed"]
    for lesson in (one, two):
        admin.patch(lesson_path(course, lesson), {"rule": "covered", "rule_percent": 100}, 200)
    after = state(learner, course)
    assert after["completed"] and after["lessons_done"] == 2
    assert [x["completed_at"] for x in after["lessons"]] == [x["completed_at"] for x in done["lessons"]]
    # … and stay so when more is studied.
    study(learner, one)
    assert state(learner, course)["lessons_done"] == 2


@pytest.mark.parametrize("length, credited, percent", [(30, 30, 100), (120, 60, 50)])
def test_another_length(scene, admin, learner, length, credited, percent):
    course = scene.course()
    lesson = lessons_of(course)[0]
    study(learner, lesson)
    admin.patch(lesson_path(course, lesson), {"length": length}, 200)
    seen = state(learner, course)["lessons"][0]
    assert (seen["length"], seen["credited_units"], seen["percent"]) == (length, credited, percent)
    assert seen["completed"] and state(learner, course)["percent"] == percent
    assert admin.get(path_of(course)).json()["length_s"] == length


def test_another_pace(scene, admin, learner):
    course = scene.course()
    lesson = lessons_of(course)[0]
    study(learner, lesson)
    admin.patch(lesson_path(course, lesson), {"pace_s": 2}, 200)
    seen = state(learner, course)
    assert seen["completed"] and seen["percent"] == 100 and admin.get(path_of(course)).json()["length_s"] == 120


def test_a_removed_lesson_no_longer_counts(scene, admin, learner):
    course = scene.course(lessons=3)
    one, two, three = lessons_of(course)
    study(learner, one, two)
    removed = admin.patch(lesson_path(course, one), {"removed": True}, 200).json()
    assert removed["removed_at"] is not None
    after = state(learner, course)
    assert (after["lesson_count"], after["lessons_done"], after["percent"]) == (2, 1, 50)
    assert [x["lesson_id"] for x in after["lessons"]] == [two["lesson_id"], three["lesson_id"]]
    assert [x["lesson_id"] for x in lessons_of(learner.get(path_of(course)).json())] == \
           [two["lesson_id"], three["lesson_id"]]
    kept = scene.server.sql("SELECT credited, completed_at IS NOT NULL FROM lesson_progress"
                            " WHERE member_id = :'m' AND lesson_id = :'l';", m=learner.member_id, l=one["lesson_id"])
    assert kept == [["60", "t"]], "the history is gone"
    # It cannot be brought back, changed or studied, and its place is free.
    for body in ({"removed": False}, {"title": "x"}, {"removed": True}):
        admin.patch(lesson_path(course, one), body, 404)
    refused(learner.put("/v1/me/progress/" + one["lesson_id"], {"stretches": [[0, 9]], "client_time": timestamp()}),
            409, "course_archived")
    admin.post(path_of(course) + "/lessons", lesson_body(course["chapters"][0]["chapter_id"], position=1), 201)


def test_removing_the_rest_completes_the_course(scene, admin, learner):
    course = scene.course(lessons=2)
    one, two = lessons_of(course)
    study(learner, one)
    admin.patch(lesson_path(course, two), {"removed": True}, 200)
    after = state(learner, course)
    assert after["completed"] and after["percent"] == 100 and after["next_lesson"] is None


def test_a_course_that_lost_all_its_lessons(scene, admin, learner):
    course = scene.course()
    study(learner, *lessons_of(course))
    admin.patch(lesson_path(course, lessons_of(course)[0]), {"removed": True}, 200)
    after = state(learner, course)
    assert (after["lesson_count"], after["lessons_done"], after["percent"]) == (0, 0, 0)


def test_removed_false_changes_nothing(scene, admin):
    course = scene.course()
    lesson = admin.patch(lesson_path(course, lessons_of(course)[0]), {"removed": False}, 200).json()
    assert lesson["removed_at"] is None and len(lessons_of(admin.get(path_of(course)).json())) == 1


def test_changes_while_a_member_studies(scene, admin, learner):
    """The sums stay true whatever the order in which study and changes meet (sums_stay_true looks)."""
    course = scene.course(lessons=4)
    lessons, stop = lessons_of(course), threading.Event()
    problems = []

    def change():
        try:
            for i in range(12):
                lesson = lessons[i % 3]
                admin.patch(lesson_path(course, lesson), {"length": 40 + i, "pace_s": 1 + i % 2}, 200)
            admin.patch(lesson_path(course, lessons[3]), {"removed": True}, 200)
        except AssertionError as error:
            problems.append(error)
        stop.set()
    changer = threading.Thread(target=change)
    changer.start()
    begin = 3000
    while not stop.is_set():
        for lesson in lessons:
            begin -= 7
            item = {"id": new_id(), "lesson_id": lesson["lesson_id"], "stretches": [[0, max(1, 40 - begin % 40)]],
                    "started_at": timestamp(begin), "ended_at": timestamp(begin - 7)}
            learner.post("/v1/me/progress/batch", {"client_time": timestamp(), "items": [item]}, 200)
    changer.join()
    assert not problems


MERGE = """SELECT progress_merge(:'member', :'lesson', '[[0, 60]]', 60, now() - interval '5 minutes',
                                 now() - interval '4 minutes', false, 200, 60, 30);"""


def meanwhile(scene, text, request, **variables):
    """Sends a request while `text` has been done, but not yet committed, by another connection."""
    held = threading.Thread(target=scene.server.sql, kwargs=variables,
                            args=("BEGIN; " + text + " SELECT pg_sleep(1.5); COMMIT;",))
    held.start()
    time.sleep(0.7)
    reply = request()
    held.join()
    return reply


def test_a_recount_while_a_report_is_being_merged(scene, admin, learner):
    course = scene.course(lessons=2)
    one, two = lessons_of(course)
    study(learner, one)
    meanwhile(scene, MERGE, lambda: admin.patch(lesson_path(course, one), {"length": 50}, 200),
              member=learner.member_id, lesson=two["lesson_id"])
    scene.check_sums()
    assert state(learner, course)["lessons_done"] == 2


def test_a_report_while_its_lesson_is_being_removed(scene, learner):
    course = scene.course(lessons=2)
    one, two = lessons_of(course)
    study(learner, one)
    removal = ("SELECT pg_advisory_xact_lock(hashtextextended('course ' || :'course', 0));"  # block course_lock
               " UPDATE lesson SET removed_at = now() WHERE lesson_id = :'lesson'; SELECT course_recount(:'course');")
    meanwhile(scene, removal, lambda: study(learner, two, ago=2000), course=course["course_id"],
              lesson=two["lesson_id"])
    scene.check_sums()
    assert state(learner, course)["lessons_done"] == 1


# ── archiving ──

def test_a_draft_cannot_be_archived(scene, admin):
    course = scene.course(publish=False)
    refused(admin.patch(path_of(course), {"status": "archived"}), 409, "course_not_published")
    for status in ("draft", "published"):
        assert field_codes(admin.patch(path_of(course), {"status": status}, 422)) == {"status": "enum"}


def test_an_archived_course_keeps_its_history(scene, admin, learner):
    course = scene.course(lessons=2, required=True)
    stranger = scene.account(demo_id(10014), ("member", demo_id(10014)))
    one, two = lessons_of(course)
    study(learner, one)
    before = state(learner, course)
    archived = admin.patch(path_of(course), {"status": "archived"}, 200).json()
    assert archived["status"] == "archived" and archived["archived_at"] is not None

    assert course["course_id"] not in catalogue(learner) + catalogue(admin)
    assert course["course_id"] in catalogue(admin, status="archived")
    assert learner.get(path_of(course)).json() == archived
    after = state(learner, course)
    assert after == {**before, "status": "archived"}
    for path in (path_of(course), "/v1/me/progress/" + course["course_id"]):
        stranger.get(path, 404)
    assert course["course_id"] not in {c["course_id"] for c in stranger.pages("/v1/me/progress", limit=200)}
    started = admin.pages(path_of(course) + "/progress", started="true")
    assert [(m["member_id"], m["lessons_done"]) for m in started] == [(learner.member_id, 1)]

    refused(learner.put("/v1/me/progress/" + two["lesson_id"], {"stretches": [[0, 9]], "client_time": timestamp()}),
            409, "course_archived")
    assert study(learner, two, ago=2000)[0]["status"] == "credited", "study from before the archiving counts"
    assert state(learner, course)["lessons_done"] == 2
    now = {"id": new_id(), "lesson_id": one["lesson_id"], "stretches": [[0, 1]], "started_at": timestamp(0),
           "ended_at": timestamp(-60)}
    reply = learner.post("/v1/me/progress/batch", {"client_time": timestamp(), "items": [now]}, 200).json()
    assert reply["results"][0]["problem"]["code"] == "course_archived"


def test_an_archived_course_cannot_be_changed(scene, admin):
    course = scene.course()
    chapter, lesson = course["chapters"][0], lessons_of(course)[0]
    archived = admin.patch(path_of(course), {"status": "archived", "title": "最后的题目"}, 200)
    assert archived.json()["title"] == "最后的题目"
    for reply in (admin.patch(path_of(course), {"title": "x"}), admin.patch(path_of(course), {"status": "archived"}),
                  admin.post(path_of(course) + "/publish"), admin.post(path_of(course) + "/chapters", {"title": "x"}),
                  admin.patch(chapter_path(course, chapter), {"title": "x"}),
                  admin.post(path_of(course) + "/lessons", lesson_body(chapter["chapter_id"])),
                  admin.patch(lesson_path(course, lesson), {"title": "x"}),
                  admin.patch(lesson_path(course, lesson), {"removed": True})):
        refused(reply, 409, "course_archived")
    again = admin.get(path_of(course))
    assert again.json() == archived.json() and again.headers["ETag"] == archived.headers["ETag"]


# ── the catalogue ──

def test_filters_of_the_catalogue(scene, admin, learner):
    category = unique("cat").replace("-", "_").lower()
    plain = scene.course(category=category, title="党史百年 100%", summary="从一大到二十大")["course_id"]
    needed = scene.course(category=category, title="Party_Law", summary="条例", required=True)["course_id"]
    try:
        def found(**params):
            return set(catalogue(learner, category=category, **params))
        assert found() == {plain, needed}
        assert found(required="true") == {needed} and found(required="false") == {plain}
        for text, expected in (("党史", {plain}), ("百", {plain}), ("二十大", {plain}), ("大", {plain}), ("例", {needed}),
                               ("party_law", {needed}), ("PARTY", {needed}), ("_", {needed}), ("%", {plain}),
                               ("100%", {plain}), ("党%年", set()), ("没有", set())):
            assert found(text=text) == expected, text
        assert found(text="党史", required="true") == set() and found(status="archived") == set()
        reply = learner.get("/v1/courses", 422, params={"required": "maybe", "status": "new", "text": "", "category": ""})
        assert field_codes(reply)["required"] == "type" and field_codes(reply)["status"] == "enum"
        assert field_codes(reply)["text"] == "too_short" and "category" in field_codes(reply)
    finally:
        admin.patch("/v1/courses/" + needed, {"status": "archived"}, 200)


def test_the_demo_adds_up(scene):
    scene.check_sums()
    assert int(scene.server.sql("SELECT count(*) FROM course_progress;")[0][0]) > 30
