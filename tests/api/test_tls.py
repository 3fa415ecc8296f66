"""TLS: versions, ALPN, resumption at whichever worker, renewal of the certificate, and testssl.sh's opinion."""
import json
import os
import pathlib
import shutil
import socket
import ssl
import subprocess
import time

import pytest

from support.server import Server
from support.wire import JWKS, SECONDS, Wire, message, serves, tls_context

TLS12, TLS13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
VERSIONS = {"TLSv1.2": TLS12, "TLSv1.3": TLS13}


def only(version, **settings):
    return tls_context(minimum_version=version, maximum_version=version, **settings)


def by_worker(server):
    """{worker: replies sent}"""
    return {k: v for k, v in server.metrics().items() if k.startswith("partystudy_requests_by_worker_total")}


# ── the handshake ──

@pytest.mark.parametrize("name", VERSIONS)
def test_versions(server, name):
    with Wire(server, "https", context=only(VERSIONS[name])) as wire:
        assert wire.socket.version() == name
        assert wire.ask("GET", JWKS).status_code == 200


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1], ids=["1.0", "1.1"])
def test_old_versions_are_refused(server, version):
    context = only(version)
    context.set_ciphers("ALL:@SECLEVEL=0")  # or the client would not even try
    with pytest.raises(ssl.SSLError):
        Wire(server, "https", context=context)
    serves(server, "https")


@pytest.mark.parametrize("name", VERSIONS)
def test_alpn(server, name):
    for offered, chosen in ((["http/1.1"], "http/1.1"), (["h2", "http/1.1"], "http/1.1"), ([], None)):
        context = only(VERSIONS[name])
        if offered:
            context.set_alpn_protocols(offered)
        with Wire(server, "https", context=context) as wire:
            assert wire.socket.selected_alpn_protocol() == chosen
            assert wire.ask("GET", JWKS).status_code == 200
    for offered in (["h2"], ["h2", "spdy/3"], ["http/1.0"]):
        context = only(VERSIONS[name])
        context.set_alpn_protocols(offered)
        with pytest.raises(ssl.SSLError, match="(?i)no.application.protocol"):
            Wire(server, "https", context=context)
    serves(server, "https")


def test_curl_and_any_server_name(server):
    for name in ("localhost", "study.example.cn", "xn--fiq228c.cn"):
        out = subprocess.run(["curl", "-qsk", "--http2", "-w", "%{http_version} %{http_code}", "-o", "/dev/null",
                              "--resolve", f"{name}:{server.env['PARTYSTUDY_HTTPS_PORT']}:127.0.0.1",
                              f"https://{name}:{server.env['PARTYSTUDY_HTTPS_PORT']}{JWKS}"],
                             text=True, capture_output=True, timeout=SECONDS).stdout
        assert out == "1.1 200"


def test_the_certificate_is_for_this_machine(server):
    """The self-signed one can be trusted by who wants to: its names and addresses are right."""
    context = ssl.create_default_context(cafile=pathlib.Path(server.var) / "tls/cert.pem")
    for name in ("localhost", "127.0.0.1"):
        with socket.create_connection(("127.0.0.1", int(server.env["PARTYSTUDY_HTTPS_PORT"])), SECONDS) as raw:
            with context.wrap_socket(raw, server_hostname=name) as secret:
                secret.sendall(message("GET", JWKS))
                assert secret.recv(15) == b"HTTP/1.1 200 OK"


# ── resumption ──

@pytest.mark.parametrize("name", VERSIONS)
def test_resumption_at_every_worker(server, name):
    resumes_everywhere(server, VERSIONS[name])


def resumes_everywhere(server, version):
    """A ticket of one worker is good at the other."""
    context = only(version)
    before = by_worker(server)
    with Wire(server, "https", context=context) as wire:
        assert not wire.socket.session_reused
        assert wire.ask("GET", JWKS).status_code == 200  # TLS 1.3: the ticket comes with the first bytes
        session = wire.socket.session
    for _ in range(40):
        with Wire(server, "https", context=context, session=session) as wire:
            assert wire.socket.session_reused
            assert wire.ask("GET", JWKS).status_code == 200
            session = wire.socket.session
    after = by_worker(server)
    assert len(after) == 2 and all(after[w] > before[w] for w in after), "one worker had none of them"


def test_a_ticket_of_another_server_means_a_full_handshake(server, renewing):
    with Wire(renewing, "https") as wire:
        wire.ask("GET", JWKS)
        foreign = wire.socket.session
        context = wire.socket.context
    with Wire(server, "https", context=context, session=foreign) as wire:
        assert not wire.socket.session_reused
        assert wire.ask("GET", JWKS).status_code == 200


# ── both workers ──

@pytest.mark.parametrize("scheme", ["http", "https"])
def test_both_workers_share_the_connections(server, scheme):
    """Kore's accept lock would give all of them to one."""
    before = by_worker(server)
    crowd = [Wire(server, scheme) for _ in range(64)]
    for _ in range(4):
        for wire in crowd:
            assert wire.ask("GET", JWKS).status_code == 200
    for wire in crowd:
        wire.close()
    after = by_worker(server)
    shares = [after[w] - before.get(w, 0) for w in after]
    assert len(shares) == 2 and min(shares) >= 0.2 * sum(shares), shares


# ── renewal ──

@pytest.fixture(scope="module")
def renewing():
    server = Server("renewing")
    try:
        yield server.prepare().start()
        assert server.stop() == 0
    finally:
        server.close()


