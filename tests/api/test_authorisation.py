"""Who may do what, where: every operation of the specification × every role × inside and outside its subtree.

The expectation is computed from x-permission, the matrix in permissions.yaml and the place; nothing of it is
written here. CASES says only how each operation is asked so that an authorised caller would be served. A new
operation without a row fails test_every_operation_has_a_row. After each refusal the tables must be as before.
"""
import dataclasses

import pytest

from support import spec
from support.client import Client, login, new_id
from support.scene import ROOT_ORG, Scene, demo_id, lesson_body, lessons_of, timestamp, unique

ROLES = list(spec.permissions()["roles"])
NOBODY, NO_ROLE = "nobody", "no role"
CALLERS = ROLES + [NO_ROLE, NOBODY]


# ── the stage: two branches that have nothing to do with each other, and a caller for each role ──

class Branch:
    """A branch with a group, members in both, a draft and a published course."""

    def __init__(self, scene, parent):
        self.org = scene.org(parent)["org_id"]
        self.group = scene.org(self.org, "group")["org_id"]
        self.member = scene.member(self.org)["member_id"]
        self.group_member = scene.member(self.group)["member_id"]
        self.draft = scene.course(self.org, publish=False)
        self.course = scene.course(self.org)


class Stage(Scene):
    def __init__(self, server, admin):
        super().__init__(server, admin)
        self.a = Branch(self, demo_id(10002))
        self.b = Branch(self, demo_id(10003))
        self.callers = {role: self.account(self.a.org, (role, self.a.org)) for role in ROLES}
        self.callers[NO_ROLE] = self.account(self.a.org)
        self.callers[NOBODY] = Client(server.http)
        self.caller = None  # whose turn it is


@pytest.fixture(scope="module")
def stage(server, accounts):
    return Stage(server, accounts["admin"])


# ── how each operation is asked ──

@dataclasses.dataclass
class Case:
    """`place`: inside the subtree; outside (hidden); into (what is written would lie outside); empty (a list
    that is asked for what lies outside)."""
    place: str
    path: dict
    json: dict = None
    params: dict = None
    check: object = None
    unknown: dict = None  # of `into`: the same body, with an organisation that does not exist


def inside(json=None, params=None, check=None, **path):
    return Case("inside", path, json, params, check)


def outside(json=None, **path):
    return Case("outside", path, json)


def into(field, org, json, **path):
    return Case("into", path, {**json, field: org}, unknown={**json, field: new_id()})


def empty(**params):
    return Case("empty", {}, params=params)


def only(field, *ids):
    """The list holds all of these, and nothing that is not below the caller's branch."""
    def check(body, allowed):
        found = {item[field] for item in body["items"]}
        assert set(ids) <= found <= allowed, "a list shows too little or too much"
    return check


def course_cases(s, json=None):
    return [inside(json, course_id=s.a.draft["course_id"]), inside(json, course_id=s.a.course["course_id"]),
            outside(json, course_id=s.b.draft["course_id"]), outside(json, course_id=s.b.course["course_id"])]


def chapter_of(course):
    return {"course_id": course["course_id"], "chapter_id": course["chapters"][0]["chapter_id"]}


def lesson_of(course):
    return {"course_id": course["course_id"], "lesson_id": lessons_of(course)[0]["lesson_id"]}


def new_lesson(course):
    return lesson_body(course["chapters"][0]["chapter_id"])


def new_account(s):
    s.caller = s.account(s.a.org)
    return s.caller


