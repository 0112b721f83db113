"""Uptime checks of Cloud Monitoring: what the team asks its services already, as components."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from staging_exporter.drafts.gcp.cloud_draft import CloudDraft
from staging_exporter.drafts.gcp.inventory import Resource
from staging_exporter.drafts.parts import Edge, Part, slug
from staging_exporter.evidence.google.answers import short_name

_PORTS = {"https": 443, "http": 80}


def add_uptime_checks(checks: Iterable[Resource], drafted: CloudDraft, by_host: Mapping[str, str]) -> None:
    """Add a component for each check by HTTP whose URL no other component asks; `by_host` are services."""
    asked = {str((part.check or {}).get("url", "")) for part in drafted.parts.values()}
    for one in checks:
        name = str(one.get("displayName") or short_name(one.get("name")))
        http, host = one.get("httpCheck"), one.get("monitoredResource", {}).get("labels", {}).get("host")
        if one.get("disabled") or http is None or not host:
            continue
        url = _url(http, str(host))
        if url in asked:
            continue
        if http.get("requestMethod", "GET") != "GET":
            drafted.notes.append(f"uptime check {name}: it sends a body to {url}, which is not copied: add a check")
            continue
        part = drafted.add(Part(slug("uptime", name), "service", "P1", _check(url, http, one)))
        part.comments.append(f"uptime check {name}")
        if http.get("authInfo") or http.get("headers") or http.get("serviceAgentAuthentication"):
            part.comments.append("it sends credentials or headers, which are not copied: auth, headers")
        if target := _target(str(host), drafted, by_host):
            part.needs.append(Edge((target,), "monitoredResource: host"))


def _target(host: str, drafted: CloudDraft, by_host: Mapping[str, str]) -> str:
    """The component behind the host: its edge where it has one, else the service."""
    for name in (slug("edge", host), slug(by_host.get(host, "")) if host in by_host else ""):
        if name in drafted.parts:
            return name
    return ""


def _url(http: Resource, host: str) -> str:
    scheme = "https" if http.get("useSsl") else "http"
    port = http.get("port") or _PORTS[scheme]
    return f"{scheme}://{host}{'' if port == _PORTS[scheme] else f':{port}'}{http.get('path') or '/'}"


def _check(url: str, http: Resource, one: Resource) -> dict[str, Any]:
    check: dict[str, Any] = {"kind": "http", "url": url}
    expect: dict[str, Any] = {}
    if codes := [_code(code) for code in http.get("acceptedResponseStatusCodes") or ()]:
        expect["status"] = codes
    for matcher in one.get("contentMatchers") or ():
        expect |= _matcher(matcher)
    return {**check, "expect": expect} if expect else check


def _code(code: Resource) -> str | int:
    """`STATUS_CLASS_2XX` is `2xx`."""
    return int(code["statusValue"]) if "statusValue" in code else str(code.get("statusClass"))[-3:].lower()


def _matcher(matcher: Resource) -> dict[str, Any]:
    """An uptime check has one; one that cannot be said is left out."""
    text, how = str(matcher.get("content", "")), matcher.get("matcher", "CONTAINS_STRING")
    path = matcher.get("jsonPathMatcher") or {}
    match how:
        case "CONTAINS_STRING":
            return {"body": {"matches": _quoted(text)}}
        case "NOT_CONTAINS_STRING":
            return {"body": {"not_matches": _quoted(text)}}
        case "MATCHES_REGEX":
            return {"body": {"matches": text}}
        case "NOT_MATCHES_REGEX":
            return {"body": {"not_matches": text}}
        case "MATCHES_JSON_PATH" if path.get("jsonMatcher") == "REGEX_MATCH":
            return {"json": {str(path.get("jsonPath")): {"matches": text}}}
        case "MATCHES_JSON_PATH":
            return {"json": {str(path.get("jsonPath")): _value(text)}}
        case "NOT_MATCHES_JSON_PATH" if path.get("jsonMatcher") != "REGEX_MATCH":
            return {"json": {str(path.get("jsonPath")): {"ne": _value(text)}}}
    return {}


def _quoted(text: str) -> str:
    """RE2 that matches the text itself."""
    return "".join(f"\\{sign}" if sign in r"\.+*?()|[]{}^$" else sign for sign in text)


def _value(text: str) -> Any:
    """A number, a truth value or a quoted text as JSON has it; anything else is a text."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, str | int | float | bool) else text
