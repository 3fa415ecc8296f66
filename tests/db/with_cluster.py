#!/usr/bin/python3
"""Runs a command with a PostgreSQL cluster of its own and removes the cluster afterwards.

    with_cluster.py [--schema FILE.sql] -- COMMAND [ARGUMENT…]

The command sees
    TEST_DATABASE_URL   a connection string: unix socket, superuser postgres
    TEST_DATABASE_TLS   the same server over TCP on loopback with TLS
    TEST_DATABASE_CTL   a shell command that takes `start`, `stop` or `restart`
initdb refuses to run as root; then everything of the cluster runs as the user postgres. Exits with
the command's status.
"""

import argparse
import glob
import os
import pwd
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile


def binaries():
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin"))
    if not found:
        sys.exit("with_cluster: no PostgreSQL server is installed")
    return found[-1]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Cluster:
    def __init__(self, root):
        self.root = root
        self.data = os.path.join(root, "data")
        self.bin = binaries()
        self.port = free_port()
        self.prefix = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        if self.prefix:
            user = pwd.getpwnam("postgres")
            os.chown(root, user.pw_uid, user.pw_gid)

    def run(self, *command):
        done = subprocess.run(
            [*self.prefix, *command], cwd=self.root, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            sys.exit(f"with_cluster: {' '.join(command)}\n{done.stdout}{done.stderr}")

    def control(self, action):
        stop = ["-m", "immediate"] if action != "start" else []
        return [
            f"{self.bin}/pg_ctl", "-D", self.data, "-l", f"{self.root}/server.log", "-w", "-s",
            *stop, action,
        ]

    def create(self):
        self.run(
            f"{self.bin}/initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "-E", "UTF8",
            "--locale=C", "--no-sync",
        )
        self.run(
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
            "-nodes", "-subj", "/CN=localhost", "-days", "2",
            "-keyout", f"{self.data}/server.key", "-out", f"{self.data}/server.crt",
        )
        with open(f"{self.data}/postgresql.conf", "a", encoding="utf-8") as conf:
            conf.write(
                f"port = {self.port}\nunix_socket_directories = '{self.root}'\n"
                "listen_addresses = '127.0.0.1'\nssl = on\nfsync = off\nmax_connections = 50\n"
            )

    def shell(self):
        script = os.path.join(self.root, "ctl")
        with open(script, "w", encoding="utf-8") as out:
            out.write('#!/bin/sh\ncase "$1" in\n')
            for action in ("start", "stop", "restart"):
                command = shlex.join([*self.prefix, *self.control(action)])
                out.write(f"{action}) cd {shlex.quote(self.root)} && exec {command} ;;\n")
            out.write("esac\nexit 2\n")
        os.chmod(script, 0o755)
        return script

    def environment(self):
        common = f"port={self.port} user=postgres dbname=postgres"
        return {
            **os.environ,
            "TEST_DATABASE_URL": f"host={self.root} {common}",
            "TEST_DATABASE_TLS": f"host=127.0.0.1 {common} sslmode=require",
            "TEST_DATABASE_CTL": self.shell(),
        }


def main():
    parser = argparse.ArgumentParser(description="Runs a command with a PostgreSQL of its own.")
    parser.add_argument("--schema", help="an SQL file to load first")
    parser.add_argument("command", nargs="+")
    arguments = parser.parse_args()

    # Kore sends SIGQUIT to its whole process group when it stops: the cluster must go all the same.
    for number in (signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP):
        signal.signal(number, lambda got, _: sys.exit(128 + got))
    root = tempfile.mkdtemp(prefix="pgtest-")
    cluster = Cluster(root)
    try:
        cluster.create()
        cluster.run(*cluster.control("start"))
        environment = cluster.environment()
        if arguments.schema:
            subprocess.run(
                [f"{cluster.bin}/psql", "-X", "-q", "-v", "ON_ERROR_STOP=1",
                 "-d", environment["TEST_DATABASE_URL"], "-f", arguments.schema],
                check=True,
            )
        return subprocess.run(arguments.command, env=environment, check=False).returncode
    finally:
        subprocess.run(
            [*cluster.prefix, *cluster.control("stop")], cwd=root, check=False,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        shutil.rmtree(root, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
