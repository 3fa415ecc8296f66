"""Log-in, refresh, log-out and the password."""
import statistics
import threading
import time

from support.client import Client, field_codes, login


def fresh(server, username="member"):
    return login(server.http, username, server.password)


def test_login_gives_both_tokens(server):
    tokens = Client(server.http).post("/v1/auth/login", {"username": "member", "password": server.password}, 200).json()
    assert tokens["token_type"] == "Bearer" and tokens["expires_in"] == 900
    assert tokens["access_token"].count(".") == 2


def test_user_name_in_any_case(server):
    Client(server.http).post("/v1/auth/login", {"username": "MEMBER", "password": server.password}, 200)


def test_wrong_password_and_unknown_user_look_the_same(server):
    bodies = []
    for name in ("member", "nobody-there"):
        body = Client(server.http).post("/v1/auth/login", {"username": name, "password": "wrong password"}, 401).json()
        body.pop("request_id")
        bodies.append(body)
    assert bodies[0] == bodies[1] and bodies[0]["code"] == "login_failed"


def test_wrong_password_and_unknown_user_take_the_same_time(server):
    def median(name):
        times = []
        for _ in range(9):
            begin = time.perf_counter()
            Client(server.http).post("/v1/auth/login", {"username": name, "password": "wrong password"}, 401)
            times.append(time.perf_counter() - begin)
        return statistics.median(times)
    ratio = median("member") / median("nobody-there")
    assert 0.5 < ratio < 2, "one of the two skips the hash"


def test_every_bad_field_is_named(anyone):
    reply = anyone.post("/v1/auth/login", {"username": "", "pass": 1}, 422)
    assert field_codes(reply) == {"username": "too_short", "password": "required", "pass": "unknown"}


def test_refresh_rotates(server):
    client = fresh(server)
    tokens = client.post("/v1/auth/refresh", {"refresh_token": client.refresh_token}, 200, token=None).json()
    assert tokens["refresh_token"] != client.refresh_token
    client.token = tokens["access_token"]
    client.get("/v1/me")


def test_a_replayed_refresh_token_ends_the_family(server):
    client = fresh(server)
    second = client.post("/v1/auth/refresh", {"refresh_token": client.refresh_token}, 200).json()["refresh_token"]
    replay = client.post("/v1/auth/refresh", {"refresh_token": client.refresh_token}, 401)
    assert replay.json()["code"] == "refresh_token_invalid"
    client.post("/v1/auth/refresh", {"refresh_token": second}, 401)


def test_a_refresh_token_used_by_two_at_once_serves_one(server):
    client = fresh(server)
    codes = []

    def use():
        codes.append(Client(server.http).post("/v1/auth/refresh", {"refresh_token": client.refresh_token}).status_code)
    threads = [threading.Thread(target=use) for _ in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert sorted(codes) == [200] + [401] * 7


def test_logout_ends_the_session(server):
    client = fresh(server)
    client.post("/v1/auth/logout", expect=204)
    client.post("/v1/auth/refresh", {"refresh_token": client.refresh_token}, 401)


def test_refresh_refuses_what_is_no_refresh_token(anyone):
    for token in ("x", "rt_" + "0" * 32 + "_" + "A" * 43, "rt_" + "g" * 32 + "_" + "A" * 43):
        anyone.post("/v1/auth/refresh", {"refresh_token": token}, 401)


def test_password_change_ends_the_other_sessions(server, admin):
    server.command("user", "add", "changer", "--name", "改密人", "--org", admin.get("/v1/me").json()["org_id"],
                   input="first password 1\n")
    one, two = (login(server.http, "changer", "first password 1") for _ in range(2))
    wrong = one.post("/v1/auth/password", {"current_password": "no", "new_password": "second password 2"}, 403)
    assert field_codes(wrong) == {"current_password": "password_wrong"}
    weak = one.post("/v1/auth/password", {"current_password": "first password 1", "new_password": "a" * 12}, 422)
    assert field_codes(weak) == {"new_password": "password_too_weak"}
    one.post("/v1/auth/password", {"current_password": "first password 1", "new_password": "second password 2"}, 204)
    two.post("/v1/auth/refresh", {"refresh_token": two.refresh_token}, 401)
    one.post("/v1/auth/refresh", {"refresh_token": one.refresh_token}, 200)
    Client(server.http).post("/v1/auth/login", {"username": "changer", "password": "first password 1"}, 401)
    login(server.http, "changer", "second password 2")


def test_me_says_who_i_am(member):
    me = member.get("/v1/me").json()
    assert me["username"] == "member" and [r["role"] for r in me["roles"]] == ["member"]
