"""What every read and every path does, whatever it is about: pages, cursors, tags, HEAD, OPTIONS, 405.

The operations are taken from the specification; only the ids that paths need are given here.
"""
import re
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from support import spec
from support.client import field_codes, new_id
from support.scene import demo_id

PATHS = {"org_id": demo_id(10002), "member_id": demo_id(20005), "course_id": demo_id(30001),
         "chapter_id": demo_id(40101), "lesson_id": demo_id(50101)}
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]


def path_of(operation):
    return operation.path.format(**PATHS)


def is_list(operation):
    return {"limit", "cursor"} <= {p["name"] for p in operation.parameters}


READS = [o for o in spec.operations() if o.method == "GET"]
LISTS = [o for o in READS if is_list(o)]
by_id = pytest.mark.parametrize("operation", READS, ids=lambda o: o.id)
each_list = pytest.mark.parametrize("operation", LISTS, ids=lambda o: o.id)


@pytest.fixture
def reader(admin, member):
    """Who sees something in each list: the demo's `member` has studied, `admin` sees everyone."""
    return lambda operation: member if operation.id.startswith("me_") else admin


def keys_of(items):
    return [next(item[k] for k in ("member_id", "course_id", "org_id") if k in item) for item in items]


# ── pages ──

def test_there_are_lists():
    assert {o.id for o in LISTS} >= {"org_list", "member_list", "course_list", "me_progress_list", "member_progress",
                                     "course_progress"}


@each_list
@pytest.mark.parametrize("limit", [1, 2, 5])
def test_pages_put_together_are_the_whole(reader, operation, limit):
    client, path = reader(operation), path_of(operation)
    whole = client.pages(path, limit=200)
    assert len(keys_of(whole)) == len(set(keys_of(whole))) > 5
    page = client.get(path, params={"limit": limit}).json()
    assert len(page["items"]) == limit and page["next_cursor"] is not None
    assert client.pages(path, limit=limit) == whole


@each_list
def test_a_full_last_page_is_the_last(reader, operation):
    client, path = reader(operation), path_of(operation)
    count = len(client.pages(path, limit=200))
    reply = client.get(path, params={"limit": count}) if count <= 200 else None
    if reply is not None:
        assert len(reply.json()["items"]) == count and reply.json()["next_cursor"] is None
        assert "Link" not in reply.headers


@each_list
def test_fifty_where_no_limit_is_said(reader, operation):
    client, path = reader(operation), path_of(operation)
    assert client.get(path).json() == client.get(path, params={"limit": 50}).json()


@each_list
@pytest.mark.parametrize("limit, code", [("0", "too_small"), ("-1", "too_small"), ("201", "too_large"),
                                         ("abc", "type"), ("1.5", "type"), ("", "type"), ("1e2", "type"),
                                         ("99999999999999999999", None), ("0x10", "type"), ("+5", None), (" 5", None)])
def test_limits_out_of_bounds(reader, operation, limit, code):
    reply = reader(operation).get(path_of(operation), 422, params={"limit": limit})
    assert list(field_codes(reply)) == ["limit"] and code in (None, field_codes(reply)["limit"])


@each_list
def test_a_parameter_once_and_only_known_ones(reader, operation):
    client, path = reader(operation), path_of(operation)
    assert field_codes(client.get(path + "?limit=5&limit=6", 422)) == {"limit": "repeated"}
    assert field_codes(client.get(path + "?page=2", 422)) == {"page": "unknown"}


def links(reply):
    return re.findall(r'<([^>]*)>; rel="next"', reply.headers.get("Link", ""))


@each_list
def test_the_link_leads_to_the_next_page(reader, operation):
    client, path = reader(operation), path_of(operation)
    whole, found, url = client.pages(path, limit=200), [], path + "?limit=3"
    while url is not None:
        reply = client.get(url)
        found += reply.json()["items"]
        link = links(reply)
        assert len(link) == (reply.json()["next_cursor"] is not None), "Link and next_cursor disagree"
        url = link[0] if link else None
        if url is not None:
            query = parse_qs(urlsplit(url).query)
            assert query == {"limit": ["3"], "cursor": [reply.json()["next_cursor"]]}
    assert found == whole


def test_the_link_keeps_the_filters(scene, admin):
    org = scene.org()["org_id"]
    ids = [scene.member(org, name=f"甲 &乙+{i}%")["member_id"] for i in range(3)]
    reply, found = admin.get("/v1/members", params={"limit": 1, "name": "甲 &乙+", "org_id": org}), []
    while links(reply):
        query = parse_qs(urlsplit(links(reply)[0]).query)
        assert query["name"] == ["甲 &乙+"] and set(query) == {"limit", "name", "org_id", "cursor"}
        found += keys_of(reply.json()["items"])
        reply = admin.get(links(reply)[0])
    assert found + keys_of(reply.json()["items"]) == ids


# ── cursors ──

