"""A real nginx in front of a server on loopback."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.live import process, wait_for
from tests.support.ports import free_port

_CONFIG = """
daemon off;
{user}
worker_processes 1;
pid {directory}/nginx.pid;
error_log stderr crit;
events {{ worker_connections {connections}; }}
http {{
  access_log off;
  client_body_temp_path {directory}/body;
  proxy_temp_path {directory}/proxy;
  fastcgi_temp_path {directory}/fastcgi;
  uwsgi_temp_path {directory}/uwsgi;
  scgi_temp_path {directory}/scgi;
  {http}
}}
"""
_SERVER = """server {{
    listen 127.0.0.1:{port};
    {locations}
  }}"""


def config(directory: Path, http: str, connections: int = 64) -> str:
    """A configuration that writes below `directory` alone, with these lines in its `http` block."""
    user = "user root;" if os.geteuid() == 0 else ""
    return _CONFIG.format(directory=directory, user=user, connections=connections, http=http.strip())


@contextmanager
def nginx(directory: Path, locations: str) -> Iterator[int]:
    """The port of an nginx with these `location` blocks."""
    found = shutil.which("nginx", path="/usr/sbin:/usr/bin")
    assert found, "nginx is not installed; tests/install-system-packages installs it"
    directory.mkdir(exist_ok=True)
    port = free_port()
    file = directory / "nginx.conf"
    file.write_text(config(directory, _SERVER.format(port=port, locations=locations)))
    with process([found, "-c", str(file), "-p", str(directory), "-e", "stderr"], directory / "nginx.log"):
        wait_for(lambda: _listens(port), "nginx listens")
        yield port


def _listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0
