"""Member records: making, changing, finding, and paging through them while others write."""
import threading

import pytest

from support.client import Client, field_codes, new_id
from support.scene import ROOT_ORG, demo_id, unique

NULLABLE = {"gender": "female", "birth_date": "1988-03-14", "education": "大学本科", "joined_on": "2011-07-01",
            "external_id": None}
STAGES = ["applicant", "activist", "candidate", "probationary", "full", "transferred_out", "suspended", "expelled",
          "deceased"]


def refused(reply, status, code, field=None):
    assert reply.status_code == status and reply.json()["code"] == code, reply.text
    if field is not None:
        assert field_codes(reply) == {field: code}, reply.text


def ids(client, **params):
    return [m["member_id"] for m in client.pages("/v1/members", **{"limit": 200, **params})]


@pytest.fixture
def org(scene):
    return scene.org()["org_id"]


# ── making ──

def test_create_says_what_it_made(admin, org):
    body = {"org_id": org, "name": "李红梅", "gender": "female", "birth_date": "1988-03-14", "education": "大学本科",
            "stage": "full", "joined_on": "2011-07-01", "external_id": unique("AX-")}
    reply = admin.post("/v1/members", body, 201)
    made = reply.json()
    assert {k: made[k] for k in body} == body and made["version"] == 1
    assert made["org_name"] == admin.get("/v1/orgs/" + org).json()["name"]
    assert reply.headers["Location"] == "/v1/members/" + made["member_id"] and reply.headers["ETag"].startswith('"1-')
    assert admin.get(reply.headers["Location"]).json() == made


def test_what_is_not_said(scene, org):
    made = scene.member(org)
    assert made["stage"] == "applicant" and all(made[field] is None for field in NULLABLE)


@pytest.mark.parametrize("stage", STAGES)
def test_a_record_begins_no_later_than_full(admin, org, stage):
    reply = admin.post("/v1/members", {"org_id": org, "name": "某人", "stage": stage})
    if STAGES.index(stage) <= STAGES.index("full"):
        assert reply.status_code == 201 and reply.json()["stage"] == stage
    else:
        assert reply.status_code == 422 and field_codes(reply) == {"stage": "enum"}


def test_every_bad_field_is_named(admin):
    reply = admin.post("/v1/members", {
        "name": "", "gender": "f", "birth_date": "2026-02-30", "education": "学" * 41, "stage": None,
        "joined_on": 20110701, "external_id": "", "phone": "1", "member_id": "x"}, 422)
    assert field_codes(reply) == {
        "org_id": "required", "name": "too_short", "gender": "enum", "birth_date": "format", "education": "too_long",
        "stage": "not_nullable", "joined_on": "type", "external_id": "too_short", "phone": "unknown",
        "member_id": "format"}


def test_names_are_measured_in_characters(scene, admin, org):
    name = "阿" * 99 + "𠮷"
    assert scene.member(org, name=name)["name"] == name
    assert field_codes(admin.post("/v1/members", {"org_id": org, "name": name + "人"}, 422)) == {"name": "too_long"}


def test_an_unknown_organisation_lies_outside_the_scope(scene, admin, org):
    refused(admin.post("/v1/members", {"org_id": new_id(), "name": "某人"}), 403, "outside_scope", "org_id")
    path = "/v1/members/" + scene.member(org)["member_id"]
    refused(admin.patch(path, {"org_id": new_id()}), 403, "outside_scope", "org_id")
    assert admin.get(path).json()["org_id"] == org


def test_a_chosen_id_makes_creation_repeatable(admin, org):
    body = {"member_id": new_id(), "org_id": org, "name": "离线建档", "external_id": unique("AX-")}
    first, second = admin.post("/v1/members", body, 201), admin.post("/v1/members", body, 201)
    assert second.content == first.content and second.headers["Location"] == first.headers["Location"]
    refused(admin.post("/v1/members", {**body, "name": "另一人"}), 409, "id_taken", "member_id")
    refused(admin.post("/v1/members", {**body, "gender": None}), 409, "id_taken", "member_id")
    assert ids(admin, org_id=org) == [body["member_id"]]


def test_the_order_of_members_in_the_body_does_not_matter(admin, org):
    body = {"member_id": new_id(), "org_id": org, "name": "次序"}
    first = admin.post("/v1/members", body, 201)
    assert admin.post("/v1/members", dict(reversed(body.items())), 201).content == first.content


def test_external_ids_are_unique(scene, admin, org):
    taken = unique("AX-")
    scene.member(org, external_id=taken)
    other = scene.member(org)["member_id"]
    refused(admin.post("/v1/members", {"org_id": org, "name": "某人", "external_id": taken}), 409, "id_taken",
            "external_id")
    refused(admin.patch("/v1/members/" + other, {"external_id": taken}), 409, "id_taken", "external_id")
    assert len(ids(admin, org_id=org)) == 2


# ── changing ──

@pytest.mark.parametrize("field", NULLABLE)
def test_absent_keeps_and_null_clears(scene, admin, org, field):
    values = {**NULLABLE, "external_id": unique("AX-")}
    member = scene.member(org, **values)
    path = "/v1/members/" + member["member_id"]
    kept = admin.patch(path, {"name": "改名"}, 200).json()
    assert {k: kept[k] for k in values} == values and kept["stage"] == member["stage"]
    cleared = admin.patch(path, {field: None}, 200).json()
    assert {k: cleared[k] for k in values} == {**values, field: None} and cleared["name"] == "改名"
    assert admin.patch(path, {field: values[field]}, 200).json()[field] == values[field]