@each_list
def test_a_cursor_that_was_touched(reader, operation):
    client, path = reader(operation), path_of(operation)
    cursor = client.get(path, params={"limit": 1}).json()["next_cursor"]
    bad = [cursor[:-1], cursor + "A", cursor[1:], "x", "A" * 40, "A" * 1611, cursor + "=", cursor.swapcase()]
    bad += [cursor[:i] + ("A" if cursor[i] != "A" else "B") + cursor[i + 1:] for i in range(0, len(cursor) - 1, 5)]
    for text in bad:
        reply = client.get(path, 422, params={"limit": 1, "cursor": text})
        assert reply.json()["code"] == "cursor_invalid", f"{text}: {reply.text}"
    for text, code in (("", "too_short"), ("A" * 1612, "too_long")):
        assert field_codes(client.get(path, 422, params={"cursor": text})) == {"cursor": code}


def test_a_cursor_serves_its_own_list_only(reader):
    cursors = {o: reader(o).get(path_of(o), params={"limit": 1}).json()["next_cursor"] for o in LISTS}
    for operation in LISTS:
        for origin, cursor in cursors.items():
            status = 200 if origin is operation else 422
            reader(operation).get(path_of(operation), status, params={"limit": 1, "cursor": cursor})


def test_a_cursor_serves_its_own_filters_only(admin):
    def first(path, **params):
        return admin.get(path, params={"limit": 1, **params}).json()["next_cursor"]
    cursor = first("/v1/members", stage="full")
    admin.get("/v1/members", params={"limit": 9, "stage": "full", "cursor": cursor})  # another limit is no filter
    for other in ({}, {"stage": "applicant"}, {"stage": "full", "name": "李"}, {"name": "full"}):
        admin.get("/v1/members", 422, params={"limit": 1, "cursor": cursor, **other})
    progress = f"/v1/courses/{demo_id(30001)}/progress"
    cursor = first(progress)
    admin.get(progress, params={"limit": 1, "cursor": cursor})
    admin.get(f"/v1/courses/{demo_id(30002)}/progress", 422, params={"limit": 1, "cursor": cursor})


def test_a_cursor_whose_row_has_gone_goes_on_behind_it(scene, admin):
    org = scene.org()["org_id"]
    ids = [scene.member(org)["member_id"] for _ in range(3)]
    cursor = admin.get("/v1/members", params={"limit": 1, "org_id": org}).json()["next_cursor"]
    admin.patch("/v1/members/" + ids[0], {"org_id": demo_id(10001)}, 200)
    rest = admin.get("/v1/members", params={"limit": 9, "org_id": org, "cursor": cursor}).json()["items"]
    assert keys_of(rest) == ids[1:]


# ── entity tags ──

@by_id
def test_tags(reader, operation):
    client, path = reader(operation), path_of(operation)
    first = client.get(path)
    tag = first.headers["ETag"]
    assert re.fullmatch(r'"[^"]+"', tag), "a strong tag"
    assert client.get(path).headers["ETag"] == tag, "the same again"
    for given in (tag, "W/" + tag, "*", f'"other", {tag}', f'{tag}, "other"', f'"other",{tag},"third"'):
        reply = client.get(path, 304, headers={"If-None-Match": given})
        assert reply.content == b"" and reply.headers["ETag"] == tag
    for given in ('"other"', tag.strip('"'), tag[:-1] + 'x"', '"x' + tag[1:], ""):
        reply = client.get(path, 200, headers={"If-None-Match": given})
        assert reply.content == first.content
    assert "no-cache" in first.headers["Cache-Control"] or operation.public


@by_id
def test_a_problem_carries_no_tag(anyone, operation):
    if not operation.public:
        assert "ETag" not in anyone.get(path_of(operation), 401).headers


def test_the_tag_changes_with_what_is_read(scene, admin):
    org = scene.org()["org_id"]
    member = scene.member(org)["member_id"]
    reads = ["/v1/members/" + member, f"/v1/members?org_id={org}", f"/v1/orgs?below={org}", "/v1/orgs/" + org]
    before = {path: admin.get(path).headers["ETag"] for path in reads}
    admin.patch("/v1/members/" + member, {"name": "改名"}, 200)
    admin.patch("/v1/orgs/" + org, {"short_name": "改"}, 200)
    for path, tag in before.items():
        assert admin.get(path, 200, headers={"If-None-Match": tag}).headers["ETag"] != tag


def test_a_tag_stands_for_the_bytes_that_came_with_it(scene, admin):
    """The counts of an organisation and its name in a member change without a change of the record itself."""
    org = scene.org()["org_id"]
    before = admin.get("/v1/orgs/" + org)
    member = scene.member(org)["member_id"]
    after = admin.get("/v1/orgs/" + org, None, headers={"If-None-Match": before.headers["ETag"]})
    assert after.status_code == 200 and after.json()["members"] == before.json()["members"] + 1
    before = admin.get("/v1/members/" + member)
    admin.patch("/v1/orgs/" + org, {"name": before.json()["org_name"] + "新"}, 200)
    after = admin.get("/v1/members/" + member, None, headers={"If-None-Match": before.headers["ETag"]})
    assert after.status_code == 200 and after.json()["org_name"] == before.json()["org_name"] + "新"


