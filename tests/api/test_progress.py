"""
Reports of study and what is believed of them (docs/progress.md), and reading progress back.

Time is not waited for: what the database remembers of earlier reports is moved into the past (`age`). Between two
requests a second or two may pass in earnest; SLACK is what that can be worth.
"""
import datetime
import json
import threading
import uuid

import pytest

from support import raw
from support.client import Client, field_codes
from support.study import (ARCHIVED, ARCHIVED_COURSE, ARTICLE, AUDIO, BRANCH, CONSTITUTION, DEMO, DOCUMENT, DRAFT,
                           DRAFT_COURSE, ELSEWHERE, LEAFLET, VIDEO, VIDEO_2, Members, course, in_course, item, now,
                           report, send_batch, stamp, wrong_sums)

SLACK = 8  # units: four seconds at double speed
HOUR = datetime.timedelta(hours=1)
DAY = datetime.timedelta(days=1)


@pytest.fixture(scope="module")
def members(server):
    made = Members(server)
    yield made
    assert wrong_sums(server) == []
    made.remove()


@pytest.fixture
def phone(members):
    """A member who has studied nothing yet."""
    return members.one()


def age(server, client, seconds):
    """Moves what is known of a member's study into the past."""
    server.sql(f"""UPDATE lesson_progress SET reported_at = reported_at - make_interval(secs => {seconds}),
                          clock = (SELECT coalesce(range_agg(int8range(lower(r) - {seconds}, upper(r) - {seconds})), '{{}}')
                                     FROM unnest(clock) AS r)
                    WHERE member_id = '{client.member_id}'""")


def results(reply):
    return reply.json()["results"]


def statuses(reply):
    return [r["status"] for r in results(reply)]


# ── live reports ──────────────────────────────────────────────────────────────────────────────────

def test_a_first_report_is_believed_for_a_minute_at_double_speed(phone):
    answer = report(phone, VIDEO, [[0, 600]])
    assert answer["credit"] == {"claimed_units": 600, "credited_units": 120, "reason": "clock"}
    lesson = answer["lesson"]
    assert lesson["covered"] == [[0, 600]] and lesson["covered_units"] == 600 and lesson["credited_units"] == 120
    assert lesson["percent"] == 120 * 100 // 1260 and lesson["why_not_complete"] == "not_covered"


def test_a_short_first_report_is_believed_whole(phone):
    answer = report(phone, VIDEO, [[0, 30]])
    assert answer["credit"] == {"claimed_units": 30, "credited_units": 30, "reason": None}


def test_later_reports_are_believed_by_the_servers_clock(server, phone):
    report(phone, VIDEO, [[0, 600]])
    age(server, phone, 30)
    credit = report(phone, VIDEO, [[600, 900]])["credit"]
    assert credit["claimed_units"] == 300 and credit["reason"] == "clock"
    assert 60 <= credit["credited_units"] <= 60 + SLACK


def test_what_was_claimed_is_credited_as_time_passes(server, phone):
    report(phone, VIDEO, [[0, 1260]])
    for _ in range(5):
        age(server, phone, 30)
        report(phone, VIDEO, [])
    believed = in_course(phone)[VIDEO]["credited_units"]
    assert 120 + 5 * 60 <= believed <= 120 + 5 * 60 + 5 * SLACK


def test_without_time_nothing_more_is_believed(phone):
    report(phone, VIDEO, [[0, 1260]])
    for _ in range(10):
        answer = report(phone, VIDEO, [[0, 1260]])
    assert 120 <= answer["lesson"]["credited_units"] <= 120 + SLACK


def test_time_is_not_saved_up(server, phone):
    report(phone, VIDEO, [[0, 30]])
    age(server, phone, 3600)
    assert report(phone, VIDEO, [[30, 60]])["lesson"]["credited_units"] == 60
    answer = report(phone, VIDEO, [[60, 1260]])
    assert 120 <= answer["lesson"]["credited_units"] <= 120 + SLACK, "an hour's pause is no hour's study"


def test_the_phones_clock_does_not_matter_to_a_live_report(phone):
    for far in (-40 * DAY, 400 * DAY):
        assert report(phone, VIDEO, [[0, 600]], client_time=now() + far)["lesson"]["credited_units"] <= 120 + SLACK


def test_stretches_merge(phone):
    answer = report(phone, VIDEO, [[45, 60], [0, 30], [20, 45], [100, 110]])
    assert answer["lesson"]["covered"] == [[0, 60], [100, 110]] and answer["credit"]["claimed_units"] == 70
    answer = report(phone, VIDEO, [[55, 105]])
    assert answer["lesson"]["covered"] == [[0, 110]] and answer["credit"]["claimed_units"] == 40


