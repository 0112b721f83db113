"""Where the exporter is reached: external URL, prefix of the routes, and guesses without them."""

from __future__ import annotations

import socket
from contextlib import closing

import pytest
from staging_exporter.net.address import HostPort
from staging_exporter.web.listening import bind_all
from staging_exporter.web.site import external_url, site

SITES: dict[str, tuple[str, str | None, str, str]] = {
    "nothing is configured": ("", None, "", ""),
    "a URL without a path has no prefix": ("https://e.com/", None, "https://e.com", ""),
    "the prefix is the path of the URL": ("https://e.com/a/b/", None, "https://e.com/a/b", "/a/b"),
    "the proxy removes the path": ("https://e.com/a", "/", "https://e.com/a", ""),
    "a prefix without slashes": ("", "a", "", "/a"),
    "a prefix with slashes at both ends": ("http://e.com", "/a/", "http://e.com", "/a"),
}


@pytest.mark.parametrize("name", SITES)
def test_url_and_prefix(name: str) -> None:
    external, prefix, url, routes = SITES[name]
    where = site(external, prefix)
    assert (where.external, where.prefix) == (url, routes)


@pytest.mark.parametrize(
    "bad", ["e.com", "/a", "ftp://e.com", "http://", "http://e.com/?a", '"http://e.com"', "http://e.com/a'b"]
)
def test_what_is_no_url_is_refused(bad: str) -> None:
    with pytest.raises(ValueError, match="URL"):
        site(bad)


def test_a_guess_has_the_name_of_the_machine_where_every_address_is_served() -> None:
    for address, host in ((HostPort("", 0), socket.gethostname()), (HostPort("127.0.0.1", 0), "127.0.0.1")):
        [listener, *others] = bind_all([address])
        with closing(listener):
            guess = external_url(site("", "/a"), listener, tls=True)
            assert guess == f"https://{host}:{listener.getsockname()[1]}/a"
        for other in others:
            other.close()
