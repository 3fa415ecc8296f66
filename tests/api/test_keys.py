"""
Rotating the signing key while requests run (docs/operating.md): nobody is signed out, nothing fails, portals that verify
offline go on. A server of its own, since removing a key ends the tokens of everyone.
"""
import base64
import json
import os
import pathlib
import re
import signal
import stat
import subprocess
import threading
import time

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

from support import raw
from support.client import Client, login
from support.server import ROOT, Server

SOON = 25  # seconds within which every worker has looked at the keys, and a new one signs (10 s after it came)


@pytest.fixture(scope="module")
def lonely():
    server = Server("keys")
    try:
        yield server.prepare().start()
        assert harmless(server) == []
        assert server.stop() == 0
    finally:
        server.close()


def keys_of(server):
    return pathlib.Path(server.var) / "keys"


def new_key(server):
    """As docs/operating.md says: make it, then let the server's user read it. Its kid."""
    build = os.environ.get("PARTYSTUDY_BUILD_DIR", str(ROOT / "build"))
    if os.environ.get("PARTYSTUDY_SANITIZE") == "1":
        build += "-asan"
    time.sleep(1.1)  # names are in seconds; the newest has to sort last
    out = subprocess.run([build + "/partystudy-secret", "new-key", str(keys_of(server))], check=True, text=True, capture_output=True)
    path = pathlib.Path(out.stdout.strip())
    readable(server, path)
    return path.stem


def readable(server, path):
    directory = keys_of(server).stat()
    os.chown(path, -1, directory.st_gid)
    os.chmod(path, 0o640 if directory.st_mode & stat.S_IRGRP else 0o600)


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def kid_of(token):
    return json.loads(unb64(token.split(".")[0]))["kid"]


class Portal:
    """Verifies offline. Looks at the keys again when it meets a kid that it does not know, as the API's description asks."""

    def __init__(self, server):
        self.server = server
        self.keys = {}

    def look(self):
        reply = raw.send(self.server.http, "GET", "/.well-known/jwks.json")
        assert reply.status_code == 200
        self.keys = {k["kid"]: k for k in reply.json()["keys"]}

    def verify(self, token):
        header, claims, signature = token.split(".")
        kid = kid_of(token)
        if kid not in self.keys:
            self.look()
        jwk = self.keys[kid]
        assert (jwk["kty"], jwk["crv"], jwk["alg"], jwk["use"]) == ("EC", "P-256", "ES256", "sig") and "d" not in jwk
        x, y = (int.from_bytes(unb64(jwk[c]), "big") for c in "xy")
        r, s = (int.from_bytes(unb64(signature)[i:i + 32], "big") for i in (0, 32))
        key = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
        key.verify(utils.encode_dss_signature(r, s), f"{header}.{claims}".encode(), ec.ECDSA(hashes.SHA256()))
        return json.loads(unb64(claims))


class Traffic(threading.Thread):
    """What goes on meanwhile: an old token in use, log-ins, and each new token used at once, on whichever worker."""

    def __init__(self, server, token=None):
        super().__init__(daemon=True)
        self.server, self.token = server, token
        self.portal = Portal(server)
        self.failures, self.kids, self.rounds, self.go_on = [], [], 0, True

    def me(self, token):
        return raw.send(self.server.http, "GET", "/v1/me", [raw.bearer(token)])

    def run(self):
        while self.go_on:
            try:
                self.round()
            except Exception as e:  # pylint: disable=broad-except
                self.failures.append(repr(e)[:300])
            self.rounds += 1

    def round(self):
        if self.token is not None and self.me(self.token).status_code != 200:
            self.failures.append("the old token was refused")
        fresh = login(self.server.http, "member", self.server.password).token
        self.kids.append(kid_of(fresh))
        for _ in range(3):
            reply = self.me(fresh)
            if reply.status_code != 200:
                self.failures.append(f"a token just given ({kid_of(fresh)}) was refused: {reply.status_code}")
        self.portal.verify(fresh)

    def finish(self):
        self.go_on = False
        self.join(30)
        assert self.rounds > 5
        assert not self.failures, (len(self.failures), self.failures[:5])


def until(what, seconds=SOON):
    """Waits until `what` holds ten times in a row, so that every worker has been asked."""
    deadline, row = time.monotonic() + seconds, 0
    while row < 10:
        assert time.monotonic() < deadline, "not within a few seconds"
        row = row + 1 if what() else 0
        if row == 0:
            time.sleep(0.2)


def published(server):
    return [k["kid"] for k in raw.send(server.http, "GET", "/.well-known/jwks.json").json()["keys"]]


def harmless(server):
    """Complaints, apart from what these tests do on purpose: bad key files, and a worker that is killed."""
    return [line for line in server.complaints()
            if not re.search(r"key file .*(passed over|stays)|key directory|restarting worker|worker \d+ \(pid", line)]


