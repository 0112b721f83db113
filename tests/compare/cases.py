"""What is compared: one check of ours beside one module of blackbox_exporter, with the same meaning.

`differs` has, by metric, why the two differ on purpose; a difference without an entry is a defect, and so is an entry
without a difference.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.compare.servers import Targets

SUCCESS = "probe_success"
EXPIRY = "probe_ssl_earliest_cert_expiry"
DURATION = "probe_duration_seconds"
STATUS = "probe_http_status_code"
REDIRECTS = "probe_http_redirects"
ADDRESS = "probe_ip_addr_hash"
SSL = "probe_http_ssl"
HTTP_VERSION = "probe_http_version"
LENGTH = "probe_http_uncompressed_body_length"
REGEX = "probe_failed_due_to_regex"

_BAD_CERTIFICATE = "ours tells of a certificate also when it is bad; theirs only after a good handshake"
_TWICE = "one more handshake, which verifies nothing, to tell of the bad certificate"
_LOOKED = "ours has seen the TLS session of the bad certificate"


@dataclass(frozen=True)
class Case:
    """One thing to probe, twice."""

    name: str
    ours: dict[str, Any]
    target: str
    theirs: dict[str, Any]
    differs: dict[str, str] = field(default_factory=dict)


def all_cases(t: Targets) -> Iterator[Case]:
    """Every case, by kind."""
    yield from _http(t)
    yield from _content(t)
    yield from _redirects(t)
    yield from _credentials(t)
    yield from _certificates(t)
    yield from _tcp(t)
    yield from _dns(t)
    yield from _grpc(t)
    yield from _beyond(t)


def _pair(t: Targets, name: str, path: str, ours: dict[str, Any], theirs: dict[str, Any], **differs: str) -> Case:
    url = path if "://" in path else f"http://127.0.0.1:{t.http}{path}"
    named = {f"probe_{metric}": why for metric, why in differs.items()}
    return Case(name, {"kind": "http", "url": url, **ours}, url, {"prober": "http", "http": theirs}, named)


def _http(t: Targets) -> Iterator[Case]:
    yield _pair(t, "http-plain", "/", {}, {})
    yield _pair(t, "http-404", "/missing", {}, {})
    yield _pair(t, "http-404-wanted", "/missing", {"expect": {"status": 404}}, {"valid_status_codes": [404]})
    yield _pair(t, "http-503", "/broken", {}, {})
    yield _pair(t, "http-429", "/full", {}, {})
    yield _pair(t, "http-head", "/", {"method": "HEAD"}, {"method": "HEAD"})
    yield _pair(t, "http-post", "/post", {"method": "POST", "body": "x=1"}, {"method": "POST", "body": "x=1"})
    yield _pair(t, "http-get-instead-of-post", "/post", {}, {})
    yield _pair(t, "http-large", "/files/large.txt", {}, {})
    limited = {"max_body": "64KiB"}
    yield _pair(
        t, "http-too-large", "/files/large.txt", limited, {"body_size_limit": "64KB"},
        failed_due_to_regex="a body over the limit is content that is not expected",
    )  # fmt: skip
    yield _pair(t, "http-file-with-date", "/files/small.txt", {}, {})
    packed = {"compression": "gzip", "headers": {"Accept-Encoding": "gzip"}}
    yield _pair(t, "http-gzip", "/packed/large.txt", {}, packed)
    yield _pair(t, "http-host", "/", {"headers": {"Host": "other.test"}}, {"headers": {"Host": "other.test"}})
    yield _pair(t, "http-refused", f"http://127.0.0.1:{t.nothing}/", {}, {})
    yield _pair(t, "http-silent", f"http://127.0.0.1:{t.silent}/", {}, {})
    yield _pair(t, "http-ipv4", "/", {"ip_family": 4}, {"preferred_ip_protocol": "ip4", "ip_protocol_fallback": False})


def _content(t: Targets) -> Iterator[Case]:
    def body(name: str, ours: dict[str, Any], **theirs: list[Any]) -> Case:
        return _pair(t, name, "/", {"expect": ours}, dict(theirs))

    yield body("body-found", {"body": {"matches": "healthy"}}, fail_if_body_not_matches_regexp=["healthy"])
    yield body("body-not-found", {"body": {"matches": "ill"}}, fail_if_body_not_matches_regexp=["ill"])
    yield body("body-unwanted", {"body": {"not_matches": "status"}}, fail_if_body_matches_regexp=["status"])
    wanted = [{"header": "X-Service", "regexp": "^shop$"}]
    yield body("header-found", {"header": {"X-Service": "^shop$"}}, fail_if_header_not_matches=wanted)
    other = [{"header": "X-Service", "regexp": "parking"}]
    yield body("header-other", {"header": {"X-Service": "parking"}}, fail_if_header_not_matches=other)
    missing = [{"header": "X-None", "regexp": "."}]
    yield body("header-missing", {"header": {"X-None": "."}}, fail_if_header_not_matches=missing)


def _redirects(t: Targets) -> Iterator[Case]:
    yield _pair(t, "redirect-once", "/one", {}, {})
    yield _pair(t, "redirect-thrice", "/three", {}, {})
    counted = "ours counts the redirects that it followed, theirs also the one that it did not follow"
    read = "ours reads the body of a redirect that it does not follow, since it is the answer"
    slower = "eleven requests in a row, each up to 0.3 ms dearer"
    yield _pair(t, "redirect-loop", "/loop", {}, {}, http_redirects=counted, duration_seconds=slower)
    stay = {"follow_redirects": False}
    differs = {"http_redirects": counted, "http_uncompressed_body_length": read}
    yield _pair(t, "redirect-not-followed", "/one", stay, stay, **differs)
    wanted = ({**stay, "expect": {"status": 301}}, {**stay, "valid_status_codes": [301]})
    yield _pair(t, "redirect-wanted", "/one", *wanted, **differs)
    trusted = {"ca_file": t.file("ca.pem")}
    yield _pair(t, "redirect-to-https", "/secure", {"tls": trusted}, {"tls_config": trusted})


def _credentials(t: Targets) -> Iterator[Case]:
    for name, file in {"basic": "password", "basic-wrong": "wrong"}.items():
        ours = {"basic": {"username": "prober", "password": {"file": t.file(file)}}}
        theirs = {"username": "prober", "password_file": t.file(file)}
        yield _pair(t, name, "/basic", {"auth": ours}, {"basic_auth": theirs})
    yield _pair(t, "basic-missing", "/basic", {}, {})
    file = t.file("token")
    yield _pair(t, "bearer", "/bearer", {"auth": {"bearer": {"file": file}}}, {"bearer_token_file": file})
    yield _pair(t, "bearer-missing", "/bearer", {}, {})


def _certificates(t: Targets) -> Iterator[Case]:
    trusted = {"ca_file": t.file("ca.pem")}

    def https(name: str, port: int, tls: dict[str, Any], bad: bool = False) -> Case:
        told = {EXPIRY: _BAD_CERTIFICATE, SSL: _LOOKED, DURATION: _TWICE} if bad else {}
        differs = {metric.removeprefix("probe_"): why for metric, why in told.items()}
        return _pair(t, name, f"https://127.0.0.1:{port}/", {"tls": tls}, {"tls_config": tls}, **differs)

    yield https("https", t.https, trusted)
    yield https("https-unknown-issuer", t.https, {}, bad=True)
    yield https("https-expired", t.expired, trusted, bad=True)
    yield https("https-wrong-name", t.named, trusted, bad=True)
    yield https("https-unverified", t.expired, {"insecure_skip_verify": True})
    yield https("https-server-name", t.named, trusted | {"server_name": "named.test"})
    client = {"cert_file": t.file("client.pem"), "key_file": t.file("client.key")}
    yield https("https-client-certificate", t.mutual, trusted | client)
    yield https("https-no-client-certificate", t.mutual, trusted)
    yield https("https-not-spoken", t.http, trusted)


def _tcp(t: Targets) -> Iterator[Case]:
    def tcp(name: str, port: int, ours: dict[str, Any], **theirs: Any) -> Case:
        address = f"127.0.0.1:{port}"
        return Case(name, {"kind": "tcp", "address": address, **ours}, address, {"prober": "tcp", "tcp": theirs})

    yield tcp("tcp", t.redis, {})
    yield tcp("tcp-refused", t.nothing, {})
    for name, answer in {"tcp-talk": "PONG", "tcp-other-talk": "NOAUTH"}.items():
        ours = {"steps": [{"send": "PING\r\n"}, {"expect": answer}]}
        yield tcp(name, t.redis, ours, query_response=[{"send": "PING\r"}, {"expect": answer}])
    tls = {"ca_file": t.redis_ca, "server_name": "redis.test"}
    yield tcp("tcp-tls", t.redis_tls, {"tls": tls}, tls=True, tls_config=tls)


def _dns(t: Targets) -> Iterator[Case]:
    def ask(name: str, asked: str, kind: str, ours: dict[str, Any], port: int = t.dns, **theirs: Any) -> Case:
        server = f"127.0.0.1:{port}"
        check = {"kind": "dns", "name": asked, "type": kind, "server": server, **ours}
        return Case(name, check, server, {"prober": "dns", "dns": {"query_name": asked, "query_type": kind, **theirs}})

    yield ask("dns-a", "a.test", "A", {})
    yield ask("dns-two-addresses", "b.test", "A", {})
    yield ask("dns-aaaa", "a.test", "AAAA", {})
    yield ask("dns-cname", "alias.test", "A", {})
    yield ask("dns-mx", "a.test", "MX", {})
    yield ask("dns-txt", "a.test", "TXT", {})
    yield ask("dns-nxdomain", "none.test", "A", {})
    yield ask("dns-nxdomain-wanted", "none.test", "A", {"expect": {"rcode": "NXDOMAIN"}}, valid_rcodes=["NXDOMAIN"])
    yield ask("dns-tcp", "a.test", "A", {"protocol": "tcp"}, transport_protocol="tcp")
    for name, pattern in {"dns-answer": r"10\.0\.0\.1", "dns-other-answer": r"10\.9\.9\.9"}.items():
        rrs = {"fail_if_not_matches_regexp": [pattern]}
        yield ask(name, "a.test", "A", {"expect": {"matches": pattern}}, validate_answer_rrs=rrs)
    yield ask("dns-refused", "a.test", "A", {}, port=t.nothing)
    absent = Case(**vars(ask("dns-no-such-record", "b.test", "TXT", {})))
    absent.differs[SUCCESS] = "a name without a record of that type is no success; theirs passes without an answer"
    yield absent


def _grpc(t: Targets) -> Iterator[Case]:
    for name, service in {"grpc": "", "grpc-not-serving": "shop.Ill", "grpc-unknown-service": "shop.None"}.items():
        address = f"127.0.0.1:{t.grpc}"
        ours = {"kind": "grpc", "address": address, "service": service}
        differs = {EXPIRY: "theirs says 0 where there is no TLS, ours nothing"}
        yield Case(name, ours, address, {"prober": "grpc", "grpc": {"service": service}}, differs)


def _beyond(t: Targets) -> Iterator[Case]:
    """Where blackbox_exporter has no prober: the nearest that it can do is to see the port open."""
    blind = "theirs can only see that the port is open; ours logs in"
    login = "one connection that is timed, and one login: theirs only connects"

    def beside_tcp(name: str, port: int, ours: dict[str, Any], **differs: str) -> Case:
        named = {f"probe_{metric}": why for metric, why in differs.items()}
        return Case(name, ours, f"127.0.0.1:{port}", {"prober": "tcp", "tcp": {}}, named)

    postgres = {"kind": "postgres", "host": "127.0.0.1", "port": t.postgres, "database": "postgres", "user": "prober"}
    good = {"password": {"file": t.file("pgpassword")}}
    yield beside_tcp("postgres", t.postgres, postgres | good, duration_seconds=login)
    wrong = {"password": {"file": t.file("wrong")}}
    yield beside_tcp("postgres-denied", t.postgres, postgres | wrong, success=blind, duration_seconds=login)
    yield beside_tcp("redis", t.redis, {"kind": "redis", "address": f"127.0.0.1:{t.redis}"})
