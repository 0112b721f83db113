"""A docker compose file: services to components, published ports to checks, `depends_on` to edges.

https://docs.docker.com/reference/compose-file/services/
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from staging_exporter.drafts.files.drafting import Drafting, Found, literal
from staging_exporter.drafts.files.images import DATA, POSTGRES, REDIS, image_name
from staging_exporter.drafts.files.reading import Source, mapping, sequence, text
from staging_exporter.drafts.parts import Edge, Part

_VARIABLE = re.compile(r"\$(?:(\$)|\{(\w+)(?:(:?[-?+])([^{}]*))?\}|(\w+))")
_URL = re.compile(r"https?://(?:localhost|127\.0\.0\.1|0\.0\.0\.0|\[::1?\]|[\w.-]+)(?::(\d+))?(/[^\s\"'|;&]*)?")
_HEALTH = {"interval": "interval", "timeout": "timeout", "retries": "fall"}


class _Port(NamedTuple):
    """A TCP port of the container, and where it is published."""

    target: str
    host: str
    published: str
    source: str


def draft(sources: list[Source], drafting: Drafting) -> None:
    """Add the services of the files; a later file replaces the keys of an earlier one."""
    services: dict[str, dict[str, Any]] = {}
    variables = {name: value for source in sources for name, value in source.variables.items()}
    for source in sources:
        for document in map(mapping, source.documents):
            drafting.environment = text(document.get("name")) or drafting.environment
            for name, service in mapping(document.get("services")).items():
                services.setdefault(str(name), {}).update(mapping(service))
            if "include" in document:
                drafting.leave_out(f"{source.name}: include", "give the included files as well")
    active = set(variables.get("COMPOSE_PROFILES", "").split(","))
    kept = {
        name: _Service(name, raw, drafting, variables)
        for name, raw in services.items()
        if _is_kept(name, raw, active, drafting)
    }
    parts = {name: service.part() for name, service in kept.items()}
    for name, service in kept.items():
        service.edges(parts[name], parts)


def _is_kept(name: str, raw: Mapping[str, Any], active: set[str], drafting: Drafting) -> bool:
    profiles = list(map(str, sequence(raw.get("profiles"))))
    if profiles and not active & {*profiles, "*"}:
        drafting.leave_out(f"services.{name}", f"runs only in the profiles {', '.join(profiles)}")
        return False
    if text(mapping(raw.get("deploy")).get("replicas")) == "0":
        drafting.leave_out(f"services.{name}", "deploy.replicas is 0")
        return False
    return True


class _Service:
    def __init__(self, name: str, raw: Mapping[str, Any], drafting: Drafting, variables: Mapping[str, str]) -> None:
        self._name, self._raw, self._drafting, self._variables = name, raw, drafting, variables
        self._at = f"services.{name}"
        self._image = image_name(text(raw.get("image")))
        self._health = mapping(raw.get("healthcheck"))
        self._environment = _environment(raw.get("environment"))

    def part(self) -> Part:
        """The component."""
        if "extends" in self._raw:
            self._drafting.leave_out(f"{self._at}.extends", "what it extends is not read")
        ports = list(self._ports())
        check = self._check(ports) if ports else None
        layer, why = ("application", f"{self._at}.build") if "build" in self._raw else ("service", "")
        if DATA.search(self._image):
            layer, why = "infrastructure", f"{self._at}.image"
        timing = {
            ours: Found(value, f"{self._at}.healthcheck.{theirs}")
            for theirs, ours in _HEALTH.items()
            if check and (value := self._of_health(theirs))
        }
        period = self._of_health("start_period") if check else None
        startup = Found(period, f"{self._at}.healthcheck.start_period") if period else None
        part = self._drafting.add(self._name, self._at, check, layer=layer, timing=timing, startup=startup)
        part.sources |= {"layer": why} if why else {}
        if not ports:
            part.comments.append("publishes no port, so its state is inferred from what depends on it")
        return part

    def _of_health(self, key: str) -> str | None:
        value = self._health.get(key)
        return None if value is None else resolved(str(value), self._variables)

    def edges(self, part: Part, parts: Mapping[str, Part]) -> None:
        """Add what the service depends on."""
        depends = self._raw.get("depends_on")
        wanted = {str(name): mapping(how) for name, how in mapping(depends).items()}
        wanted |= {str(name): {} for name in sequence(depends)}
        for name, how in wanted.items():
            condition, source = text(how.get("condition")), f"{self._at}.depends_on.{name}"
            if condition == "service_completed_successfully":
                self._drafting.leave_out(source, "a job that ends is no component")
            elif name in parts and not self._drafting.draft.reaches(parts[name].name, part.name):
                edge = Edge((parts[name].name,), f"{source}{f': {condition}' if condition else ''}")
                (part.optional if text(how.get("required")) == "false" else part.needs).append(edge)
            else:
                self._drafting.leave_out(source, "not a component of this draft, or it depends on this one")

    def _ports(self) -> Iterator[_Port]:
        for number, raw in enumerate(sequence(self._raw.get("ports"))):
            source = f"{self._at}.ports[{number}]"
            found = _port_of(raw, self._variables)
            if isinstance(found, str):
                self._drafting.leave_out(source, found)
            else:
                yield _Port(*found, source)

    def _check(self, ports: list[_Port]) -> Found | None:
        test, source = self._health.get("test"), f"{self._at}.healthcheck.test"
        words = " ".join(map(str, test)) if isinstance(test, list) else text(test)
        url = _URL.search(words)
        wanted = (url[1] or ("443" if url[0].startswith("https") else "80")) if url else ""
        port = next((each for each in ports if each.target == wanted), ports[0])
        for other in ports:
            if other is not port:
                self._drafting.leave_out(other.source, f"only port {port.published} of {self._name} is probed")
        address = f"{port.host}:{port.published}"
        if url and port.target == wanted and "$" not in url[0]:
            scheme = url[0].partition(":")[0]
            return Found({"kind": "http", "url": f"{scheme}://{address}{url[2] or '/'}"}, f"{source}, {port.source}")
        if POSTGRES.search(self._image) and port.target == "5432":
            return self._postgres(port)
        if REDIS.search(self._image) and port.target == "6379":
            check: dict[str, Any] = {"kind": "redis", "address": address}
            if "requirepass" in str(self._raw.get("command")) or "REDIS_PASSWORD" in self._environment:
                check["password"] = {"env": "REDIS_PASSWORD"}
            return Found(check, f"{port.source}, image")
        if words and words not in ("NONE", "CMD"):
            self._drafting.leave_out(source, "runs inside the container; the port is probed instead")
        return Found({"kind": "tcp", "address": address}, f"{port.source}; kind http with a path would see more")

    def _postgres(self, port: _Port) -> Found:
        user = resolved(self._environment.get("POSTGRES_USER", "postgres"), self._variables) or "postgres"
        database = resolved(self._environment.get("POSTGRES_DB", user), self._variables) or user
        check = {
            "kind": "postgres", "host": port.host, "port": int(port.published), "database": literal(database),
            "user": literal(user), "password": {"env": "POSTGRES_PASSWORD"}, "tls": {"mode": "disable"},
        }  # fmt: skip
        return Found(check, f"{port.source}, environment.POSTGRES_*; set the variable for the exporter")


def resolved(value: str, variables: Mapping[str, str]) -> str | None:
    """The text with its variables (`$NAME`, `${NAME:-default}`) replaced, None where one has no value."""
    missing = False

    def replaced(match: re.Match[str]) -> str:
        nonlocal missing
        if match[1]:
            return "$"
        found = variables.get(match[2] or match[5], match[4] if match[3] in (":-", "-") else None)
        missing = missing or found is None
        return found or (match[4] if match[3] == ":-" else "")

    result = _VARIABLE.sub(replaced, value)
    return None if missing else result


def _environment(raw: Any) -> dict[str, str]:
    pairs = (str(item).partition("=") for item in sequence(raw))
    return {name: value for name, _, value in pairs} | {str(name): str(value) for name, value in mapping(raw).items()}


def _port_of(raw: Any, variables: Mapping[str, str]) -> tuple[str, str, str] | str:
    return _long_port(raw, variables) if isinstance(raw, Mapping) else _short_port(str(raw), variables)


def _short_port(raw: str, variables: Mapping[str, str]) -> tuple[str, str, str] | str:
    """(target, host, published) of `[HOST:]PUBLISHED:TARGET[/PROTOCOL]`, or why it cannot be probed."""
    value = resolved(raw, variables)
    if value is None:
        return f"{raw} has a variable without a value here"
    ports, _, protocol = value.partition("/")
    before, _, target = ports.rpartition(":")
    host, _, published = before.rpartition(":")
    return _port(target, host, published, protocol)


def _long_port(raw: Mapping[str, Any], variables: Mapping[str, str]) -> tuple[str, str, str] | str:
    values = [resolved(str(raw.get(key, "")), variables) for key in ("target", "host_ip", "published", "protocol")]
    if None in values:
        return "it has a variable without a value here"
    target, host, published, protocol = map(str, values)
    return _port(target, host, published, protocol)


def _port(target: str, host: str, published: str, protocol: str) -> tuple[str, str, str] | str:
    if protocol not in ("", "tcp"):
        return f"{protocol} cannot be probed by a connection"
    if not published.isdecimal() or not target.isdecimal():
        return f"no single published port ({published or 'a random one'} for {target or 'nothing'})"
    return target, "127.0.0.1" if host.strip("[]") in ("", "0.0.0.0", "::", "::1") else host, published  # noqa: S104