def test_rotation_without_anyone_noticing(lonely):
    old = login(lonely.http, "member", lonely.password)
    old_kid = kid_of(old.token)
    portal = Portal(lonely)
    assert portal.verify(old.token)["token_use"] == "access"
    assert published(lonely) == [old_kid]

    traffic = Traffic(lonely, old.token)
    traffic.start()
    time.sleep(0.5)
    kid = new_key(lonely)
    assert kid > old_kid
    until(lambda: kid_of(login(lonely.http, "member", lonely.password).token) == kid)
    assert set(traffic.kids) == {old_kid, kid}
    until(lambda: published(lonely) == [old_kid, kid])
    until(lambda: traffic.me(old.token).status_code == 200)
    new = login(lonely.http, "member", lonely.password)
    for token in (old.token, new.token):
        portal.verify(token)
    traffic.finish()

    # The old key goes: its tokens end, the sessions behind them do not.
    traffic = Traffic(lonely, new.token)
    traffic.start()
    (keys_of(lonely) / f"{old_kid}.pem").unlink()
    until(lambda: traffic.me(old.token).status_code == 401)
    assert traffic.me(old.token).code == "token_invalid"
    until(lambda: published(lonely) == [kid])
    with pytest.raises(KeyError):
        Portal(lonely).verify(old.token)
    refreshed = Client(lonely.http).post("/v1/auth/refresh", {"refresh_token": old.refresh_token}, 200).json()
    assert kid_of(refreshed["access_token"]) == kid
    traffic.finish()
    assert harmless(lonely) == []


def replace_worker(server):
    """One worker dies and is started anew."""
    before = set(server.worker_pids())
    os.kill(max(before), signal.SIGKILL)
    deadline = time.monotonic() + 10
    while len(set(server.worker_pids()) - before) == 0 or len(server.worker_pids()) < len(before):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    server.wait_ready()


def test_a_worker_that_is_started_anew_has_the_present_keys(lonely):
    """Not those that were there when the server was started: the first of them is gone."""
    replace_worker(lonely)
    kid = published(lonely)[-1]
    traffic = Traffic(lonely)
    traffic.start()
    time.sleep(3)
    traffic.finish()
    assert set(traffic.kids) == {kid}


def test_workers_that_look_at_different_times(lonely):
    """
    Of two workers one was started a second after the other, so they look at the keys a second apart (and so do several
    nodes). A token that the first of them signs with the new key must be good at the other one too.
    """
    time.sleep(1)
    replace_worker(lonely)
    time.sleep(2.5)
    traffic = [Traffic(lonely) for _ in range(3)]
    for t in traffic:
        t.start()
    kid = new_key(lonely)
    until(lambda: kid_of(login(lonely.http, "member", lonely.password).token) == kid, seconds=20)
    for t in traffic:
        t.finish()


def openssl_key(*options):
    return subprocess.run(["openssl", "genpkey", *options], check=True, text=True, capture_output=True).stdout


def test_a_key_file_that_is_none_changes_nothing(lonely):
    good = published(lonely)
    kid = good[-1]
    token = login(lonely.http, "member", lonely.password).token
    bad = ["", "nonsense", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "x" * 1_000_000,
           openssl_key("-algorithm", "ed25519"), openssl_key("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384")]
    files = [keys_of(lonely) / f"zzzz{n}.pem" for n in range(len(bad))] + [keys_of(lonely) / "zzzz no kid.pem"]
    for file, text in zip(files, bad + [(keys_of(lonely) / f"{kid}.pem").read_text()]):
        file.write_text(text)
        readable(lonely, file)
    time.sleep(2.5)
    for _ in range(8):
        assert kid_of(login(lonely.http, "member", lonely.password).token) == kid and published(lonely) == good
        assert raw.send(lonely.http, "GET", "/v1/me", [raw.bearer(token)]).status_code == 200
    for file in files:
        file.unlink()


def test_a_public_key_verifies_and_does_not_sign(lonely):
    """The key of another signer, say of the node that signs."""
    mine = published(lonely)[-1]
    key = ec.generate_private_key(ec.SECP256R1())
    file = keys_of(lonely) / "zz-other.pem"
    file.write_bytes(key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo))
    readable(lonely, file)
    until(lambda: "zz-other" in published(lonely))
    good = login(lonely.http, "member", lonely.password).token
    assert kid_of(good) == mine
    header = base64.urlsafe_b64encode(b'{"alg":"ES256","typ":"JWT","kid":"zz-other"}').rstrip(b"=").decode()
    signed = header + "." + good.split(".")[1]
    r, s = utils.decode_dss_signature(key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
    token = signed + "." + base64.urlsafe_b64encode(r.to_bytes(32, "big") + s.to_bytes(32, "big")).rstrip(b"=").decode()
    until(lambda: raw.send(lonely.http, "GET", "/v1/me", [raw.bearer(token)]).status_code == 200)
    file.unlink()
    until(lambda: raw.send(lonely.http, "GET", "/v1/me", [raw.bearer(token)]).status_code == 401)


def test_the_last_key_cannot_be_lost(lonely):
    """A directory without a key is a mistake: what was known stays."""
    kid = published(lonely)[-1]
    token = login(lonely.http, "member", lonely.password).token
    aside = pathlib.Path(lonely.var) / "keys-aside"
    keys_of(lonely).rename(aside)
    try:
        time.sleep(2.5)
        for _ in range(5):
            assert kid_of(login(lonely.http, "member", lonely.password).token) == kid
            assert raw.send(lonely.http, "GET", "/v1/me", [raw.bearer(token)]).status_code == 200
    finally:
        aside.rename(keys_of(lonely))
    with pytest.raises(InvalidSignature):
        portal = Portal(lonely)
        header, claims, signature = token.split(".")
        portal.verify(f"{header}.{claims}.{'A' * len(signature)}")
