"""
Access tokens that are not what they should be, through the API: each is refused with its status, its code and its
WWW-Authenticate. Good ones are made here with the server's own key, to show that nothing but the one fault is refused.
"""
import base64
import hashlib
import hmac
import json
import pathlib
import time
import uuid

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

from support import raw
from support.study import DEMO


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Mint:
    """Makes tokens with the server's signing key and any header and claims."""

    def __init__(self, server):
        file = sorted((pathlib.Path(server.var) / "keys").glob("*.pem"))[-1]
        self.kid = file.stem
        self.key = serialization.load_pem_private_key(file.read_bytes(), None)
        self.public_pem = self.key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)

    def claims(self, **changes):
        now = int(time.time())
        claims = {"iss": "partystudy", "aud": "partystudy", "sub": DEMO + "20005", "sid": str(uuid.uuid4()),
                  "jti": str(uuid.uuid4()), "token_use": "access", "iat": now, "nbf": now, "exp": now + 900,
                  "roles": ["member"], **changes}
        return {k: v for k, v in claims.items() if v is not ...}

    def header(self, **changes):
        header = {"alg": "ES256", "typ": "JWT", "kid": self.kid, **changes}
        return {k: v for k, v in header.items() if v is not ...}

    def signature(self, signed, key=None):
        r, s = utils.decode_dss_signature((key or self.key).sign(signed, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def token(self, header=None, claims=None, sign=None, **changes):
        """`header` and `claims` are objects or the bytes to send; `sign` gives the signature of the signed part."""
        header = self.header() if header is None else header
        claims = self.claims(**changes) if claims is None else claims
        parts = [b64(p if isinstance(p, bytes) else json.dumps(p).encode()) for p in (header, claims)]
        signed = ".".join(parts).encode()
        return signed.decode() + "." + b64((sign or self.signature)(signed))


@pytest.fixture(scope="module")
def mint(server):
    return Mint(server)


@pytest.fixture
def ask(server):
    """GET /v1/me with these header lines."""
    def get(*headers):
        return raw.send(server.http, "GET", "/v1/me", headers)
    return get


def refused(reply, code="token_invalid"):
    assert (reply.status_code, reply.code) == (401, code), reply.text
    challenge = reply.headers["WWW-Authenticate"]
    assert challenge.startswith("Bearer") and ('error="invalid_token"' in challenge) == (code != "token_missing")


# ── good ones, so that the bad ones are bad for one reason only ───────────────────────────────────

def test_a_token_made_with_the_servers_key_is_good(ask, mint, member):
    good = ask(raw.bearer(mint.token()))
    assert good.status_code == 200 and good.json()["username"] == "member"
    real = [json.loads(unb64(p)) for p in member.token.split(".")[:2]]
    assert real[0] == mint.header() and real[1].keys() == mint.claims().keys(), "what the server makes looks the same"
    assert real[1]["exp"] - real[1]["iat"] == 900 and real[1]["roles"] == ["member"]


@pytest.mark.parametrize("changes", [
    {"aud": ["somebody", "partystudy"]}, {"roles": []}, {"roles": ["member", "a_role_to_come"]}, {"more": {"x": 1}},
    {"exp": 253402300799}, {"jti": ...}], ids=str)
def test_what_may_vary(ask, mint, changes):
    assert ask(raw.bearer(mint.token(**changes))).status_code == 200


def test_leeway(ask, mint):
    now = int(time.time())
    assert ask(raw.bearer(mint.token(exp=now - 2))).status_code == 200
    assert ask(raw.bearer(mint.token(nbf=now + 20, iat=now + 20))).status_code == 200


# ── time ──────────────────────────────────────────────────────────────────────────────────────────

@pytest.mark.parametrize("ago", [7, 60, 86400, 10 ** 9])
def test_expired(ask, mint, ago):
    now = int(time.time())
    refused(ask(raw.bearer(mint.token(iat=now - ago - 900, nbf=now - ago - 900, exp=now - ago))), "token_expired")


def test_a_token_that_was_good_expires(ask, mint):
    """The memory of verified tokens must not keep it alive."""
    token = mint.token(exp=int(time.time()) - 3)
    assert ask(raw.bearer(token)).status_code == 200
    deadline = time.monotonic() + 10
    while ask(raw.bearer(token)).status_code == 200 and time.monotonic() < deadline:
        time.sleep(0.3)
    for _ in range(6):  # whichever worker
        refused(ask(raw.bearer(token)), "token_expired")


@pytest.mark.parametrize("claim", ["nbf", "iat"])
def test_not_yet_valid(ask, mint, claim):
    for later in (40, 3600, 10 ** 9):
        refused(ask(raw.bearer(mint.token(**{claim: int(time.time()) + later}))))


# ── claims ────────────────────────────────────────────────────────────────────────────────────────

@pytest.mark.parametrize("changes", [
    *({name: ...} for name in ("iss", "aud", "sub", "sid", "token_use", "iat", "nbf", "exp", "roles")),
    *({name: None} for name in ("iss", "aud", "sub", "sid", "token_use", "iat", "nbf", "exp", "roles")),
    {"aud": "somebody"}, {"aud": []}, {"aud": ["somebody"]}, {"aud": "partystudy "}, {"aud": "PARTYSTUDY"}, {"aud": {"partystudy": 1}},
    {"aud": "partystudy\0"}, {"iss": "https://evil.example"}, {"iss": "partystudy/"}, {"iss": ["partystudy"]},
    {"token_use": "refresh"}, {"token_use": "id"}, {"token_use": "Access"}, {"token_use": True},
    {"sub": "x"}, {"sub": ""}, {"sub": 7}, {"sub": DEMO + "20005 "}, {"sub": "' OR 1=1 --"}, {"sid": "x"}, {"sid": 0},
    {"exp": "9999999999"}, {"exp": 9999999999.5}, {"exp": -1}, {"exp": 2 ** 63 - 1}, {"exp": True}, {"exp": 253402300800},
    {"nbf": "0"}, {"nbf": -1}, {"iat": 1.5}, {"iat": -5},
    {"roles": "admin"}, {"roles": {"admin": True}}, {"roles": [1]}, {"roles": [["admin"]]}, {"roles": 63}], ids=str)
def test_claims(ask, mint, changes):
    refused(ask(raw.bearer(mint.token(**changes))))


@pytest.mark.parametrize("claims", [b"", b"{}", b"[]", b"null", b"7", b'"x"', b"{", b"\xff\xfe", b"{" * 700, b'{"sub": 1e999}',
                                    b"[" * 200 + b"]" * 200], ids=str)
def test_claims_that_are_none(ask, mint, claims):
    refused(ask(raw.bearer(mint.token(claims=claims))))


def test_claims_given_twice(ask, mint):
    text = json.dumps(mint.claims())
    for twice in ('"sub": "%s20001"' % DEMO, '"roles": ["admin"]', '"exp": 9999999999', '"token_use": "access"', '"su\\u0062": "x"'):
        for claims in (text[:-1] + ", " + twice + "}", "{" + twice + ", " + text[1:]):
            refused(ask(raw.bearer(mint.token(claims=claims.encode()))))


def test_a_role_in_the_token_is_not_enough(server, mint):
    """The gate lets it pass; every statement asks for itself what the caller holds."""
    token = mint.token(roles=["admin", "organizer", "auditor"])
    reply = raw.send(server.http, "GET", "/v1/members", [raw.bearer(token)])
    assert (reply.status_code, reply.json()["items"]) == (200, [])
    assert raw.send(server.http, "GET", f"/v1/members/{DEMO}20001", [raw.bearer(token)]).status_code == 404


def test_a_member_who_does_not_exist(ask, mint):
    assert ask(raw.bearer(mint.token(sub=str(uuid.uuid4())))).status_code == 404


# ── header, key and signature ─────────────────────────────────────────────────────────────────────

def test_another_key_under_the_same_kid(ask, mint):
    other = ec.generate_private_key(ec.SECP256R1())
    refused(ask(raw.bearer(mint.token(sign=lambda signed: mint.signature(signed, other)))))


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE", "", None, "HS256", "RS256", "ES384", "es256", "ES256 ", "EdDSA", 256, ["ES256"]],
                         ids=str)
def test_another_algorithm(ask, mint, alg):
    """With the right signature, without one, and signed by what everybody knows: the public key as a secret."""
    header = mint.header(alg=alg)
    signs = [None, lambda s: b"", lambda s: b"\0" * 64,
             *(lambda s, k=k: hmac.new(k, s, hashlib.sha256).digest() for k in (mint.public_pem, mint.public_pem.strip(), b"", b"partystudy"))]
    for sign in signs:
        token = mint.token(header=header, sign=sign)
        refused(ask(raw.bearer(token)))
        refused(ask(raw.bearer(token.rstrip("."))))


def test_hmac_under_the_right_algorithm(ask, mint):
    for secret in (mint.public_pem, b""):
        refused(ask(raw.bearer(mint.token(sign=lambda s, k=secret: hmac.new(k, s, hashlib.sha256).digest()))))
        refused(ask(raw.bearer(mint.token(sign=lambda s, k=secret: hmac.new(k, s, hashlib.sha512).digest()))))


def test_rsa(ask, mint):
    key = rsa.generate_private_key(65537, 2048)
    for alg in ("RS256", "ES256"):
        refused(ask(raw.bearer(mint.token(header=mint.header(alg=alg),
                                          sign=lambda s: key.sign(s, padding.PKCS1v15(), hashes.SHA256())))))


@pytest.mark.parametrize("kid", [
    ..., None, "", "nonsense", 7, ["x"], {"x": 1}, "../keys/{kid}", "{kid}.pem", "./{kid}", "{kid}/", "/etc/passwd", "../../../../etc/passwd",
    "../tls/key", "{kid}\0", "{kid} ", "{KID}", "' OR 1=1 --", "x" * 64, "x" * 65, "x" * 500, "http://evil.example/key.pem",
    "{kid}%00", "file:///dev/null", "."], ids=str)
def test_kid(ask, mint, kid):
    if isinstance(kid, str):
        kid = kid.replace("{kid}", mint.kid).replace("{KID}", mint.kid[:-1] + ("0" if mint.kid[-1] != "0" else "1"))
    refused(ask(raw.bearer(mint.token(header=mint.header(kid=kid)))))


def test_headers_with_a_say_of_their_own(ask, mint):
    """jwk, jku, x5u, x5c: a key that the token brings along; crit: something to be understood."""
    own = ec.generate_private_key(ec.SECP256R1())
    numbers = own.public_key().public_numbers()
    jwk = {"kty": "EC", "crv": "P-256", "kid": mint.kid, "x": b64(numbers.x.to_bytes(32, "big")), "y": b64(numbers.y.to_bytes(32, "big"))}
    for more in ({"jwk": jwk}, {"jku": "http://127.0.0.1/jwks.json"}, {"x5u": "http://127.0.0.1/x"}, {"x5c": ["x"]}, {"crit": ["exp"]},
                 {"b64": False, "crit": ["b64"]}, {"cty": "JWT"}, {"zip": "DEF"}):
        refused(ask(raw.bearer(mint.token(header=mint.header(**more), sign=lambda s: mint.signature(s, own)))))
        refused(ask(raw.bearer(mint.token(header=mint.header(**more)))))
    for typ in (..., "at+jwt", "jwt", None, 1):
        refused(ask(raw.bearer(mint.token(header=mint.header(typ=typ)))))


def test_a_header_that_is_none_or_says_it_twice(ask, mint):
    text = json.dumps(mint.header())
    for header in (b"", b"{}", b"[]", b"null", b"{", b"\xff", text[:-1].encode() + b', "alg": "none"}', b'{"alg": "none", ' + text[1:].encode(),
                   b"[" * 180, text.encode() + b" " * 300):
        refused(ask(raw.bearer(mint.token(header=header))))


def test_signatures(ask, mint):
    good = mint.token()
    signed, signature = good.rsplit(".", 1)
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    bits = unb64(signature)
    wrong = [b"\0" * 64, b"\0", b"\xff" * 64, bits[:-1], bits + b"\0", bits[32:] + bits[:32], order.to_bytes(32, "big") * 2,
             b"\0" * 32 + bits[32:], bits[:32] + b"\0" * 32, (1).to_bytes(32, "big") * 2, b"\0" * 31 + b"\1" + order.to_bytes(32, "big"),
             mint.key.sign(signed.encode(), ec.ECDSA(hashes.SHA256()))]  # the last: DER instead of r ‖ s
    for bad in wrong:
        refused(ask(raw.bearer(signed + "." + b64(bad))))
    for at in (0, 40, 85):  # one bit
        flipped = bytearray(bits)
        flipped[at % 64] ^= 1
        refused(ask(raw.bearer(signed + "." + b64(bytes(flipped)))))
    for text in (signed, signed + ".", "." + signature, ".." + signature, signed.split(".")[0] + ".." + signature, good + ".x", good + ".",
                 good + "=", good + "==", good[:-1], "." + good, good.replace(".", "..", 1), good.replace(".", "%2e"), good + "A", good + ",",
                 good.replace("-", "+").replace("_", "/") + "+", "x", ".", "..", "...", "\"" + good + "\""):
        refused(ask(raw.bearer(text)))


def test_stray_bits_in_the_last_character(ask, mint):
    """64 bytes are 86 characters, the last of which has four bits to spare: only one spelling is the signature."""
    good = mint.token()
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    refused(ask(raw.bearer(good[:-1] + letters[letters.index(good[-1]) ^ 1])))


def test_claims_changed_after_signing(ask, mint):
    header, _, signature = mint.token().split(".")
    for claims in (mint.claims(roles=["admin"]), mint.claims(sub=DEMO + "20001")):
        refused(ask(raw.bearer(".".join((header, b64(json.dumps(claims).encode()), signature)))))


def test_a_token_cut_anywhere(ask, mint):
    token = mint.token()
    for length in range(1, len(token), 23):
        refused(ask(raw.bearer(token[:length])))


@pytest.mark.parametrize("size", [2049, 4000, 5500])
def test_too_large_a_token(ask, mint, size):
    refused(ask(raw.bearer(mint.token(padding="x" * size))))
    refused(ask(raw.bearer("x" * size)))


@pytest.mark.parametrize("size", [9000, 20_000, 100_000])
def test_a_huge_token_is_too_large_a_header(ask, size):
    reply = ask(raw.bearer("x" * size))
    assert (reply.status_code, reply.code) == (431, "headers_too_large"), reply.text


def test_a_refresh_token_is_no_access_token(ask, server, member):
    refused(ask(raw.bearer(member.refresh_token)))


# ── the Authorization header ──────────────────────────────────────────────────────────────────────

def test_the_scheme_in_any_case_and_with_spaces(ask, mint):
    token = mint.token()
    for value in ("Bearer " + token, "bearer " + token, "BEARER " + token, "bEaReR   " + token, "  Bearer " + token + "  ", "Bearer " + token + "\t"):
        assert ask(("Authorization", value)).status_code == 200, value
    assert ask(("authorization", "Bearer " + token)).status_code == 200


def test_no_bearer_token(ask, mint, server):
    refused(ask(), "token_missing")
    basic = base64.b64encode(f"member:{server.password}".encode()).decode()
    for value in ("Basic " + basic, "Bearer", "", " ", "Digest x", "Token " + mint.token(), mint.token(), "Bearer" + mint.token(),
                  "Bearer:" + mint.token(), "JWT " + mint.token(), "DPoP " + mint.token()):
        refused(ask(("Authorization", value)), "token_missing")


def test_more_in_the_header_than_a_token(ask, mint):
    token = mint.token()
    for value in (f"Bearer {token} x", f"Bearer {token}, Bearer {token}", f"Bearer {token},{token}", f"Bearer x {token}", f"Bearer Bearer {token}",
                  f'Bearer realm="x", token="{token}"'):
        refused(ask(("Authorization", value)))


def test_two_authorization_headers(ask, mint, server):
    """Which one is meant? Neither: 400 before anybody looks at them."""
    token = mint.token()
    for other in ("Bearer " + token, "Bearer x", "Basic eDp5", "Bearer " + mint.token(sub=DEMO + "20001")):
        for pair in (("Bearer " + token, other), (other, "Bearer " + token)):
            reply = ask(*(("Authorization", value) for value in pair))
            assert (reply.status_code, reply.code) == (400, "bad_request"), reply.text


def test_a_token_elsewhere_is_no_token(server, mint):
    token = mint.token()
    for headers in ([("Cookie", "access_token=" + token)], [("X-Access-Token", token)], [("Proxy-Authorization", "Bearer " + token)],
                    [("X-Authorization", "Bearer " + token)]):
        refused(raw.send(server.http, "GET", "/v1/me", headers), "token_missing")
    refused(raw.send(server.http, "GET", "/v1/me?access_token=" + token), "token_missing")


def test_a_bad_token_where_none_is_needed(server):
    """Public operations do not look at it."""
    for path in ("/.well-known/jwks.json", "/openapi.json"):
        assert raw.send(server.http, "GET", path, [raw.bearer("nonsense")]).status_code == 200


def test_a_bad_token_comes_before_everything_else(server, mint):
    """What the operation would say of the request is nobody's business who has not signed in."""
    for method, path, body in (("POST", "/v1/members", b"{"), ("PATCH", "/v1/orgs/x?foo=1", b""), ("GET", "/v1/members?limit=0", None),
                               ("PUT", "/v1/me/progress/x", b"\xff")):
        refused(raw.send(server.http, method, path, [raw.bearer(mint.token(aud="x"))], body))
        refused(raw.send(server.http, method, path, [], body), "token_missing")
