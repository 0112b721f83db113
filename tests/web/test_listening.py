"""Listen addresses: who reaches the exporter at them."""

from __future__ import annotations

import socket

import pytest
from staging_exporter.net.address import HostPort
from staging_exporter.web.listening import bind_all
from staging_exporter.web.site import url_of


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no IPv6")
def test_all_addresses_of_ipv6_also_serve_ipv4() -> None:
    listeners = bind_all([HostPort("::", 0)])
    try:
        port = listeners[0].getsockname()[1]
        for host in ("127.0.0.1", "::1"):
            socket.create_connection((host, port), timeout=5).close()
        assert url_of(listeners[0]).endswith(f":{port}/") or url_of(listeners[0]).endswith(f":{port}")
    finally:
        for listener in listeners:
            listener.close()