def test_what_cannot_be_null(scene, admin, org):
    path = "/v1/members/" + scene.member(org)["member_id"]
    reply = admin.patch(path, {"org_id": None, "name": None, "stage": None}, 422)
    assert field_codes(reply) == dict.fromkeys(("org_id", "name", "stage"), "not_nullable")
    assert field_codes(admin.patch(path, {"member_id": new_id()}, 422)) == {"member_id": "unknown"}


def test_every_stage_is_reached_by_a_change(scene, admin, org):
    path = "/v1/members/" + scene.member(org)["member_id"]
    for stage in STAGES:
        assert admin.patch(path, {"stage": stage}, 200).json()["stage"] == stage


def test_if_match(scene, admin, org):
    path = "/v1/members/" + scene.member(org)["member_id"]

    def change(tag):
        return admin.patch(path, {"education": unique("学历")}, headers={"If-Match": tag})
    assert change('"1"').headers["ETag"].startswith('"2-')
    for stale in ('"1"', '"9"', 'W/"2"', "2", '"x"'):
        refused(change(stale), 412, "version_mismatch")
    assert change("*").status_code == 200 and admin.get(path).headers["ETag"].startswith('"3-')


def test_a_refused_change_changes_nothing(scene, admin, org):
    member = scene.member(org)
    admin.patch("/v1/members/" + member["member_id"], {"name": "新名", "org_id": new_id()}, 403)
    assert admin.get("/v1/members/" + member["member_id"]).json() == member


# ── finding ──

def test_the_list_by_subtree(scene, admin):
    top = scene.org(kind="general_branch")["org_id"]
    branch = scene.org(top)["org_id"]
    group = scene.org(branch, "group")["org_id"]
    made = [scene.member(o)["member_id"] for o in (top, branch, group)]
    scene.member(ROOT_ORG)
    assert ids(admin, org_id=top) == made and ids(admin, org_id=branch) == made[1:]
    assert ids(admin, org_id=group) == made[2:] and ids(admin, org_id=new_id()) == []


def test_the_list_by_stage(scene, admin, org):
    made = {stage: scene.member(org, stage=stage)["member_id"] for stage in STAGES[:5]}
    for stage in STAGES:
        assert ids(admin, org_id=org, stage=stage) == ([made[stage]] if stage in made else [])
    assert field_codes(admin.get("/v1/members", 422, params={"stage": "boss"})) == {"stage": "enum"}


NAMES = ["欧阳春晓", "欧阳修", "阳光明", "春晓", "晓春阳", "𠮷野太郎", "Müller Anna", "müllerin", "100%合格", "100合格",
         "甲_乙", "甲乙", "甲X乙", r"反\斜", "反斜", "%", "_", "a'b\"c", "春 晓"]


def substrings(name):
    return {name[i:i + n] for n in (1, 2, 3) for i in range(len(name) - n + 1)} | {name}


def test_names_are_found_by_any_part_of_them(scene, admin, org):
    """Every part of one, two and three characters of every name finds exactly the names that contain it."""
    people = {scene.member(org, name=name)["member_id"]: name for name in NAMES}
    parts = set().union(*map(substrings, NAMES)) | {"阳春", "晓春", "__", "%%", "\\\\", "不存在", "％", "'; --"}
    wrong = {}
    for part in sorted(parts):
        expected = sorted(m for m, name in people.items() if part.lower() in name.lower())
        found = ids(admin, org_id=org, name=part)
        if found != expected:
            wrong[part] = [people[m] for m in found]
    assert wrong == {}


def test_the_search_sees_the_name_as_it_is_now(scene, admin, org):
    member = scene.member(org, name="旧名字")["member_id"]
    assert ids(admin, org_id=org, name="旧名") == [member]
    admin.patch("/v1/members/" + member, {"name": "新名字"}, 200)
    assert ids(admin, org_id=org, name="旧名") == [] and ids(admin, org_id=org, name="新名") == [member]


def test_the_search_with_the_other_filters(scene, admin, org):
    one = scene.member(org, name="组合甲", stage="full")["member_id"]
    two = scene.member(org, name="组合乙", stage="applicant")["member_id"]
    assert ids(admin, org_id=org, name="组合") == [one, two]
    assert ids(admin, org_id=org, name="组合", stage="full") == [one]
    assert ids(admin, org_id=demo_id(10014), name="组合", stage="full") == []


@pytest.mark.parametrize("name, code", [("", "too_short"), ("名" * 51, "too_long")])
def test_bounds_of_the_part(admin, name, code):
    assert field_codes(admin.get("/v1/members", 422, params={"name": name})) == {"name": code}


def test_a_part_of_fifty_characters(scene, admin, org):
    member = scene.member(org, name="名" * 60)["member_id"]
    assert ids(admin, org_id=org, name="名" * 50) == [member]


# ── paging ──

@pytest.mark.parametrize("limit", [1, 7, 200])
@pytest.mark.parametrize("name", [None, "众"])
def test_paging_while_another_client_writes(scene, accounts, limit, name):
    """Who was there before the first page and stays is on exactly one page; nobody is on two."""
    org = scene.org()["org_id"]
    there = {scene.member(org, name=f"众{i}")["member_id"] for i in range(25)}
    other, stop = Client(accounts["admin"].base, accounts["admin"].token), threading.Event()

    def write():
        while not stop.is_set():
            body = {"member_id": new_id(), "org_id": org, "name": "众多"}  # random ids: anywhere in the order
            other.post("/v1/members", body, 201)
    writer = threading.Thread(target=write)
    writer.start()
    try:
        found = ids(accounts["admin"], org_id=org, limit=limit, **({"name": name} if name else {}))
    finally:
        stop.set()
        writer.join()
    assert len(found) == len(set(found)), "a member is on two pages"
    assert there <= set(found), "a member is on no page"
    assert found == sorted(found)
