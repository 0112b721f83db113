"""What is probed: nginx with a static answer over HTTP and TLS, or our own server where there is no nginx."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import trustme

from tests.bench.processes import Running, running
from tests.support.nginx import config
from tests.support.ports import free_port

_HTTP = """
  server {{
    listen 127.0.0.1:{http} backlog=4096;
    listen 127.0.0.1:{https} ssl backlog=4096;
    ssl_certificate {certificate};
    ssl_certificate_key {certificate};
    default_type application/json;
    location / {{ return 200 '{{"status": "ok", "service": "target"}}'; }}
  }}
"""


@dataclass(frozen=True)
class Targets:
    """URLs of the same static answer, the authority behind the second, and what serves them."""

    http: str
    https: str
    ca_file: Path
    server: str


@contextmanager
def static_targets(directory: Path) -> Iterator[Targets]:
    """A server that is fast enough to be no bottleneck."""
    authority = trustme.CA()
    certificate, ca_file = directory / "target.pem", directory / "ca.pem"
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(certificate)
    authority.cert_pem.write_to_path(ca_file)
    http, https = free_port(), free_port()
    with ExitStack() as stack:
        nginx = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
        if nginx:
            file = directory / "nginx.conf"
            servers = _HTTP.format(http=http, https=https, certificate=certificate)
            file.write_text(config(directory, servers, connections=4096))
            command = [nginx, "-e", "stderr", "-p", str(directory), "-c", str(file)]
            stack.enter_context(running(command, "", directory / "nginx.log"))
        else:
            for port, more in ((http, ()), (https, ("--certificate", str(certificate)))):
                stack.enter_context(running(_own(port, *more), "", directory / f"target-{port}.log"))
        server = "nginx" if nginx else "asyncio"
        yield Targets(f"http://127.0.0.1:{http}", f"https://127.0.0.1:{https}", ca_file, server)


@contextmanager
def slow_target(directory: Path, delay: float) -> Iterator[Running]:
    """Our own server, which answers after `delay` seconds and keeps the true times."""
    port = free_port()
    with running(_own(port, "--delay", str(delay)), f"http://127.0.0.1:{port}", directory / "slow.log") as server:
        yield server


def _own(port: int, *more: str) -> list[str]:
    return [sys.executable, "-m", "tests.bench.server", "--port", str(port), *more]
