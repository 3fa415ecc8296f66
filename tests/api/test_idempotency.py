"""Idempotency-Key on every POST that takes it: one act, however often it is sent.

REQUESTS says how each operation is asked; the operations themselves come from the specification.
"""
import threading

import pytest

from support import spec
from support.client import Client, field_codes, new_id
from support.scene import demo_id, lesson_body, lessons_of, timestamp, unique


def operations():
    return [o for o in spec.operations() if any(p["name"] == "Idempotency-Key" for p in o.parameters)]


def key_of(name="key"):
    return {"Idempotency-Key": unique(name)}


def batch(scene):
    lesson = lessons_of(scene.course())[0]
    return {"client_time": timestamp(), "items": [
        {"id": new_id(), "lesson_id": lesson["lesson_id"], "stretches": [[0, 5]], "started_at": timestamp(90),
         "ended_at": timestamp(60)}]}


def lesson_request(scene):
    course = scene.course(publish=False)
    return f"/v1/courses/{course['course_id']}/lessons", lesson_body(course["chapters"][0]["chapter_id"])


# operationId → (path, body)
REQUESTS = {
    "org_create": lambda s: ("/v1/orgs", {"parent_id": s.org()["org_id"], "kind": "group", "name": unique("组")}),
    "member_create": lambda s: ("/v1/members", {"org_id": s.org()["org_id"], "name": unique("人")}),
    "course_create": lambda s: ("/v1/courses", {"org_id": s.org()["org_id"], "title": unique("课"), "category": "testing"}),
    "chapter_create": lambda s: (f"/v1/courses/{s.course(publish=False)['course_id']}/chapters", {"title": unique("章")}),
    "lesson_create": lesson_request,
    "course_publish": lambda s: (f"/v1/courses/{s.course(publish=False)['course_id']}/publish", None),
    "me_progress_batch": lambda s: ("/v1/me/progress/batch", batch(s)),
}


def test_every_operation_with_the_header_has_a_row():
    assert set(REQUESTS) == {o.id for o in operations()}
    for operation in spec.operations():
        takes = operation.method == "POST" and not operation.public and operation.item.get("x-idempotent") is not False
        assert (operation.id in REQUESTS) == takes, operation.id


each = pytest.mark.parametrize("operation", operations(), ids=lambda o: o.id)


def head(reply):
    return {name: reply.headers.get(name) for name in ("Content-Type", "Location", "ETag")}


def replayed(reply):
    return reply.headers.get("Idempotency-Replayed") == "true"


@each
def test_a_repetition_gets_the_first_reply(scene, admin, operation):
    path, body = REQUESTS[operation.id](scene)
    key = key_of()
    first = admin.post(path, body, headers=key)
    assert first.status_code in (200, 201) and "Idempotency-Replayed" not in first.headers, first.text
    before = scene.checksum()
    for _ in range(3):
        again = admin.post(path, body, headers=key)
        assert (again.status_code, again.content, head(again)) == (first.status_code, first.content, head(first))
        assert replayed(again)
    assert scene.checksum() == before


@pytest.mark.parametrize("operation", [o.id for o in operations() if "201" in o.responses()])
def test_the_first_reply_stays_though_the_thing_has_changed(scene, admin, operation):
    path, body = REQUESTS[operation](scene)
    key = key_of()
    first = admin.post(path, body, 201, headers=key)
    name = "name" if "name" in body else "title"
    admin.patch(first.headers["Location"], {name: unique("改")}, 200)
    assert admin.post(path, body, 201, headers=key).content == first.content


@each
def test_another_request_with_the_key_is_refused(scene, admin, operation):
    make = REQUESTS[operation.id]
    key = key_of()
    path, body = make(scene)
    first = admin.post(path, body, headers=key)
    other_path, other_body = make(scene)
    before = scene.checksum()
    reply = admin.post(other_path, other_body, 422, headers=key)
    assert reply.json()["code"] == "idempotency_mismatch"
    assert scene.checksum() == before
    assert admin.post(path, body, headers=key).content == first.content, "the mismatch spoilt the key"