CASES = {
    "auth_login": lambda s: [inside({"username": s.callers["member"].username, "password": s.server.password})],
    "auth_refresh": lambda s: [inside({"refresh_token": login(s.server.http, s.callers["member"].username,
                                                              s.server.password).refresh_token})],
    "auth_logout": lambda s: [inside()],
    "auth_password": lambda s: [inside({"current_password": s.server.password, "new_password": "another one 2026"})],
    "jwks_get": lambda s: [inside()],
    "openapi_get": lambda s: [inside()],
    "docs_get": lambda s: [inside()],
    "me_get": lambda s: [inside()],

    "org_list": lambda s: [inside(check=only("org_id", ROOT_ORG, demo_id(10002), s.a.org, s.a.group)),
                           empty(below=s.b.org)],
    "org_get": lambda s: [inside(org_id=s.a.org), inside(org_id=s.a.group), inside(org_id=ROOT_ORG),
                          outside(org_id=s.b.org), outside(org_id=s.b.group), outside(org_id=demo_id(10003))],
    "org_create": lambda s: [
        inside({"parent_id": s.a.org, "kind": "group", "name": unique("组")}),
        into("parent_id", s.b.org, {"kind": "group", "name": unique("组")}),
        into("parent_id", demo_id(10002), {"kind": "branch", "name": unique("支部")})],
    "org_patch": lambda s: [
        inside({"name": unique("新名")}, org_id=s.a.group), inside({"short_name": unique("简称")}, org_id=s.a.org),
        outside({"name": unique("新名")}, org_id=s.b.group), outside({"name": unique("新名")}, org_id=demo_id(10002)),
        into("parent_id", s.b.org, {"name": unique("新名")}, org_id=s.a.group),
        into("parent_id", demo_id(10003), {}, org_id=s.a.org)],

    "member_list": lambda s: [inside(check=only("member_id", s.a.member, s.a.group_member)), empty(org_id=s.b.org),
                              empty(org_id=s.b.org, name="党员")],
    "member_get": lambda s: [inside(member_id=s.a.member), inside(member_id=s.a.group_member),
                             outside(member_id=s.b.member), outside(member_id=demo_id(20001))],
    "member_create": lambda s: [inside({"org_id": s.a.group, "name": unique("新人")}),
                                into("org_id", s.b.org, {"name": unique("新人")}),
                                into("org_id", demo_id(10002), {"name": unique("新人")})],
    "member_patch": lambda s: [
        inside({"education": unique("学历")}, member_id=s.a.member),
        inside({"education": unique("学历")}, member_id=s.a.group_member),
        outside({"education": unique("学历")}, member_id=s.b.member),
        outside({"org_id": s.a.org}, member_id=s.b.member),
        into("org_id", s.b.org, {"education": unique("学历")}, member_id=s.a.member)],

    "course_list": lambda s: [inside()],
    "course_get": lambda s: [inside(course_id=s.a.course["course_id"]), inside(course_id=s.b.course["course_id"])],
    "course_create": lambda s: [
        inside({"org_id": s.a.org, "title": unique("课"), "category": "testing"}),
        into("org_id", s.b.org, {"title": unique("课"), "category": "testing"}),
        into("org_id", ROOT_ORG, {"title": unique("课"), "category": "testing"})],
    "course_patch": lambda s: course_cases(s, {"title": unique("新题")}),
    "course_publish": lambda s: [inside(course_id=s.course(s.a.org, publish=False)["course_id"]),
                                 *(outside(course_id=c["course_id"]) for c in (s.b.draft, s.b.course))],
    "chapter_create": lambda s: course_cases(s, {"title": unique("章")}),
    "chapter_patch": lambda s: [inside({"title": unique("章")}, **chapter_of(s.a.draft)),
                                outside({"title": unique("章")}, **chapter_of(s.b.draft)),
                                outside({"title": unique("章")}, **chapter_of(s.b.course))],
    "lesson_create": lambda s: [inside(new_lesson(s.a.draft), course_id=s.a.draft["course_id"]),
                                inside(new_lesson(s.a.course), course_id=s.a.course["course_id"]),
                                outside(new_lesson(s.b.draft), course_id=s.b.draft["course_id"]),
                                outside(new_lesson(s.b.course), course_id=s.b.course["course_id"])],
    "lesson_patch": lambda s: [inside({"title": unique("课时")}, **lesson_of(s.a.draft)),
                               outside({"title": unique("课时")}, **lesson_of(s.b.draft)),
                               outside({"removed": True}, **lesson_of(s.b.course))],

    "me_progress_list": lambda s: [inside()],
    "me_progress_get": lambda s: [inside(course_id=s.b.course["course_id"])],
    "me_progress_put": lambda s: [inside({"stretches": [[0, 5]], "client_time": timestamp()},
                                         lesson_id=lessons_of(s.b.course)[0]["lesson_id"])],
    "me_progress_batch": lambda s: [inside({"client_time": timestamp(), "items": [
        {"id": new_id(), "lesson_id": lessons_of(s.a.course)[0]["lesson_id"], "stretches": [[0, 5]],
         "started_at": timestamp(30), "ended_at": timestamp(20)}]})],
    "member_progress": lambda s: [inside(member_id=s.a.member), outside(member_id=s.b.member)],
    "course_progress": lambda s: [
        inside(course_id=s.b.course["course_id"], check=only("member_id", s.a.member, s.a.group_member)),
        Case("empty", {"course_id": s.a.course["course_id"]}, params={"org_id": s.b.org})],
}


