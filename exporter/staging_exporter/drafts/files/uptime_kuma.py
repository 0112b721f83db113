"""uptime-kuma: the monitors of a JSON export, which is the backup of 1.x or a list of monitors as its API has them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from staging_exporter.drafts.files.drafting import Drafting, Found, headers, literal, variable
from staging_exporter.drafts.files.reading import Source, mapping, sequence

_OFF = ("0", "false")
_ANY_STATUS = ["200-299"]  # the default


def draft(sources: list[Source], drafting: Drafting) -> None:
    """Add a component for each active monitor."""
    for document in (document for source in sources for document in source.documents):
        found = mapping(document)
        monitors = found.get("monitorList", found.get("monitors", document))
        listed = list(monitors.values()) if isinstance(monitors, Mapping) else sequence(monitors)
        for number, raw in enumerate(listed):
            monitor = {str(key): value for key, value in mapping(raw).items() if value not in ("null", "")}
            if monitor.get("type"):
                _monitor(monitor, f"monitorList[{number}] ({monitor.get('name', '')})", drafting)


def _monitor(raw: Mapping[str, Any], at: str, drafting: Drafting) -> None:
    if raw.get("active") in _OFF:
        drafting.leave_out(at, "is not active")
        return
    if raw.get("upsideDown", "0") not in _OFF:
        drafting.leave_out(at, "expects a failure (upsideDown)")
        return
    if raw["type"] == "group":
        drafting.leave_out(at, "a group is no component")
        return
    check = _check(raw, at, drafting)
    if check is None:
        drafting.leave_out(at, f"there is no kind for the type {raw['type']}")
        return
    timing = {}
    for ours, theirs in (("interval", "interval"), ("timeout", "timeout")):
        if seconds := raw.get(theirs):
            timing[ours] = Found(f"{seconds}s", f"{at}.{theirs}")
    if str(raw.get("maxretries", "")).isdecimal():
        timing["fall"] = Found(str(int(raw["maxretries"]) + 1), f"{at}.maxretries, and the first failure")
    part = drafting.add(str(raw.get("name", raw["type"])), at, Found(check, f"{at}.type {raw['type']}"), timing=timing)
    if part.check is None:
        drafting.draft.parts.pop(part.name)


def _check(raw: Mapping[str, Any], at: str, drafting: Drafting) -> dict[str, Any] | None:
    """The check of a monitor, None for a type without a counterpart."""
    host, port = literal(str(raw.get("hostname", ""))), raw.get("port", "")
    match raw["type"]:
        case "http" | "keyword" | "json-query":
            return _http(raw, at, drafting)
        case "port":
            return {"kind": "tcp", "address": f"{host}:{port}"}
        case "ping":
            return {"kind": "icmp", "host": host}
        case "websocket-upgrade":
            return {"kind": "websocket", "url": literal(str(raw.get("url", "")))}
        case "dns":
            server = str(raw.get("dns_resolve_server", "")).partition(",")[0]
            check = {"kind": "dns", "name": host, "type": raw.get("dns_resolve_type", "A")}
            return check | ({"server": server} if server else {})
    return None


def _http(raw: Mapping[str, Any], at: str, drafting: Drafting) -> dict[str, Any]:
    name = str(raw.get("name", ""))
    check: dict[str, Any] = {"kind": "http", "url": literal(str(raw.get("url", "")))}
    if raw.get("method", "GET") != "GET":
        check["method"] = raw["method"]
    if foreign := _headers(raw.get("headers")):
        check["headers"] = headers(foreign, name)
    if raw.get("body"):
        check["body"] = literal(str(raw["body"]))
    if raw.get("basic_auth_user"):
        user = literal(str(raw["basic_auth_user"]))
        check["auth"] = {"basic": {"username": user, "password": {"env": variable(name, "password")}}}
    if raw.get("maxredirects") == "0":
        check["follow_redirects"] = False
    if raw.get("ignoreTls", "0") not in _OFF:
        check["tls"] = {"insecure_skip_verify": True}
    expect: dict[str, Any] = {}
    statuses = [str(status) for status in sequence(raw.get("accepted_statuscodes"))]
    if statuses and statuses != _ANY_STATUS:
        expect["status"] = [int(status) if status.isdecimal() else status for status in statuses]
    if raw["type"] == "keyword" and raw.get("keyword"):
        key = "matches" if raw.get("invertKeyword", "0") in _OFF else "not_matches"
        expect["body"] = {key: re.sub(r"([^\w\s/-])", r"\\\1", str(raw["keyword"]))}
    if raw["type"] == "json-query":
        drafting.leave_out(f"{at}.jsonPath", "JSONata is not translated; see expect: {json: ...}")
    return check | ({"expect": expect} if expect else {})


def _headers(raw: Any) -> Mapping[str, Any]:
    """The headers, which are JSON in a text."""
    try:
        return mapping(json.loads(raw)) if isinstance(raw, str) else mapping(raw)
    except ValueError:
        return {}
