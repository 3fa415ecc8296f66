"""The tree of organisations: making, changing and moving, and what must never become of it."""
import threading

import pytest

from support.client import field_codes, new_id
from support.scene import ROOT_ORG, demo_id, unique

KINDS = ["committee", "general_branch", "branch", "group"]


def refused(reply, status, code, field=None):
    assert reply.status_code == status and reply.json()["code"] == code, reply.text
    if field is not None:
        assert field_codes(reply) == {field: code}, reply.text


def path_of(scene, org_id):
    return scene.server.sql("SELECT path FROM org WHERE org_id = :'org';", org=org_id)[0][0]


@pytest.fixture(autouse=True)
def tree_stays_true(scene):
    yield
    scene.check_tree()


# ── making ──

def test_create_says_what_it_made(scene, admin):
    body = {"parent_id": demo_id(10011), "kind": "group", "name": unique("组"), "short_name": "简"}
    reply = admin.post("/v1/orgs", body, 201)
    org = reply.json()
    assert {k: org[k] for k in body} == body
    assert (org["depth"], org["children"], org["members"], org["version"]) == (3, 0, 0, 1)
    assert reply.headers["Location"] == "/v1/orgs/" + org["org_id"] and reply.headers["ETag"].startswith('"1-')
    read = admin.get(reply.headers["Location"])
    assert read.json() == org and read.headers["ETag"].startswith('"1-')
    assert path_of(scene, org["org_id"]) == ".".join(
        i.replace("-", "") for i in (ROOT_ORG, demo_id(10002), demo_id(10011), org["org_id"]))


def test_ids_that_the_server_makes_are_uuid_v7_and_rise(scene):
    ids = [scene.org()["org_id"] for _ in range(3)]
    assert all(i[14] == "7" for i in ids) and ids == sorted(ids)


@pytest.mark.parametrize("parent", KINDS)
@pytest.mark.parametrize("child", KINDS)
def test_which_kind_stands_below_which(scene, admin, parent, child):
    above = scene.org(ROOT_ORG, parent)["org_id"]
    reply = admin.post("/v1/orgs", {"parent_id": above, "kind": child, "name": unique("下级")})
    if KINDS.index(child) > KINDS.index(parent) or parent == child == "committee":
        assert reply.status_code == 201, reply.text
    else:
        refused(reply, 409, "org_kind_order", "kind")
        assert admin.get("/v1/orgs/" + above).json()["children"] == 0


def test_names_are_unique_among_siblings_only(scene, admin):
    one, two = scene.org(), scene.org()
    twin = {"parent_id": one["org_id"], "kind": "group", "name": "同名组"}
    admin.post("/v1/orgs", twin, 201)
    refused(admin.post("/v1/orgs", twin), 409, "org_name_taken", "name")
    there = admin.post("/v1/orgs", {**twin, "parent_id": two["org_id"]}, 201).json()
    refused(admin.patch("/v1/orgs/" + there["org_id"], {"parent_id": one["org_id"]}), 409, "org_name_taken", "name")
    assert admin.get("/v1/orgs/" + there["org_id"]).json() == there
    moved = admin.patch("/v1/orgs/" + there["org_id"], {"parent_id": one["org_id"], "name": "改名组"}, 200).json()
    assert (moved["parent_id"], moved["name"]) == (one["org_id"], "改名组")
    refused(admin.patch("/v1/orgs/" + there["org_id"], {"name": "同名组"}), 409, "org_name_taken", "name")


def test_a_chosen_id_makes_creation_repeatable(scene, admin):
    body = {"org_id": new_id(), "parent_id": scene.org()["org_id"], "kind": "group", "name": "离线组"}
    first, second = admin.post("/v1/orgs", body, 201), admin.post("/v1/orgs", body, 201)
    assert second.content == first.content and second.headers["Location"] == first.headers["Location"]
    assert first.json()["org_id"] == body["org_id"]
    refused(admin.post("/v1/orgs", {**body, "name": "别的组"}), 409, "id_taken", "org_id")
    assert admin.get("/v1/orgs/" + body["org_id"]).json() == first.json()


def test_a_chosen_id_comes_back_in_lower_case(scene, admin):
    chosen = new_id()
    body = {"org_id": chosen.upper(), "parent_id": scene.org()["org_id"], "kind": "group", "name": "大写组"}
    reply = admin.post("/v1/orgs", body, 201)
    assert reply.json()["org_id"] == chosen and reply.headers["Location"] == "/v1/orgs/" + chosen
    assert admin.get("/v1/orgs/" + chosen.upper()).json()["org_id"] == chosen


def test_an_unknown_parent_lies_outside_the_scope(admin):
    refused(admin.post("/v1/orgs", {"parent_id": new_id(), "kind": "group", "name": "孤儿"}), 403, "outside_scope",
            "parent_id")