def test_seeking_back_counts_once(server, phone):
    report(phone, VIDEO, [[0, 50]])
    age(server, phone, 60)
    answer = report(phone, VIDEO, [[0, 50], [10, 60]])
    assert answer["credit"] == {"claimed_units": 10, "credited_units": 10, "reason": None}
    assert answer["lesson"]["covered"] == [[0, 60]] and answer["lesson"]["credited_units"] == 60


def test_the_same_report_again_changes_nothing(server, phone):
    first = report(phone, VIDEO, [[0, 50]], position=50)["lesson"]
    age(server, phone, 600)
    again = report(phone, VIDEO, [[0, 50]])
    assert again["credit"] == {"claimed_units": 0, "credited_units": 0, "reason": None}
    assert again["lesson"] == first


def test_the_position_follows_the_newest_report(phone):
    assert report(phone, VIDEO, [[0, 50]], position=50)["lesson"]["position"] == 50
    assert report(phone, VIDEO, [], position=20)["lesson"]["position"] == 20, "seeking back moves it back"
    assert report(phone, VIDEO, [[50, 60]])["lesson"]["position"] == 20, "where none is said it stays"
    assert report(phone, VIDEO, [], position=1260)["lesson"]["position"] == 1260


def test_opened(phone):
    answer = report(phone, LEAFLET, [])
    assert answer["lesson"]["completed"] and answer["lesson"]["why_not_complete"] is None
    assert answer["lesson"]["covered"] == [] and answer["lesson"]["percent"] == 0


def test_read_to_end(phone):
    assert report(phone, ARTICLE, [[0, 17]])["lesson"]["why_not_complete"] == "end_not_reached"
    assert report(phone, ARTICLE, [[17, 18]])["lesson"]["completed"]