def test_every_operation_has_a_row():
    assert set(CASES) == {o.id for o in spec.operations()}


# ── what is expected ──

def held(operation, caller):
    return bool(spec.permissions()["permissions"][operation.permission].get(caller))


def expected(operation, caller, place):
    """(status, code)"""
    success = next(int(s) for s in operation.responses() if s.startswith("2"))
    if operation.public:
        return success, None
    if caller == NOBODY:
        return 401, "token_missing"
    if operation.permission == "signed-in":
        return success, None
    if not held(operation, caller):
        return 403, "forbidden"
    return {"inside": (success, None), "empty": (success, None), "outside": (404, "not_found"),
            "into": (403, "outside_scope")}[place]


def ask(operation, client, case, path=None, json=None):
    url = operation.path.format(**(path or case.path))
    return client.request(operation.method, url, json=json or case.json, params=case.params)


def bare(reply):
    body = reply.json()
    body.pop("request_id")
    return body


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("operation", spec.operations(), ids=lambda o: o.id)
def test_matrix(stage, operation, caller):
    client = stage.callers[caller]
    if operation.id in ("auth_logout", "auth_password") and caller != NOBODY:
        client = stage.account(stage.a.org, *([(caller, stage.a.org)] if caller in ROLES else []))
    for case in CASES[operation.id](stage):
        if caller == NO_ROLE and case.check is not None:
            case.check = None
        status, code = expected(operation, caller, case.place)
        reads = operation.method == "GET" or operation.id.startswith("auth_")
        before = None if reads else stage.checksum()
        reply = ask(operation, client, case)
        where = f"{operation.id} as {caller}, {case.place}: {reply.status_code} {reply.text[:300]}"
        assert reply.status_code == status, where
        assert code is None or reply.json()["code"] == code, where
        if before is not None:
            assert (stage.checksum() != before) == (status < 300), f"{where}: what it left behind is wrong"
        if case.place == "empty" and status == 200:
            assert reply.json() == {"items": [], "next_cursor": None}, where
        if case.check is not None and status == 200:
            case.check(reply.json(), below_branch(stage, operation))
        if status in (403, 404) and case.place != "inside":
            # It must not be possible to tell what is hidden from what is not there.
            ghost = ask(operation, client, case, {name: new_id() for name in case.path} if case.place == "outside"
                        else None, case.unknown)
            assert ghost.status_code == status and bare(ghost) == bare(reply), where


def below_branch(stage, operation):
    """All ids that the list of this operation may show to a caller of branch A."""
    table, column = ("org", "org_id") if operation.id == "org_list" else ("member", "member_id")
    rows = stage.server.sql(f"""
        SELECT t.{column} FROM {table} t JOIN org o ON o.org_id = t.org_id
         WHERE o.path <@ (SELECT path FROM org WHERE org_id = :'org');""", org=stage.a.org)
    ids = {row[0] for row in rows}
    return ids | {ROOT_ORG, demo_id(10002)} if table == "org" else ids


# ── the roles and permissions themselves ──

def test_roles_are_the_same_everywhere(server):
    named = set(spec.document()["components"]["schemas"]["Role"]["enum"])
    allowed = server.sql("SELECT pg_get_constraintdef(oid) FROM pg_constraint"
                         " WHERE conrelid = 'role_grant'::regclass AND contype = 'c';")
    assert named == set(ROLES)
    assert len(allowed) == 1 and all(f"'{role}'" in allowed[0][0] for role in ROLES)


