"""A server of the tests' own: its own PostgreSQL cluster, its own ports, the real thing under seccomp."""
import contextlib
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import requests

ROOT = pathlib.Path(__file__).resolve().parents[3]
COMMAND = str(ROOT / "partystudy")

# What must never stand in a server's log, whatever the tests did to it.
FATAL = re.compile(r"FATAL|AddressSanitizer|runtime error:|restarting worker|sandbox violation|"
                   r"\"level\":\"error\"|worker \d+ \(pid")


def free_port():
    """Below the ports that the kernel gives to outgoing connections, or one of those takes it before the server does."""
    while True:
        port = random.SystemRandom().randrange(12000, 32000)
        with contextlib.closing(socket.socket()) as s, contextlib.suppress(OSError):
            s.bind(("127.0.0.1", port))
            return port


class Server:
    """`settings` are environment variables on top of the defaults of a test server."""

    def __init__(self, name="api", **settings):
        sanitized = os.environ.get("PARTYSTUDY_SANITIZE") == "1"
        self.var = tempfile.mkdtemp(prefix=f"partystudy-{name}-", dir="/tmp")
        os.chmod(self.var, 0o755)
        self.env = {
            **os.environ,
            "PARTYSTUDY_VAR": self.var,
            "PARTYSTUDY_HTTP_PORT": str(free_port()),
            "PARTYSTUDY_HTTPS_PORT": str(free_port()),
            "PARTYSTUDY_OPS_PORT": str(free_port()),
            "PARTYSTUDY_WORKERS": "2",
            "PARTYSTUDY_HASH_MEMORY_KIB": "8192",
            "PARTYSTUDY_HASH_PASSES": "1",
            "PARTYSTUDY_LOGIN_ATTEMPTS": "1000",
            "PARTYSTUDY_REQUEST_TIMEOUT_MS": "20000" if sanitized else "5000",
            **settings,
        }
        self.env.pop("DATABASE_URL", None)
        self.http = f"http://127.0.0.1:{self.env['PARTYSTUDY_HTTP_PORT']}"
        self.https = f"https://127.0.0.1:{self.env['PARTYSTUDY_HTTPS_PORT']}"
        self.ops = f"http://127.0.0.1:{self.env['PARTYSTUDY_OPS_PORT']}"
        self.log = pathlib.Path(self.var) / "server.log"
        self.process = None
        self.urls = {}

    def command(self, *args, check=True, **kw):
        done = subprocess.run([COMMAND, *args], env=self.env, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **kw)
        assert done.returncode == 0 or not check, f"{args}: exit {done.returncode}: {done.stdout[-2000:]}"
        return done

    def prepare(self):
        out = self.command("_prepare").stdout
        self.urls = dict(line.split("=", 1) for line in out.splitlines() if re.match(r"^[A-Z_]+=", line))
        return self

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([COMMAND, "_serve"], env=self.env, stdout=log, stderr=subprocess.STDOUT,
                                            stdin=subprocess.DEVNULL, start_new_session=True)
        self.wait_ready()
        return self

    def wait_ready(self, seconds=60):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            assert self.process.poll() is None, "the server ended: " + self.tail()
            with contextlib.suppress(requests.RequestException):
                if requests.get(self.ops + "/readyz", timeout=2).status_code == 200:
                    return
            time.sleep(0.1)
        raise AssertionError("the server did not get ready: " + self.tail())

    def stop(self, sig=signal.SIGTERM, seconds=30):
        """Its exit code."""
        if self.process.poll() is None:
            os.kill(self.process.pid, sig)
        code = self.process.wait(seconds)
        self.process = None
        return code

    def close(self):
        if self.process is not None:
            try:
                self.stop()
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
        self.command("_cluster-stop", check=False)
        shutil.rmtree(self.var, ignore_errors=True)

    def tail(self, lines=30):
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])

    def complaints(self, since=0):
        """Lines of the log from byte `since` on that no test may cause."""
        with open(self.log, "rb") as log:
            log.seek(since)
            text = log.read().decode(errors="replace")
        return [line for line in text.splitlines() if FATAL.search(line)]

    @property
    def password(self):
        return (pathlib.Path(self.var) / "demo-password").read_text().strip()

    def sql(self, text, **variables):
        """Rows of a query as lists of strings, run as the owner of the database."""
        args = ["psql", "-X", "-q", "-A", "-t", "-F", "\x1f", "-v", "ON_ERROR_STOP=1", self.urls["OWNER_URL"]]
        for name, value in variables.items():
            args += ["-v", f"{name}={value}"]
        done = subprocess.run(args, input=text, text=True, capture_output=True)
        assert done.returncode == 0, done.stderr
        return [line.split("\x1f") for line in done.stdout.splitlines()]

    def metrics(self):
        text = requests.get(self.ops + "/metrics", timeout=5).text
        found = {}
        for line in text.splitlines():
            if line and not line.startswith("#"):
                name, value = line.rsplit(" ", 1)
                found[name] = float(value)
        return found

    def worker_pids(self):
        """The processes of the workers, by their titles' number."""
        out = subprocess.run(["ps", "-eo", "pid,ppid,args"], text=True, capture_output=True, check=True).stdout
        parent = int((pathlib.Path(self.var) / "kore.pid").read_text())
        return [int(line.split()[0]) for line in out.splitlines()[1:] if int(line.split()[1]) == parent]