def test_if_none_match_means_nothing_to_a_write(scene, admin):
    path = "/v1/orgs/" + scene.org()["org_id"]
    admin.patch(path, {"short_name": "改"}, 200, headers={"If-None-Match": "*"})


# ── HEAD ──

@by_id
def test_head_is_get_without_its_body(reader, operation):
    client, path = reader(operation), path_of(operation)
    get, head = client.get(path), client.request("HEAD", path, 200)
    assert head.content == b""
    varying = {"date", "x-request-id"}
    assert {k.lower(): v for k, v in head.headers.items() if k.lower() not in varying} == \
           {k.lower(): v for k, v in get.headers.items() if k.lower() not in varying}
    client.request("HEAD", path, 304, headers={"If-None-Match": get.headers["ETag"]})


@by_id
def test_head_is_refused_as_get_is(anyone, operation):
    reply = anyone.request("HEAD", path_of(operation), 200 if operation.public else 401)
    assert reply.content == b""


# ── OPTIONS and 405 ──

def shape(path):
    return re.sub(r"\{[^}]*\}", "{}", path)


def allowed(path):
    """The methods of all operations whose template has the shape of this one."""
    found = {o.method for o in spec.operations() if shape(o.path) == shape(path)}
    assert found
    return found | {"OPTIONS"} | ({"HEAD"} if "GET" in found else set())


def raw(server, method, path, **headers):
    """Past the client's check of the specification, which cannot know /batch from a {course_id}."""
    session = requests.Session()
    session.trust_env = False
    return session.request(method, server.http + path.format(**PATHS), headers=headers, timeout=10)


each_path = pytest.mark.parametrize("path", sorted({o.path for o in spec.operations()}))


@each_path
def test_options_names_the_methods(server, path):
    reply = raw(server, "OPTIONS", path)
    assert reply.status_code == 204 and reply.content == b""
    assert {m.strip() for m in reply.headers["Allow"].split(",")} == allowed(path)


@each_path
def test_methods_that_a_path_does_not_have(server, path):
    for method in set(METHODS) - allowed(path):
        reply = raw(server, method, path, **({} if method in ("GET", "HEAD", "DELETE") else {"Content-Length": "0"}))
        assert reply.status_code == 405, f"{method} {path}: {reply.status_code}"
        assert {m.strip() for m in reply.headers["Allow"].split(",")} == allowed(path)
        assert method == "HEAD" or reply.json()["code"] == "method_not_allowed"


@pytest.mark.parametrize("path", ["/", "/v1", "/v1/", "/v1/orgs/", "/v1//orgs", "/v1/nothing", "/V1/orgs", "/v1/orgs/"
                                  + demo_id(10001) + "/", "/v1/orgs/" + demo_id(10001) + "/members", "/docs/index.html"])
def test_paths_that_are_not_there(server, path):
    for method in ("GET", "HEAD", "OPTIONS", "DELETE"):
        reply = raw(server, method, path)
        assert reply.status_code == 404 and "Allow" not in reply.headers, f"{method} {path}"
    assert raw(server, "GET", path).json()["code"] == "not_found"


@pytest.mark.parametrize("operation", [o for o in spec.operations() if "{" in o.path and not o.public],
                         ids=lambda o: o.id)
def test_ids_in_paths_are_uuids(reader, operation):
    for name in re.findall(r"\{(\w+)\}", operation.path):
        for text in ("1", "x" * 36, PATHS[name] + "0", PATHS[name][:-1], "{" + PATHS[name] + "}"):
            path = operation.path.format(**{**PATHS, name: text})
            reply = reader(operation).request(operation.method, path, 422, **(
                {"json": {}} if operation.request_schema() or operation.method in ("PATCH", "PUT") else {}))
            assert field_codes(reply).get(name) == "format", reply.text


def test_an_id_in_capitals_is_the_same_id(scene, admin):
    member = scene.member(demo_id(10011))
    assert admin.get("/v1/members/" + member["member_id"].upper()).json() == member
    admin.get("/v1/members/" + new_id().upper(), 404)


# ── a patch of nothing ──

def test_a_patch_of_nothing_changes_nothing(scene, admin):
    org = scene.org()["org_id"]
    course = scene.course(org)
    base, chapter = "/v1/courses/" + course["course_id"], course["chapters"][0]
    things = ["/v1/orgs/" + org, "/v1/members/" + scene.member(org)["member_id"], base,
              f"{base}/chapters/{chapter['chapter_id']}", f"{base}/lessons/{chapter['lessons'][0]['lesson_id']}"]
    before = scene.checksum()
    for path in things:
        admin.patch(path, {}, 200)
    assert scene.checksum() == before