class Pair:
    """A new self-signed certificate; `kind` is what -newkey of openssl takes."""

    def __init__(self, folder, name, kind=("ec", "-pkeyopt", "ec_paramgen_curve:P-256")):
        self.cert, self.key = folder / f"{name}.pem", folder / f"{name}.key"
        subprocess.run(["openssl", "req", "-x509", "-newkey", *kind, "-noenc", "-days", "2", "-subj", f"/CN={name}",
                        "-keyout", self.key, "-out", self.cert], check=True, capture_output=True)
        self.der = ssl.PEM_cert_to_DER_cert(self.cert.read_text())

    def install(self, server, cert=True, key=True):
        """As a renewal tool does: each file is replaced as a whole, with the old one's owner and mode."""
        for wanted, source, target in ((cert, self.cert, "cert.pem"), (key, self.key, "key.pem")):
            target = pathlib.Path(server.var) / "tls" / target
            if wanted:
                fresh = target.with_suffix(".fresh")
                shutil.copyfile(source, fresh)
                shutil.copystat(target, fresh)
                os.chown(fresh, target.stat().st_uid, target.stat().st_gid)
                fresh.replace(target)


def shown(server):
    """The certificates that some new connections see: enough of them to meet both workers."""
    found = set()
    for _ in range(16):
        with Wire(server, "https") as wire:
            found.add(wire.socket.getpeercert(binary_form=True))
    return found


def wait_shown(server, der, seconds=30):
    deadline = time.monotonic() + seconds
    while shown(server) != {der}:
        assert time.monotonic() < deadline, "the new certificate is not used"
        time.sleep(0.2)


def test_a_renewed_certificate(renewing, tmp_path):
    before = renewing.worker_pids()
    old = shown(renewing)
    kept = [Wire(renewing, "https") for _ in range(8)]
    for wire in kept:
        assert wire.ask("GET", JWKS).status_code == 200
    session, context = kept[0].socket.session, kept[0].socket.context
    for pair in (Pair(tmp_path, "second"), Pair(tmp_path, "third", ["rsa:2048"])):
        assert old != {pair.der}
        pair.install(renewing)
        wait_shown(renewing, pair.der)
        for wire in kept:
            assert wire.ask("GET", JWKS).status_code == 200, "a connection of before goes on"
        for version in VERSIONS.values():
            resumes_everywhere(renewing, version)  # also with a context that each worker has made for itself
    with Wire(renewing, "https", context=context, session=session) as wire:
        assert wire.ask("GET", JWKS).status_code == 200, "a session of before may be refused, not the client"
    for wire in kept:
        wire.close()
    assert renewing.worker_pids() == before
    # A certificate of another kind than the present key, for the moment between the two files, is said in the log.
    assert all("the certificate stays as it was" in c for c in renewing.complaints())


def test_a_pair_that_does_not_fit_changes_nothing(renewing, tmp_path):
    present = shown(renewing)
    good, bad = Pair(tmp_path, "good"), Pair(tmp_path, "bad")
    (tmp_path / "empty").write_text("")
    lame = Pair(tmp_path, "lame")
    lame.cert = tmp_path / "empty"
    for pair in (bad, lame):
        logged = renewing.log.stat().st_size
        pair.install(renewing, key=False)
        wait_logged(renewing, logged, "the certificate stays as it was", count=2)
        assert shown(renewing) == present
    good.install(renewing)
    wait_shown(renewing, good.der)
    logged = renewing.log.stat().st_size
    bad.install(renewing, cert=False)
    wait_logged(renewing, logged, "the certificate stays as it was", count=2)
    assert shown(renewing) == {good.der}
    (pathlib.Path(renewing.var) / "tls/cert.pem").unlink()
    time.sleep(2.5)
    assert shown(renewing) == {good.der}, "a file that is gone for a moment"
    shutil.copyfile(bad.cert, pathlib.Path(renewing.var) / "tls/cert.pem")
    wait_shown(renewing, bad.der)


def wait_logged(server, since, words, count, seconds=30):
    deadline = time.monotonic() + seconds
    while server.log.read_bytes()[since:].decode().count(words) < count:
        assert time.monotonic() < deadline, server.tail()
        time.sleep(0.1)


# ── testssl.sh ──

# Findings of severity MEDIUM and worse that stand, each with its reason.
ACCEPTED = {
    "cert_chain_of_trust": "the certificate is self-signed, made at the first run for this machine only",
    "cert_revocation": "nobody has signed it, so nobody could revoke it",
    "sessionresumption_ticket": "a warning only: its client may hang up before the ticket of TLS 1.3 has come; tested above",
    "engine_problem": "about the openssl that testssl.sh runs, not about the server",
}


def test_testssl_finds_nothing(server, tmp_path):
    """Protocols, ciphers, the server's preferences and defaults, headers, and all the known attacks."""
    found = tmp_path / "report.json"
    done = subprocess.run(["testssl", "--quiet", "--color", "0", "--warnings", "batch", "--nodns", "none",
                           "--jsonfile", found, "-p", "-s", "-P", "-S", "-h", "-U",
                           f"127.0.0.1:{server.env['PARTYSTUDY_HTTPS_PORT']}"],
                          text=True, capture_output=True, timeout=900, stdin=subprocess.DEVNULL)
    findings = json.loads(found.read_text())
    looked_at = {f["id"] for f in findings}
    assert {"TLS1_2", "TLS1_3", "cipherlist_STRONG", "cert_keySize", "HSTS_time", "heartbleed", "ROBOT", "RC4"} <= \
        looked_at, f"it has not looked at everything: {done.stdout[-2000:]}"
    bad = {f["id"]: f"{f['severity']}: {f['finding']}" for f in findings
           if f["severity"] not in ("OK", "INFO", "LOW", "DEBUG") and f["id"] not in ACCEPTED}
    assert not bad, bad
