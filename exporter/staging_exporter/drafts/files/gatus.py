"""gatus: endpoints to components, conditions to what is expected.

https://github.com/TwiN/gatus#conditions
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from staging_exporter.drafts.files.drafting import Drafting, Found, headers, literal
from staging_exporter.drafts.files.reading import Source, mapping, sequence, text

_CONDITION = re.compile(r"(.+?)\s*(==|!=|<=|>=|<|>)\s*(.+)")
_OPERATORS = {"==": "eq", "!=": "ne", "<": "lt", "<=": "le", ">": "gt", ">=": "ge"}
_PORTS = {"https": 443, "tls": 443}


def draft(sources: list[Source], drafting: Drafting) -> None:
    """Add a component for each endpoint."""
    for source in sources:
        for document in map(mapping, source.documents):
            for number, endpoint in enumerate(sequence(document.get("endpoints"))):
                _endpoint(mapping(endpoint), f"endpoints[{number}]", drafting)
            for key in ("suites", "external-endpoints", "alerting", "maintenance", "remote"):
                if key in document:
                    drafting.leave_out(f"{source.name}: {key}", "is not translated")


def _endpoint(raw: Mapping[str, Any], at: str, drafting: Drafting) -> None:
    name, group = text(raw.get("name")), text(raw.get("group"))
    at = f"{at} ({name})"
    if text(raw.get("enabled")) == "false":
        drafting.leave_out(at, "is not enabled")
        return
    translated = _Endpoint(raw, at, drafting)
    check = translated.check()
    if check is None:
        drafting.leave_out(at, f"there is no kind for {text(raw.get('url')).partition(':')[0]}")
        return
    timing = {"interval": Found(raw["interval"], f"{at}.interval")} if raw.get("interval") else {}
    if timeout := mapping(raw.get("client")).get("timeout"):
        timing["timeout"] = Found(timeout, f"{at}.client.timeout")
    title = f"{group}-{name}" if group else name
    part = drafting.add(title, at, Found(check, f"{at}.url, conditions"), timing=timing)
    if part.check is None:
        drafting.draft.parts.pop(part.name)
        return
    if translated.expiry:
        address = translated.address()
        certificate = {"kind": "tls", "address": address, "degraded": {"expires_within": translated.expiry}}
        drafting.add(f"{title}-certificate", at, Found(certificate, f"{at}.conditions"), layer="infrastructure")


class _Endpoint:
    def __init__(self, raw: Mapping[str, Any], at: str, drafting: Drafting) -> None:
        self._raw, self._at, self._drafting = raw, at, drafting
        self._url = literal(text(raw.get("url")))
        self._client = mapping(raw.get("client"))
        self.expiry = ""

    def address(self) -> str:
        """Host and port of the URL."""
        parts = urlsplit(self._url)
        return f"{parts.hostname}:{parts.port or _PORTS.get(parts.scheme, 0)}"

    def check(self) -> dict[str, Any] | None:
        """The check, None for a kind of endpoint without a counterpart."""
        scheme, _, rest = self._url.partition("://")
        if self._raw.get("dns"):
            check = self._dns()
        elif scheme in ("http", "https"):
            check = self._http()
        elif scheme in ("ws", "wss"):
            check = {"kind": "websocket", "url": self._url}
        elif scheme in ("tcp", "tls", "icmp"):
            key, kind = ("host", "icmp") if scheme == "icmp" else ("address", scheme)
            check = {"kind": kind, key: rest.rstrip("/")}
        else:
            return None
        for condition in map(str, sequence(self._raw.get("conditions"))):
            self._condition(condition, check)
        return check

    def _http(self) -> dict[str, Any]:
        check: dict[str, Any] = {"kind": "http", "url": self._url}
        if self._raw.get("method"):
            check["method"] = self._raw["method"]
        if foreign := mapping(self._raw.get("headers")):
            check["headers"] = headers(foreign, text(self._raw.get("name")))
        if body := text(self._raw.get("body")):
            check["body"] = literal(body)
        if text(self._client.get("ignore-redirect")) == "true":
            check["follow_redirects"] = False
        if text(self._client.get("insecure")) == "true":
            check["tls"] = {"insecure_skip_verify": True}
        for key in self._client.keys() - {"timeout", "insecure", "ignore-redirect"}:
            self._drafting.leave_out(f"{self._at}.client.{key}", "is not translated")
        return check

    def _dns(self) -> dict[str, Any]:
        dns = mapping(self._raw.get("dns"))
        name, kind = text(dns.get("query-name")), text(dns.get("query-type")) or "A"
        return {"kind": "dns", "name": literal(name), "type": kind, "server": self._url}

    def _condition(self, condition: str, check: dict[str, Any]) -> None:
        """Add what a condition expects to the check, or note that it is left out."""
        match = _CONDITION.fullmatch(condition)
        left, operator, right = match.groups() if match else ("", "", "")
        web, expect = check["kind"] == "http", check.get("expect", {})
        if left == "[CONNECTED]" and (operator, right) == ("==", "true"):
            return
        if web and left == "[STATUS]" and (statuses := _statuses(operator, right)):
            expect["status"] = statuses
        elif web and left == "[RESPONSE_TIME]" and operator in ("<", "<=") and right.isdecimal():
            check["degraded"] = {"slower_than": f"{right}ms"}
        elif left == "[CERTIFICATE_EXPIRATION]" and operator in (">", ">=") and self._url.startswith(("https", "tls")):
            self.expiry = right
        elif left == "[DNS_RCODE]" and operator == "==" and check["kind"] == "dns":
            expect["rcode"] = right
        elif web and (wanted := _body(left, operator, right)):
            expect.setdefault("json", {}).update(wanted)
        else:
            self._drafting.leave_out(f"{self._at}.conditions", condition)
        if expect:
            check["expect"] = expect


def _statuses(operator: str, right: str) -> list[int | str]:
    """The statuses of a condition; empty when it is of another form."""
    if operator == "==":
        values = _any_of(right)
        return [int(value) for value in values] if all(value.isdecimal() for value in values) else []
    if operator in ("<", "<=") and right.isdecimal():
        return [f"100-{int(right) - (operator == '<')}"]
    return []


def _body(left: str, operator: str, right: str) -> dict[str, Any]:
    """The matcher on JSON of a condition on the body; empty when it is of another form."""
    exists = re.fullmatch(r"has\(\[BODY\](.+)\)", left)
    if exists and operator in ("==", "!=") and right in ("true", "false"):
        return {_json_path(exists[1]): {"exists": (right == "true") == (operator == "==")}}
    path = re.fullmatch(r"\[BODY\]([.\[][^()]*)", left)
    if not path or "pat(" in right or "len(" in right:
        return {}
    if operator == "==":
        values = [form for value in _any_of(right) for form in _forms(value)]
        return {_json_path(path[1]): values if len(values) > 1 else values[0]}
    number = _forms(right)[0]
    if operator == "!=" or isinstance(number, int | float):
        return {_json_path(path[1]): {_OPERATORS[operator]: number}}
    return {}


def _any_of(right: str) -> list[str]:
    match = re.fullmatch(r"any\((.*)\)", right)
    return [value.strip() for value in match[1].split(",")] if match else [right]


def _forms(value: str) -> list[Any]:
    """The values of JSON that gatus takes for this text, which has no types."""
    if re.fullmatch(r"-?\d{1,15}(\.\d+)?", value):
        return [float(value) if "." in value else int(value), value]
    return [value == "true", value] if value in ("true", "false") else [literal(value)]


def _json_path(path: str) -> str:
    """`.a.b-c[0]` as RFC 9535: names that are no identifiers in brackets."""
    parts = re.findall(r"\[\d+\]|[^.\[\]]+", path)
    plain = re.compile(r"[A-Za-z_]\w*")
    names = (part if part[0] == "[" else f".{part}" if plain.fullmatch(part) else f"['{part}']" for part in parts)
    return f"${''.join(names)}"