def test_every_bad_field_is_named(admin):
    reply = admin.post("/v1/orgs", {"kind": "party", "name": "", "short_name": "", "parent": "x", "org_id": "1"}, 422)
    assert field_codes(reply) == {"parent_id": "required", "kind": "enum", "name": "too_short",
                                  "short_name": "too_short", "parent": "unknown", "org_id": "format"}


def test_names_are_measured_in_characters(scene, admin):
    parent = scene.org()["org_id"]
    name = "党" * 99 + "𠮷"
    assert scene.org(parent, "group", name=name)["name"] == name
    reply = admin.post("/v1/orgs", {"parent_id": parent, "kind": "group", "name": name + "组"}, 422)
    assert field_codes(reply) == {"name": "too_long"}


# ── changing ──

def test_absent_keeps_and_null_clears(scene, admin):
    org = scene.org(short_name="简称")
    path = "/v1/orgs/" + org["org_id"]
    named = admin.patch(path, {"name": unique("改名")}, 200).json()
    assert named["short_name"] == "简称" and named["parent_id"] == org["parent_id"] and named["version"] == 2
    cleared = admin.patch(path, {"short_name": None}, 200).json()
    assert cleared["short_name"] is None and cleared["name"] == named["name"]
    same = admin.patch(path, {}, 200).json()
    assert {k: same[k] for k in ("name", "short_name", "parent_id")} == \
           {k: cleared[k] for k in ("name", "short_name", "parent_id")}
    for field in ("name", "parent_id"):
        assert field_codes(admin.patch(path, {field: None}, 422)) == {field: "not_nullable"}


@pytest.mark.parametrize("kind", ["application/json", "application/merge-patch+json",
                                  "application/merge-patch+json; charset=utf-8"])
def test_both_types_of_patch(scene, admin, kind):
    name = unique("改名")
    body = ('{"name": "%s"}' % name).encode()
    reply = admin.request("PATCH", "/v1/orgs/" + scene.org()["org_id"], 200, data=body, headers={"Content-Type": kind})
    assert reply.json()["name"] == name


def test_if_match(scene, admin):
    path = "/v1/orgs/" + scene.org()["org_id"]

    def change(tag):
        return admin.patch(path, {"short_name": unique("简")}, headers={"If-Match": tag})
    first = change('"1"')
    assert first.status_code == 200 and first.headers["ETag"].startswith('"2-')
    for stale in ('"1"', '"3"', '"999999999"', 'W/"2"', "2", '"x"', '""', '"99999999999999999999"', '"-2"'):
        refused(change(stale), 412, "version_mismatch")
    assert admin.get(path).json() == first.json()
    assert change("*").status_code == 200 and change('"3"').status_code == 200


def test_of_two_changes_of_one_version_one_wins(scene, admin):
    path = "/v1/orgs/" + scene.org()["org_id"]
    codes = []

    def change():
        codes.append(admin.patch(path, {"short_name": unique("简")}, headers={"If-Match": '"1"'}).status_code)
    run_at_once([change] * 6)
    assert sorted(codes) == [200] + [412] * 5
    assert admin.get(path).headers["ETag"].startswith('"2-')


def test_an_unknown_organisation(admin):
    admin.get("/v1/orgs/" + new_id(), 404)
    admin.patch("/v1/orgs/" + new_id(), {"name": "x"}, 404)
    assert field_codes(admin.get("/v1/orgs/10001", 422)) == {"org_id": "format"}


# ── moving ──

def test_a_move_takes_the_subtree_along(scene, admin):
    old, new = scene.org(kind="general_branch")["org_id"], scene.org(demo_id(10002), "branch")["org_id"]
    branch = scene.org(old, "branch")["org_id"]
    group = scene.org(branch, "group")["org_id"]
    member = scene.member(group)["member_id"]
    group_before = admin.get("/v1/orgs/" + group)
    assert (group_before.json()["depth"], admin.get("/v1/orgs/" + old).json()["members"]) == (3, 1)

    moved = admin.patch("/v1/orgs/" + branch, {"parent_id": demo_id(10002)}, 200).json()
    assert moved["parent_id"] == demo_id(10002) and (moved["children"], moved["members"]) == (1, 1)
    assert path_of(scene, group).startswith(path_of(scene, demo_id(10002)) + ".")
    admin.patch("/v1/orgs/" + group, {"parent_id": new}, 200)
    assert admin.get("/v1/orgs/" + new).json()["members"] == 1
    assert admin.get("/v1/orgs/" + old).json()["members"] == 0
    assert admin.get("/v1/members/" + member).json()["org_id"] == group


def test_depth_and_etag_of_what_was_moved_along(scene, admin):
    above = scene.org(kind="committee")["org_id"]
    committee = scene.org(kind="committee")["org_id"]
    branch = scene.org(committee, "branch")["org_id"]
    before = admin.get("/v1/orgs/" + branch)
    admin.patch("/v1/orgs/" + committee, {"parent_id": above}, 200)
    after = admin.get("/v1/orgs/" + branch, headers={"If-None-Match": before.headers["ETag"]})
    assert after.json()["depth"] == before.json()["depth"] + 1