@each
def test_a_reply_that_was_not_kept(scene, admin, operation):
    """The server died between the work and keeping its reply: the work is done again and finds what it made."""
    path, body = REQUESTS[operation.id](scene)
    key = key_of()
    first = admin.post(path, body, headers=key)
    scene.server.sql("UPDATE idempotency SET status = NULL, location = NULL, version = NULL, body = NULL"
                     " WHERE key = :'key';", key=key["Idempotency-Key"])
    before = scene.checksum()
    again = admin.post(path, body, headers=key)
    assert not replayed(again) and (again.status_code, head(again)) == (first.status_code, head(first))
    if operation.id == "me_progress_batch":
        assert again.json()["lessons"] == first.json()["lessons"]
        assert [r["status"] for r in again.json()["results"]] == ["unchanged"]
    else:
        assert again.content == first.content
    assert scene.checksum() == before, "it was done twice"
    assert replayed(admin.post(path, body, headers=key)), "kept now"


@each
def test_many_at_once_do_it_once(scene, admin, operation):
    path, body = REQUESTS[operation.id](scene)
    key, replies = key_of(), []

    def send():
        client = Client(admin.base, admin.token)  # connections of their own: to both workers
        replies.append(client.post(path, body, headers=key))
    threads = [threading.Thread(target=send) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    done = [r for r in replies if r.status_code in (200, 201)]
    assert done, [r.text for r in replies]
    for reply in replies:
        if reply not in done:
            assert (reply.status_code, reply.json()["code"]) == (409, "idempotency_in_progress")
    assert {r.headers.get("Location") for r in done} == {done[0].headers.get("Location")}
    if operation.id != "me_progress_batch":
        assert {r.content for r in done} == {done[0].content}
    before = scene.checksum()
    admin.post(path, body, done[0].status_code, headers=key)
    assert scene.checksum() == before


def test_many_at_once_make_one(scene, admin):
    body = {"org_id": scene.org()["org_id"], "name": unique("人")}
    key = key_of()
    threads = [threading.Thread(target=lambda: Client(admin.base, admin.token).post("/v1/members", body, headers=key))
               for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    admin.post("/v1/members", body, 201, headers=key)
    assert len(admin.pages("/v1/members", org_id=body["org_id"])) == 1


def test_while_the_first_is_under_way(scene, admin):
    """Another connection is in the middle of the same request."""
    body = {"org_id": scene.org()["org_id"], "name": unique("人")}
    key = key_of()
    caller = admin.get("/v1/me").json()["member_id"]
    held = threading.Thread(target=scene.server.sql, args=("""
        BEGIN; SELECT pg_advisory_xact_lock(hashtextextended('idempotency ' || :'caller' || :'key', 0));
        SELECT pg_sleep(1); COMMIT;""",), kwargs={"caller": caller, "key": key["Idempotency-Key"]})
    held.start()
    codes = set()
    while held.is_alive():
        reply = admin.post("/v1/members", body, headers=key)
        codes.add(reply.status_code)
        if reply.status_code == 409:
            assert reply.json()["code"] == "idempotency_in_progress"
    held.join()
    assert 409 in codes and codes <= {201, 409}
    admin.post("/v1/members", body, 201, headers=key)
    assert len(admin.pages("/v1/members", org_id=body["org_id"])) == 1


def test_callers_have_keys_of_their_own(scene, admin):
    org = scene.org()["org_id"]
    other = scene.account(org, ("organizer", org))
    body, key = {"org_id": org, "name": "同一个键"}, key_of()
    mine, theirs = (client.post("/v1/members", body, 201, headers=key) for client in (admin, other))
    assert not replayed(theirs) and mine.json()["member_id"] != theirs.json()["member_id"]
    other.post("/v1/members", {**body, "name": "另一个"}, 422, headers=key)


def test_a_key_belongs_to_one_operation(scene, admin):
    org, key = scene.org()["org_id"], key_of()
    admin.post("/v1/members", {"org_id": org, "name": "人"}, 201, headers=key)
    reply = admin.post("/v1/orgs", {"parent_id": org, "kind": "group", "name": "组"}, 422, headers=key)
    assert reply.json()["code"] == "idempotency_mismatch"


def test_failures_are_not_kept(scene, admin):
    org = scene.org()["org_id"]
    body, key = {"parent_id": org, "kind": "group", "name": "同名"}, key_of()
    rival = admin.post("/v1/orgs", body, 201).json()["org_id"]
    for _ in range(2):
        reply = admin.post("/v1/orgs", body, 409, headers=key)
        assert reply.json()["code"] == "org_name_taken" and not replayed(reply)
    admin.patch("/v1/orgs/" + rival, {"name": "让开"}, 200)
    made = admin.post("/v1/orgs", body, 201, headers=key)
    assert not replayed(made) and replayed(admin.post("/v1/orgs", body, 201, headers=key))


def test_a_refused_request_leaves_the_key_free(scene, admin):
    key = key_of()
    admin.post("/v1/members", {"name": "人"}, 422, headers=key)
    admin.post("/v1/members", {"org_id": new_id(), "name": "人"}, 403, headers=key)
    admin.post("/v1/members", {"org_id": scene.org()["org_id"], "name": "人"}, 201, headers=key)


def test_without_the_permission_a_key_is_worth_nothing(scene, admin, member):
    org, key = scene.org()["org_id"], key_of()
    admin.post("/v1/members", {"org_id": org, "name": "人"}, 201, headers=key)
    member.post("/v1/members", {"org_id": org, "name": "人"}, 403, headers=key)


@pytest.mark.parametrize("hours, again", [(23, True), (25, False)])
def test_keys_hold_for_a_day(scene, admin, hours, again):
    body, key = {"org_id": scene.org()["org_id"], "name": "一天"}, key_of()
    first = admin.post("/v1/members", body, 201, headers=key)
    scene.server.sql("UPDATE idempotency SET created_at = now() - make_interval(hours => :hours) WHERE key = :'key';",
                     hours=hours, key=key["Idempotency-Key"])
    reply = admin.post("/v1/members", body, 201, headers=key)
    assert replayed(reply) == again and (not again or reply.content == first.content)


def test_after_a_day_the_key_may_name_another_act(scene, admin):
    body, key = {"org_id": scene.org()["org_id"], "name": "昨天"}, key_of()
    first = admin.post("/v1/members", body, 201, headers=key)
    scene.server.sql("UPDATE idempotency SET created_at = now() - interval '25 hours' WHERE key = :'key';",
                     key=key["Idempotency-Key"])
    second = admin.post("/v1/members", {**body, "name": "今天"}, 201, headers=key)
    assert second.json()["member_id"] != first.json()["member_id"]


def test_the_order_of_the_body_does_not_matter(scene, admin):
    body, key = {"org_id": scene.org()["org_id"], "name": "次序", "gender": "male"}, key_of()
    admin.post("/v1/members", body, 201, headers=key)
    assert replayed(admin.post("/v1/members", dict(reversed(body.items())), 201, headers=key))


def test_with_an_id_of_the_client(scene, admin):
    body, key = {"member_id": new_id(), "org_id": scene.org()["org_id"], "name": "两者"}, key_of()
    first = admin.post("/v1/members", body, 201, headers=key)
    assert first.json()["member_id"] == body["member_id"]
    assert replayed(admin.post("/v1/members", body, 201, headers=key))
    assert admin.post("/v1/members", body, 201).content == first.content
    assert admin.post("/v1/members", body, 201, headers=key_of()).json()["member_id"] == body["member_id"]


@pytest.mark.parametrize("key", ["x" * 65, "a b", "a/b", '"x"', "a,b"])
def test_what_is_no_key(scene, admin, key):
    reply = admin.post("/v1/members", {"org_id": demo_id(10011), "name": "人"}, 422, headers={"Idempotency-Key": key})
    assert field_codes(reply) == {"Idempotency-Key": "pattern"}


@pytest.mark.parametrize("key", ["x", "x" * 64, "A-Z_0.9:"])
def test_what_is_a_key(scene, admin, key):
    other = scene.account(demo_id(10011), ("organizer", demo_id(10011)))
    other.post("/v1/members", {"org_id": demo_id(10011), "name": "人"}, 201, headers={"Idempotency-Key": key})


def test_where_it_means_nothing(scene, admin, member):
    path, key = "/v1/orgs/" + scene.org()["org_id"], key_of()
    for name in ("甲", "乙"):
        reply = admin.patch(path, {"short_name": name}, 200, headers=key)
        assert reply.json()["short_name"] == name and "Idempotency-Replayed" not in reply.headers
    assert "Idempotency-Replayed" not in admin.get(path, headers=key).headers
    for _ in range(2):
        member.post("/v1/auth/login", {"username": "member", "password": scene.server.password}, 200, headers=key,
                    token=None)