def test_covered_needs_the_clock(server, phone):
    enough = -(-1260 * 90 // 100)
    answer = report(phone, VIDEO, [[0, enough - 1]])
    assert answer["lesson"]["why_not_complete"] == "not_covered"
    answer = report(phone, VIDEO, [[0, enough]])
    assert answer["lesson"]["why_not_complete"] == "clock" and not answer["lesson"]["completed"]
    age(server, phone, 1260)
    answer = report(phone, VIDEO, [])
    assert answer["lesson"]["completed"] and answer["lesson"]["credited_units"] == enough
    assert answer["lesson"]["percent"] == 90 and answer["credit"]["reason"] is None


def test_a_slow_unit_takes_its_time(phone):
    answer = report(phone, DOCUMENT, [[0, 14]])
    assert answer["credit"] == {"claimed_units": 14, "credited_units": 2, "reason": "clock"}, "60 s × 2 ÷ 60 s a page"


def test_two_lessons_at_once_share_the_clock(phone):
    assert report(phone, VIDEO, [[0, 600]])["lesson"]["credited_units"] == 120
    second = report(phone, AUDIO, [[0, 600]])["lesson"]["credited_units"]
    first = in_course(phone)[VIDEO]["credited_units"]
    assert abs(first - 60) <= SLACK and abs(second - 60) <= SLACK and first + second <= 120 + SLACK


def test_first_reports_of_many_lessons_gain_no_more_than_one(phone):
    lessons = [VIDEO, AUDIO, VIDEO_2, DEMO + "50201", DEMO + "50204", DEMO + "50301", DEMO + "50303", DEMO + "50401"]
    for lesson in lessons:
        report(phone, lesson, [[0, 900]])
    total = sum(i["credited_units"] for c in (CONSTITUTION, DEMO + "30002", DEMO + "30003", DEMO + "30004")
                for i in in_course(phone, c).values())
    assert total <= 120 + 2 * SLACK


@pytest.mark.parametrize("stretches, code", [([[30, 10]], "stretch_backwards"), ([[10, 10]], "stretch_backwards"),
                                             ([[0, 5], [9, 8]], "stretch_backwards"),
                                             ([[0, 1261]], "stretch_outside_lesson"),
                                             ([[1260, 86400]], "stretch_outside_lesson")])
def test_a_report_that_cannot_be(phone, stretches, code):
    reply = phone.put(f"/v1/me/progress/{VIDEO}", {"stretches": stretches, "client_time": stamp(now())}, 422)
    assert reply.json()["code"] == code and field_codes(reply) == {"stretches": code}
    assert in_course(phone)[VIDEO]["why_not_complete"] == "not_opened"


def test_a_position_beyond_the_end(phone):
    reply = phone.put(f"/v1/me/progress/{VIDEO}", {"stretches": [], "position": 1261, "client_time": stamp(now())}, 422)
    assert reply.json()["code"] == "stretch_outside_lesson"
    assert field_codes(reply) == {"position": "stretch_outside_lesson"}


def test_a_report_where_there_is_nothing_to_study(phone):
    body = {"stretches": [[0, 1]], "client_time": stamp(now())}
    for lesson in (str(uuid.uuid4()), DRAFT):
        assert phone.put(f"/v1/me/progress/{lesson}", body, 404).json()["code"] == "not_found"
    assert phone.put(f"/v1/me/progress/{ARCHIVED}", body, 409).json()["code"] == "course_archived"


def test_a_removed_lesson(server, phone, admin):
    with course(server, ("video", 100, 1, "covered", 90), ("video", 100, 1, "covered", 90)) as (course_id, lessons):
        report(phone, lessons[0], [[0, 50]])
        report(phone, lessons[1], [[0, 10]])
        admin.patch(f"/v1/courses/{course_id}/lessons/{lessons[0]}", {"removed": True}, 200)
        body = {"stretches": [[0, 1]], "client_time": stamp(now())}
        assert phone.put(f"/v1/me/progress/{lessons[0]}", body, 409).json()["code"] == "course_archived"
        before = send_batch(phone, [item(lessons[0], [[50, 60]], now() - 3 * HOUR, 60)])
        assert statuses(before) == ["credited"], "study before the lesson went is kept"
        answer = phone.get(f"/v1/me/progress/{course_id}").json()
        assert [l["lesson_id"] for l in answer["lessons"]] == [lessons[1]] and answer["percent"] == 10
        assert wrong_sums(server) == []


def test_other_members_are_not_touched(server, phone, members):
    others = f"SELECT md5(string_agg(p::text, '' ORDER BY p::text)) FROM lesson_progress p WHERE member_id <> '{phone.member_id}'"
    before = server.sql(others)
    report(phone, VIDEO, [[0, 600]], position=3)
    send_batch(phone, [item(AUDIO, [[0, 600]], now() - HOUR, 600)])
    assert server.sql(others) == before


# ── batches ───────────────────────────────────────────────────────────────────────────────────────

@pytest.mark.parametrize("seconds, status, credited", [(600, "credited", 600), (300, "credited", 600),
                                                       (200, "partly_credited", 400), (0, "partly_credited", 0)])
def test_an_item_is_believed_for_its_interval(phone, seconds, status, credited):
    one = item(VIDEO, [[0, 600]], now().replace(microsecond=0) - HOUR, seconds)
    answer = send_batch(phone, [one]).json()
    assert answer["results"] == [{"id": one["id"], "lesson_id": VIDEO, "status": status, "problem": None,
                                  "claimed_units": 600, "credited_units": credited}]
    assert [l["credited_units"] for l in answer["lessons"]] == [credited]
    again = send_batch(phone, [one]).json()
    assert again["results"][0]["status"] == "unchanged" and again["lessons"] == answer["lessons"]


def test_an_item_again_in_the_same_batch(phone):
    one = item(VIDEO, [[0, 600]], now() - HOUR, 600, position=600)
    assert statuses(send_batch(phone, [one, one, one])) == ["credited", "unchanged", "unchanged"]


def bad_items():
    """(name, item, code, the field that is named in the detail)"""
    good = item(VIDEO, [[0, 10]], now() - HOUR, 60)

    def but(**changes):
        changed = {**good, "id": str(uuid.uuid4()), **changes}
        return {k: v for k, v in changed.items() if v is not ...}
    whole = [(repr(v), v, "validation_failed", "") for v in (7, "x", None, True, [], [[0, 1]], 1.5)]
    missing = [("no " + f, but(**{f: ...}), "validation_failed", f)
               for f in ("id", "lesson_id", "stretches", "started_at", "ended_at")]
    wrong = [(f"{f} {v!r}"[:40], but(**{f: v}), "validation_failed", f) for f, v in [
        ("id", 7), ("id", "x"), ("id", None), ("id", "a\0b"), ("id", "x" * 5000), ("lesson_id", "nonsense"), ("lesson_id", {}),
        ("stretches", "x"), ("stretches", None), ("stretches", {}), ("stretches", [7]), ("stretches", [[1]]),
        ("stretches", [[1, 2, 3]]), ("stretches", [["0", 1]]), ("stretches", [[-1, 1]]), ("stretches", [[0, 86401]]),
        ("stretches", [[0, 1.5]]), ("stretches", [[0, 2 ** 63 - 1]]), ("stretches", [[0, 1]] * 101),
        ("position", "3"), ("position", -1), ("position", 86401), ("position", None), ("position", True),
        ("started_at", "yesterday"), ("started_at", 0), ("started_at", "2026-02-30T00:00:00Z"), ("ended_at", ""),
        ("ended_at", "2026-01-01T00:00:00"), ("nonsense", 1), ("items[0].id", 1)]]
    past = now() - HOUR
    refused = [
        ("unknown lesson", but(lesson_id=str(uuid.uuid4())), "lesson_unknown", None),
        ("lesson of a draft", but(lesson_id=DRAFT), "lesson_unknown", None),
        ("archived course", but(lesson_id=ARCHIVED), "course_archived", None),
        ("stretch backwards", but(stretches=[[10, 5]]), "stretch_backwards", None),
        ("empty stretch", but(stretches=[[0, 5], [7, 7]]), "stretch_backwards", None),
        ("stretch outside", but(stretches=[[0, 1261]]), "stretch_outside_lesson", None),
        ("position outside", but(position=1261), "stretch_outside_lesson", None),
        ("backwards", but(started_at=stamp(past), ended_at=stamp(past - datetime.timedelta(seconds=1))),
         "interval_backwards", None),
        ("in the future", but(started_at=stamp(now()), ended_at=stamp(now() + 5 * datetime.timedelta(minutes=1))),
         "interval_in_future", None),
        ("too old", but(started_at=stamp(now() - 31 * DAY), ended_at=stamp(now() - 31 * DAY + HOUR)),
         "interval_too_old", None),
        ("older than time", but(started_at="1970-01-01T00:00:00Z", ended_at="1970-01-01T00:00:01Z"),
         "interval_too_old", None),
        ("later than time", but(started_at="9999-12-31T23:59:58Z", ended_at="9999-12-31T23:59:59Z"),
         "interval_in_future", None),
        ("from the beginning to the end", but(started_at="1970-01-01T00:00:00Z", ended_at="9999-12-31T23:59:59Z"),
         "interval_in_future", None)]
    return whole + missing + wrong + refused


@pytest.mark.parametrize("language", ["en", "zh"])
def test_bad_items_one_by_one_and_the_good_ones_are_kept(phone, language):
    bad = bad_items()
    items = []
    for n, (_, wrong, _, _) in enumerate(bad):  # good and bad in turn
        items += [item(VIDEO, [[n, n + 1]], now() - HOUR + datetime.timedelta(seconds=n), 1), wrong]
    answer = send_batch(phone, items, headers={"Accept-Language": language}).json()
    assert len(answer["results"]) == len(items)
    for n, (name, wrong, code, field) in enumerate(bad):
        assert answer["results"][2 * n]["status"] == "credited", name
        result = answer["results"][2 * n + 1]
        assert result["status"] == "refused" and result["problem"]["code"] == code, (name, result)
        if field is not None:
            assert result["problem"]["detail"].startswith(f"items[{2 * n + 1}]"), (name, result)
            assert field in result["problem"]["detail"], (name, result)
        if isinstance(wrong, dict) and isinstance(wrong.get("lesson_id"), str):
            assert result["lesson_id"] == wrong["lesson_id"]
    state = in_course(phone)[VIDEO]
    assert state["covered"] == [[0, len(bad)]] and state["credited_units"] == len(bad)


def test_more_than_a_hundred_bad_items_of_five_hundred(phone):
    """The list of a problem's errors ends at 100; a batch's must not."""
    items = []
    for n in range(500):
        good = item(VIDEO, [[n, n + 1]], now() - HOUR + datetime.timedelta(seconds=n), 1)
        items.append(good if n % 2 else {**good, "started_at": "nonsense"} if n % 4 else 7)
    answer = send_batch(phone, items).json()
    assert [r["status"] for r in answer["results"]] == ["credited" if n % 2 else "refused" for n in range(500)]
    assert all(r["problem"]["detail"].startswith(f"items[{n}]") for n, r in enumerate(answer["results"]) if n % 2 == 0)
    assert in_course(phone)[VIDEO]["covered_units"] == 250


def test_all_items_bad(phone):
    answer = send_batch(phone, [{}, 1, "x"] * 150).json()
    assert {r["status"] for r in answer["results"]} == {"refused"} and answer["lessons"] == []


def test_five_hundred_items_and_no_more(phone):
    started = now() - HOUR
    items = [item(VIDEO, [[n, n + 1]], started + datetime.timedelta(seconds=n), 1) for n in range(501)]
    assert statuses(send_batch(phone, items[:500])) == ["credited"] * 500
    assert field_codes(send_batch(phone, items, expect=422)) == {"items": "too_many"}
    assert field_codes(send_batch(phone, [], expect=422)) == {"items": "too_few"}


def test_a_batch_is_as_large_as_four_megabytes(server, phone):
    body = json.dumps({"client_time": stamp(now()), "items": [item(VIDEO, [[0, 10]], now() - HOUR, 60)]}).encode()
    headers = [raw.bearer(phone.token), ("Content-Type", "application/json")]
    for size, status in ((4 << 20, 200), ((4 << 20) + 1, 413), (9 << 20, 413)):
        reply = raw.send(server.http, "POST", "/v1/me/progress/batch", headers, body.ljust(size))
        assert reply.status_code == status and (status == 200 or reply.code == "body_too_large")


def test_the_heaviest_batch_of_all(phone):
    """Every item at its largest: 100 stretches apart from each other."""
    stretches = [[2 * n, 2 * n + 1] for n in range(100)]
    items = [item(VIDEO, stretches, now() - HOUR + datetime.timedelta(seconds=n), 1) for n in range(500)]
    assert statuses(send_batch(phone, items))[0] == "partly_credited"
    assert in_course(phone)[VIDEO]["covered_units"] == 100


def test_errors_of_the_batch_itself(phone):
    reply = phone.post("/v1/me/progress/batch", {"client_time": "x", "items": [7, {}], "more": 1}, 422)
    assert {"client_time": "format", "more": "unknown"}.items() <= field_codes(reply).items()
    assert field_codes(phone.post("/v1/me/progress/batch", {}, 422)) == {"client_time": "required", "items": "required"}


def test_two_devices_at_once_share_the_clock(members):
    phone = members.one()
    tablet = Client(phone.base, phone.token)
    started = now().replace(microsecond=0) - HOUR
    minutes = [started + n * datetime.timedelta(minutes=1) for n in range(10)]
    errors = []

    def play(client, lesson):
        try:
            for n, minute in enumerate(minutes):
                send_batch(client, [item(lesson, [[n * 60, n * 60 + 60]], minute, 60)])
        except Exception as e:  # pylint: disable=broad-except
            errors.append(e)
    threads = [threading.Thread(target=play, args=a) for a in ((phone, VIDEO), (tablet, AUDIO))]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not errors
    state = in_course(phone)
    # Ten minutes shared are 300 s for each, at double speed the 600 that each has claimed.
    assert state[VIDEO]["credited_units"] == state[AUDIO]["credited_units"] == 600
    answer = send_batch(phone, [item(VIDEO_2, [[0, 600]], started, 600)]).json()
    assert answer["lessons"][0]["credited_units"] == 400, "a third one takes a third of the clock from each"
    state = in_course(phone)
    assert [state[x]["credited_units"] for x in (VIDEO, AUDIO, VIDEO_2)] == [400, 400, 400]


def test_one_interval_for_many_lessons_is_worth_one_interval(server, phone):
    kinds = [("video", 600, 1, "covered", 90)] * 30
    with course(server, *kinds) as (course_id, lessons):
        started = now().replace(microsecond=0) - HOUR
        send_batch(phone, [item(lesson, [[0, 600]], started, 60) for lesson in lessons])
        believed = sum(l["credited_units"] for l in in_course(phone, course_id).values())
        assert 0 < believed <= 120
        assert wrong_sums(server) == []


def test_a_lesson_that_loses_its_clock_loses_its_completion(server, phone):
    with course(server, *[("video", 600, 1, "covered", 90)] * 2) as (course_id, lessons):
        started = now().replace(microsecond=0) - HOUR
        send_batch(phone, [item(lessons[0], [[0, 600]], started, 300)])
        assert in_course(phone, course_id)[lessons[0]]["completed"]
        send_batch(phone, [item(lessons[1], [[0, 600]], started, 300)])
        state = in_course(phone, course_id)
        assert [state[i]["why_not_complete"] for i in lessons] == ["clock", "clock"]
        assert [state[i]["credited_units"] for i in lessons] == [300, 300]
        assert phone.get(f"/v1/me/progress/{course_id}").json()["lessons_done"] == 0
        assert wrong_sums(server) == []


def test_the_edges_of_time(phone):
    def one(started, ended):
        return item(VIDEO, [[0, 1]], now() + started, ended=now() + ended)
    minute = datetime.timedelta(minutes=1)
    items = [one(-minute, minute), one(-minute, 3 * minute), one(-29.9 * DAY, -29.8 * DAY), one(-30.1 * DAY, -HOUR)]
    codes = [r["problem"] and r["problem"]["code"] for r in results(send_batch(phone, items))]
    assert codes == [None, "interval_in_future", None, "interval_too_old"]


def test_no_credit_for_the_time_to_come(phone):
    answer = send_batch(phone, [item(VIDEO, [[0, 600]], now(), ended=now() + datetime.timedelta(seconds=110))])
    assert results(answer)[0]["credited_units"] <= SLACK


@pytest.mark.parametrize("hours", [-8, -1, 3, 13, 24 * 400])
def test_a_phone_whose_clock_is_off(server, phone, hours):
    off = datetime.timedelta(hours=hours)
    true_start = now().replace(microsecond=0) - HOUR
    one = item(VIDEO, [[0, 600]], true_start + off, 600)
    assert statuses(send_batch(phone, [one], client_time=now() + off)) == ["credited"]
    low, high = map(int, server.sql(f"SELECT lower(clock), upper(clock) FROM lesson_progress WHERE member_id = '{phone.member_id}'")[0])
    assert high - low == 600 and abs(low - true_start.timestamp()) <= 60
    assert statuses(send_batch(phone, [one], client_time=now() + off)) == ["unchanged"], "a repetition is moved as far"


def test_a_phone_whose_clock_is_off_by_little_is_believed(server, phone):
    true_start = now().replace(microsecond=0) - HOUR
    send_batch(phone, [item(VIDEO, [[0, 60]], true_start, 60)], client_time=now() + datetime.timedelta(seconds=90))
    low = int(server.sql(f"SELECT lower(clock) FROM lesson_progress WHERE member_id = '{phone.member_id}'")[0][0])
    assert low == true_start.timestamp()


def test_skew_does_not_open_the_future_or_the_far_past(phone):
    ahead = now() + 5 * HOUR
    items = [item(VIDEO, [[0, 60]], ahead + HOUR, 60), item(VIDEO, [[0, 60]], ahead - 31 * DAY, 60)]
    codes = [r["problem"]["code"] for r in results(send_batch(phone, items, client_time=ahead))]
    assert codes == ["interval_in_future", "interval_too_old"]


@pytest.mark.parametrize("client_time", ["1970-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
def test_an_absurd_clock_is_no_error_of_the_servers(phone, client_time):
    body = {"client_time": client_time, "items": [item(VIDEO, [[0, 1]], now() - HOUR, 60)]}
    assert statuses(phone.post("/v1/me/progress/batch", body, 200)) == ["refused"]


def test_a_timestamp_in_another_zone(server, phone):
    started = now().replace(microsecond=0) - HOUR
    local = started.astimezone(datetime.timezone(datetime.timedelta(hours=8)))
    one = dict(item(VIDEO, [[0, 60]], started, 60), started_at=local.isoformat())
    assert statuses(send_batch(phone, [one])) == ["credited"]
    low = int(server.sql(f"SELECT lower(clock) FROM lesson_progress WHERE member_id = '{phone.member_id}'")[0][0])
    assert low == started.timestamp()


def test_an_archived_course_takes_what_was_done_before(phone):
    course_page = f"/v1/me/progress/{ARCHIVED_COURSE}"
    phone.get(course_page, 404)
    answer = send_batch(phone, [item(ARCHIVED, [[0, 600]], now() - 7 * DAY, 600),
                                item(ARCHIVED, [[0, 600]], now() - 5 * DAY, 600)])
    assert [r["problem"] and r["problem"]["code"] for r in results(answer)] == [None, "course_archived"]
    assert phone.get(course_page).json()["status"] == "archived"
    assert ARCHIVED_COURSE in [c["course_id"] for c in phone.pages("/v1/me/progress")]


def test_an_old_batch_does_not_move_the_position_back(phone):
    send_batch(phone, [item(VIDEO, [[0, 60]], now() - HOUR, 60, position=60)])
    send_batch(phone, [item(VIDEO, [[60, 120]], now() - 2 * HOUR, 60, position=120)])
    assert in_course(phone)[VIDEO]["position"] == 60
    report(phone, VIDEO, [], position=33)
    send_batch(phone, [item(VIDEO, [[0, 60]], now() - HOUR, 60, position=500)])
    assert in_course(phone)[VIDEO]["position"] == 33


def test_the_reply_holds_the_lessons_that_were_accepted(phone):
    send_batch(phone, [item(VIDEO, [[0, 60]], now() - HOUR, 60)])
    answer = send_batch(phone, [item(AUDIO, [[0, 60]], now() - HOUR, 60), item(VIDEO, [[9, 3]], now() - HOUR, 60)]).json()
    assert [l["lesson_id"] for l in answer["lessons"]] == [AUDIO], "nothing was accepted for the video"
    state = in_course(phone)[AUDIO]
    assert {k: answer["lessons"][0][k] for k in ("covered", "credited_units", "position")} == \
        {k: state[k] for k in ("covered", "credited_units", "position")}


def test_a_batch_with_an_idempotency_key_is_done_once(phone):
    body = {"client_time": stamp(now()), "items": [item(VIDEO, [[0, 600]], now() - HOUR, 600)]}
    key = {"Idempotency-Key": str(uuid.uuid4())}
    first = phone.post("/v1/me/progress/batch", body, 200, headers=key)
    again = phone.post("/v1/me/progress/batch", body, 200, headers=key)
    assert again.json() == first.json() and again.headers["Idempotency-Replayed"] == "true"


# ── reading ───────────────────────────────────────────────────────────────────────────────────────

def test_my_progress_before_the_first_report(phone):
    courses = phone.pages("/v1/me/progress")
    assert [c["course_id"] for c in courses] == [DEMO + n for n in ("30001", "30002", "30003", "30004")], "the required ones"
    for c in courses:
        assert c["why_not_complete"] == "not_started" and not c["completed"] and c["lessons_done"] == c["percent"] == 0
        assert c["started_at"] is None and c["next_lesson"]["position"] == 0
    assert courses[0]["next_lesson"]["lesson_id"] == VIDEO


def test_my_progress_course_by_course(server, phone):
    kinds = [("video", 600, 1, "covered", 90), ("article", 10, 20, "read_to_end", None), ("document", 5, 60, "opened", None)]
    with course(server, *kinds) as (course_id, lessons):
        def mine():
            return next(c for c in phone.pages("/v1/me/progress") if c["course_id"] == course_id)
        started = now().replace(microsecond=0) - HOUR
        send_batch(phone, [item(lessons[1], [[0, 10]], started, 200)])
        c = mine()
        assert (c["lessons_done"], c["lesson_count"], c["completed"]) == (1, 3, False)
        assert c["percent"] == 200 * 100 // (600 + 200 + 300) and c["why_not_complete"] == "lessons_remaining"
        assert c["next_lesson"]["lesson_id"] == lessons[0]
        send_batch(phone, [item(lessons[0], [[0, 540]], started + DAY / 48, 600, position=540)])
        c = mine()
        assert c["lessons_done"] == 2 and c["percent"] == 740 * 100 // 1100
        assert c["next_lesson"] == {"lesson_id": lessons[2], "title": "试用课时", "kind": "document", "position": 0}
        report(phone, lessons[2], [])
        c = mine()
        assert c["completed"] and c["why_not_complete"] is None and c["next_lesson"] is None and c["lessons_done"] == 3
        assert c["percent"] == 740 * 100 // 1100, "complete is not the same as a hundred percent"


def test_my_progress_page_by_page(phone):
    for lesson in (VIDEO, DEMO + "50501", DEMO + "50601", DEMO + "50701", DEMO + "51001"):
        report(phone, lesson, [[0, 1]])
    whole = phone.get("/v1/me/progress").json()
    assert whole["next_cursor"] is None and len(whole["items"]) == 8
    assert phone.pages("/v1/me/progress", limit=3) == phone.pages("/v1/me/progress", limit=1) == whole["items"]


def test_my_progress_lesson_by_lesson(phone):
    send_batch(phone, [item(AUDIO, [[100, 200], [0, 50]], now() - HOUR, 60, position=200)])
    detail = phone.get(f"/v1/me/progress/{CONSTITUTION}").json()
    assert [l["lesson_id"] for l in detail["lessons"]] == [DEMO + f"501{n:02}" for n in range(1, 11)]
    audio = detail["lessons"][1]
    assert audio["covered"] == [[0, 50], [100, 200]] and audio["covered_units"] == 150 and audio["position"] == 200
    assert audio["credited_units"] in (120, 122) and audio["why_not_complete"] == "not_covered"
    untouched = detail["lessons"][0]
    assert untouched["covered"] == [] and untouched["why_not_complete"] == "not_opened" and not untouched["completed"]


def test_progress_of_a_course_that_is_not_there_for_me(phone):
    for course_id in (DRAFT_COURSE, ARCHIVED_COURSE, str(uuid.uuid4())):
        assert phone.get(f"/v1/me/progress/{course_id}", 404).json()["code"] == "not_found"


def test_a_published_course_that_i_have_not_begun(phone):
    assert phone.get(f"/v1/me/progress/{DEMO}30005").json()["why_not_complete"] == "not_started"


def test_the_demos_member(member):
    """Held against what sql/demo/0003_progress.sql says of them."""
    archived = next(c for c in member.pages("/v1/me/progress") if c["course_id"] == ARCHIVED_COURSE)
    assert archived["completed"]
    state = in_course(member, DEMO + "30002")
    assert (state[DEMO + "50201"]["covered_units"], state[DEMO + "50201"]["credited_units"]) == (1140, 360)
    assert state[DEMO + "50201"]["why_not_complete"] == "clock"
    assert state[DEMO + "50208"]["completed"] and state[DEMO + "50202"]["why_not_complete"] == "end_not_reached"


def test_a_members_progress_is_what_they_see_themselves(members, secretary, accounts):
    phone = members.one()
    report(phone, VIDEO, [[0, 60]])
    mine = phone.pages("/v1/me/progress")
    for reader in (secretary, accounts["admin"], accounts["auditor"]):
        assert reader.pages(f"/v1/members/{phone.member_id}/progress", limit=2) == mine


def test_a_members_progress_is_for_those_who_look_after_them(members, secretary, accounts):
    stranger = members.one(ELSEWHERE)
    path = f"/v1/members/{stranger.member_id}/progress"
    assert secretary.get(path, 404).json()["code"] == "not_found"
    accounts["admin"].get(path)
    accounts["admin"].get(f"/v1/members/{uuid.uuid4()}/progress", 404)
    for other in (accounts["member"], accounts["reviewer"], stranger):
        assert other.get(path, 403).json()["code"] == "forbidden"


def subtree(server, org):
    rows = server.sql(f"SELECT m.member_id FROM member m JOIN org o USING (org_id) "
                      f"WHERE o.path <@ (SELECT path FROM org WHERE org_id = '{org}') ORDER BY 1")
    return [row[0] for row in rows]


def test_the_members_in_a_course(server, members, secretary):
    phone = members.one(DEMO + "10021")  # a group below the secretary's branch
    stranger = members.one(ELSEWHERE)
    report(phone, VIDEO, [[0, 60]])
    report(stranger, VIDEO, [[0, 60]])
    path = f"/v1/courses/{CONSTITUTION}/progress"
    rows = secretary.pages(path, limit=3)
    assert [r["member_id"] for r in rows] == subtree(server, BRANCH), "the whole subtree and nobody else"
    mine = next(r for r in rows if r["member_id"] == phone.member_id)
    assert mine["percent"] == phone.get(f"/v1/me/progress/{CONSTITUTION}").json()["percent"]
    assert mine["started_at"] and not mine["completed"] and mine["lesson_count"] == 10


def test_the_members_in_a_course_who_have_begun_and_who_have_not(secretary):
    path = f"/v1/courses/{CONSTITUTION}/progress"
    whole = secretary.pages(path)
    begun, others = secretary.pages(path, started="true", limit=2), secretary.pages(path, started="false", limit=2)
    assert begun and others and all(r["started_at"] for r in begun) and not any(r["started_at"] for r in others)
    assert sorted(begun + others, key=lambda r: r["member_id"]) == whole


def test_the_members_in_a_course_of_one_organisation(server, secretary, admin):
    path = f"/v1/courses/{CONSTITUTION}/progress"
    group = DEMO + "10021"
    assert [r["member_id"] for r in secretary.pages(path, org_id=group)] == subtree(server, group)
    assert secretary.pages(path, org_id=ELSEWHERE) == [] == secretary.pages(path, org_id=str(uuid.uuid4()))
    assert [r["member_id"] for r in admin.pages(path, org_id=ELSEWHERE)] == subtree(server, ELSEWHERE)
    assert [r["member_id"] for r in admin.pages(path)] == subtree(server, DEMO + "10001")


def test_the_members_in_a_course_that_nobody_may_look_at(secretary, accounts):
    for course_id in (DRAFT_COURSE, str(uuid.uuid4())):
        secretary.get(f"/v1/courses/{course_id}/progress", 404)
    secretary.get(f"/v1/courses/{ARCHIVED_COURSE}/progress")
    for name in ("member", "reviewer"):
        accounts[name].get(f"/v1/courses/{CONSTITUTION}/progress", 403)


def test_the_sums_are_what_a_recount_gives(server, phone):
    assert int(server.sql("SELECT count(*) FROM course_progress")[0][0]) > 40
    report(phone, VIDEO, [[0, 600]])
    send_batch(phone, [item(AUDIO, [[0, 600]], now() - HOUR, 600), item(ARTICLE, [[0, 18]], now() - HOUR, 600)])
    assert wrong_sums(server) == []
    server.sql(f"UPDATE course_progress SET covered_s = covered_s + 1 WHERE member_id = '{phone.member_id}'")
    assert len(wrong_sums(server)) == 1, "the recount would notice"
    server.sql(f"UPDATE course_progress SET covered_s = covered_s - 1 WHERE member_id = '{phone.member_id}'")