def test_no_organisation_below_itself(scene, admin):
    top = scene.org(kind="committee")["org_id"]
    middle = scene.org(top, "committee")["org_id"]
    bottom = scene.org(middle, "committee")["org_id"]
    for target in (top, middle, bottom):
        refused(admin.patch("/v1/orgs/" + top, {"parent_id": target}), 409, "org_cycle", "parent_id")
    assert admin.get("/v1/orgs/" + top).json()["parent_id"] == ROOT_ORG


def test_a_move_obeys_the_order_of_kinds(scene, admin):
    branch, other = scene.org()["org_id"], scene.org(kind="general_branch")["org_id"]
    for org in (other, scene.org()["org_id"]):
        refused(admin.patch("/v1/orgs/" + org, {"parent_id": branch}), 409, "org_kind_order", "parent_id")
    admin.patch("/v1/orgs/" + branch, {"parent_id": other}, 200)


def test_the_root_stays(scene, admin):
    committee = scene.org(kind="committee")["org_id"]
    refused(admin.patch("/v1/orgs/" + ROOT_ORG, {"parent_id": committee}), 409, "org_root_fixed", "parent_id")
    root = admin.get("/v1/orgs/" + ROOT_ORG).json()
    assert root["parent_id"] is None and root["depth"] == 0
    renamed = admin.patch("/v1/orgs/" + ROOT_ORG, {"short_name": "临时"}, 200).json()
    assert renamed["short_name"] == "临时"
    admin.patch("/v1/orgs/" + ROOT_ORG, {"short_name": root["short_name"]}, 200)


def test_moving_to_an_unknown_place(scene, admin):
    refused(admin.patch("/v1/orgs/" + scene.org()["org_id"], {"parent_id": new_id()}), 403, "outside_scope",
            "parent_id")


def test_staying_where_it_is_is_no_move(scene, admin):
    org = scene.org()
    assert admin.patch("/v1/orgs/" + org["org_id"], {"parent_id": ROOT_ORG}, 200).json()["parent_id"] == ROOT_ORG


def test_two_moves_at_once_make_no_circle(scene, admin):
    for _ in range(5):
        one, two = (scene.org(kind="committee")["org_id"] for _ in range(2))
        codes = []

        def move(org, below):
            codes.append(admin.patch("/v1/orgs/" + org, {"parent_id": below}).status_code)
        run_at_once([lambda: move(one, two), lambda: move(two, one)])
        assert sorted(codes) == [200, 409]


def test_what_is_made_during_a_move_moves_too(scene, accounts):
    """A child that is created below a branch while the branch moves must end up where the branch is."""
    here, there = (scene.org(kind="general_branch")["org_id"] for _ in range(2))
    branch = scene.org(here)["org_id"]
    made, stop = [], threading.Event()

    def move():
        for i in range(60):
            scene.admin.patch("/v1/orgs/" + branch, {"parent_id": (there, here)[i % 2]}, 200)
        stop.set()

    def create():
        while not stop.is_set():
            made.append(scene.org(branch, "group")["org_id"])
    run_at_once([move, create, create])
    try:
        scene.check_tree()
    finally:  # the other tests are not to stumble over it
        scene.server.sql("DELETE FROM org WHERE parent_id = :'branch';", branch=branch)
    assert made


def run_at_once(functions):
    errors = []

    def guarded(function):
        try:
            function()
        except BaseException as error:  # noqa: B902 (it is raised again below)
            errors.append(error)
    threads = [threading.Thread(target=guarded, args=(f,)) for f in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


# ── listing ──

def test_the_list_goes_from_the_root_down(admin):
    seen = []
    for org in admin.pages("/v1/orgs", limit=7):
        assert org["parent_id"] in [None, *seen]
        seen.append(org["org_id"])
    assert seen[0] == ROOT_ORG and len(seen) == len(set(seen))


def test_filters_of_the_list(scene, admin):
    top = scene.org(kind="general_branch")["org_id"]
    branches = [scene.org(top)["org_id"] for _ in range(2)]
    group = scene.org(branches[0], "group")["org_id"]

    def ids(**params):
        return {o["org_id"] for o in admin.pages("/v1/orgs", limit=2, **params)}
    assert ids(below=top) == {top, *branches, group}
    assert ids(below=top, kind="branch") == set(branches)
    assert ids(below=group) == {group}
    assert ids(below=new_id()) == set()
    everything = ids()
    assert set.union(*(ids(kind=k) for k in KINDS)) == everything and {top, *branches, group} <= everything


def test_a_member_sees_what_they_belong_to(member):
    shown = {o["org_id"] for o in member.pages("/v1/orgs", limit=200)}
    assert {demo_id(n) for n in (10001, 10002, 10011, 10021, 10022)} <= shown
    assert not {demo_id(n) for n in (10003, 10004, 10012, 10014)} & shown