def test_every_permission_is_used_and_held():
    used = {o.permission for o in spec.operations() if not o.public} - {"signed-in"}
    matrix = spec.permissions()["permissions"]
    assert used == set(matrix)
    for name, row in matrix.items():
        assert set(row) <= set(ROLES) and any(row.values()), name


def test_an_operation_is_public_or_has_a_permission():
    for operation in spec.operations():
        assert operation.public != bool(operation.permission), operation.id
        assert operation.public == (operation.item.get("security") == []), operation.id


# ── drafts ──

@pytest.mark.parametrize("caller", ROLES + [NO_ROLE])
def test_drafts_show_to_those_who_manage_them(stage, caller):
    client = stage.callers[caller]
    manages = caller in ROLES and bool(spec.permissions()["permissions"]["courses.manage"].get(caller))
    client.get("/v1/courses/" + stage.a.draft["course_id"], 200 if manages else 404)
    client.get("/v1/courses/" + stage.b.draft["course_id"], 404)
    listed = {c["course_id"] for c in client.pages("/v1/courses", status="draft", limit=200)}
    assert (stage.a.draft["course_id"] in listed) == manages
    assert stage.b.draft["course_id"] not in listed
    assert manages or not listed
    public = {c["course_id"] for c in client.pages("/v1/courses", limit=200)}
    assert stage.a.draft["course_id"] not in public and stage.b.course["course_id"] in public


# ── where a role reaches ──

def test_a_role_reaches_down_but_not_up_or_sideways(stage):
    organizer = stage.account(stage.a.org, ("organizer", demo_id(10002)))
    for inside_id in (stage.a.member, stage.a.group_member, demo_id(20008), demo_id(20016)):
        organizer.get("/v1/members/" + inside_id)
    for outside_id in (demo_id(20001), demo_id(20030), stage.b.member, stage.b.group_member):
        organizer.get("/v1/members/" + outside_id, 404)
    shown = {m["member_id"] for m in organizer.pages("/v1/members", limit=200)}
    below = {row[0] for row in stage.server.sql("""
        SELECT member_id FROM member JOIN org USING (org_id)
         WHERE path <@ (SELECT path FROM org WHERE org_id = :'org');""", org=demo_id(10002))}
    assert shown == below


def test_each_role_reaches_only_where_it_is_held(stage):
    """Who reads in one branch and writes in another does not write in the first."""
    both = stage.account(stage.a.org, ("auditor", stage.b.org), ("organizer", stage.a.org))
    both.get("/v1/members/" + stage.b.member)
    before = stage.checksum()
    both.patch("/v1/members/" + stage.b.member, {"education": "x"}, 404)
    both.post("/v1/members", {"org_id": stage.b.org, "name": "x"}, 403)
    both.patch("/v1/members/" + stage.a.member, {"org_id": stage.b.org}, 403)
    assert stage.checksum() == before
    both.patch("/v1/members/" + stage.a.member, {"education": unique("学历")}, 200)
    shown = {m["member_id"] for m in both.pages("/v1/members", limit=200)}
    assert {stage.a.member, stage.a.group_member, stage.b.member, stage.b.group_member} <= shown


def test_a_move_needs_both_ends(stage):
    both = stage.account(stage.a.org, ("organizer", stage.a.org), ("organizer", stage.b.org))
    wanderer = stage.member(stage.a.org)["member_id"]
    assert both.patch("/v1/members/" + wanderer, {"org_id": stage.b.org}, 200).json()["org_id"] == stage.b.org
    both.patch("/v1/members/" + wanderer, {"org_id": stage.a.org}, 200)


def try_everything(organizer, stage, org, member, status):
    """What an organizer does with a member: asked with a token that was issued earlier."""
    organizer.get("/v1/members/" + member, 200 if status == 200 else 404)
    organizer.get(f"/v1/members/{member}/progress", 200 if status == 200 else 404)
    organizer.patch("/v1/members/" + member, {"education": unique("学历")}, 200 if status == 200 else 404)
    made = organizer.post("/v1/members", {"org_id": org, "name": unique("新人")})
    assert made.status_code == (201 if status == 200 else 403), made.text
    shown = {m["member_id"] for m in organizer.pages("/v1/members", org_id=org, limit=200)}
    assert (member in shown) == (status == 200)
    assert status == 200 or not shown


def test_a_withdrawn_role_stops_at_once(stage):
    organizer = stage.account(stage.a.org, ("organizer", stage.a.org))
    try_everything(organizer, stage, stage.a.org, stage.a.member, 200)
    stage.revoke(organizer.member_id, "organizer")
    before = stage.checksum()
    try_everything(organizer, stage, stage.a.org, stage.a.member, 404)
    assert stage.checksum() == before
    assert organizer.get("/v1/me").json()["roles"] == []
    organizer.token = organizer.post("/v1/auth/refresh", {"refresh_token": organizer.refresh_token},
                                     200).json()["access_token"]
    organizer.get("/v1/members/" + stage.a.member, 403)


@pytest.mark.parametrize("ends, works", [("now() - interval '1 second'", False), ("now() + interval '1 hour'", True)])
def test_a_role_ends_when_it_says(stage, ends, works):
    organizer = stage.account(stage.a.org, ("organizer", stage.a.org))
    stage.server.sql(f"UPDATE role_grant SET ends_at = {ends} WHERE member_id = :'member';", member=organizer.member_id)
    try_everything(organizer, stage, stage.a.org, stage.a.member, 200 if works else 404)
    again = login(stage.server.http, organizer.username, stage.server.password)
    again.get("/v1/members/" + stage.a.member, 200 if works else 403)


def test_a_role_given_later_needs_a_new_token(stage):
    client = stage.account(stage.a.org, ("member", stage.a.org))
    client.get("/v1/members", 403)
    stage.grant(client.member_id, "organizer", stage.a.org)
    client.token = client.post("/v1/auth/refresh", {"refresh_token": client.refresh_token}, 200).json()["access_token"]
    client.get("/v1/members/" + stage.a.member)


def test_moving_a_branch_moves_what_the_role_reaches(stage):
    home, other = stage.org(demo_id(10002))["org_id"], stage.org(demo_id(10003))["org_id"]
    group = stage.org(home, "group")["org_id"]
    member = stage.member(group)["member_id"]
    organizer = stage.account(home, ("organizer", home))
    try_everything(organizer, stage, group, member, 200)
    stage.admin.patch("/v1/orgs/" + group, {"parent_id": other}, 200)
    try_everything(organizer, stage, group, member, 404)
    stage.admin.patch("/v1/orgs/" + group, {"parent_id": home}, 200)
    try_everything(organizer, stage, group, member, 200)
    # The branch that the role is held on takes its reach along.
    stage.admin.patch("/v1/orgs/" + home, {"parent_id": demo_id(10004)}, 200)
    try_everything(organizer, stage, group, member, 200)
    above = stage.account(home, ("organizer", demo_id(10002)))
    try_everything(above, stage, group, member, 404)


def test_what_has_moved_away_is_not_shown_by_repeating_its_creation(stage):
    """The id chosen by the client finds what it made, but no longer what has left the caller's scope."""
    organizer = stage.account(stage.a.org, ("organizer", stage.a.org))
    body = {"member_id": new_id(), "org_id": stage.a.org, "name": unique("调动")}
    organizer.post("/v1/members", body, 201)
    stage.admin.patch("/v1/members/" + body["member_id"], {"org_id": stage.b.org, "education": "秘密"}, 200)
    organizer.get("/v1/members/" + body["member_id"], 404)
    reply = organizer.post("/v1/members", body)
    assert "秘密" not in reply.text and reply.status_code in (403, 404, 409), reply.text


def test_a_token_is_needed_even_with_a_bad_request(stage):
    """Nobody learns from 404, 415 or 422 what is there."""
    nobody = stage.callers[NOBODY]
    nobody.post("/v1/members", {"nonsense": 1}, 401)
    nobody.get("/v1/members/not-a-uuid", 401)
    nobody.get("/v1/members", 401, params={"limit": 0})
    stage.callers["member"].post("/v1/members", {"nonsense": 1}, 403)
    stage.callers["member"].get("/v1/members/not-a-uuid", 403)
