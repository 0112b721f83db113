"""blackbox_exporter: the modules of its file, and the targets of the probe jobs of a Prometheus configuration.

https://github.com/prometheus/blackbox_exporter/blob/master/CONFIGURATION.md
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from staging_exporter.drafts.files.drafting import Drafting, Found, headers, literal, variable
from staging_exporter.drafts.files.reading import Source, mapping, sequence, text

_DEFAULT_MODULE = "http_2xx"
_TLS = ("ca_file", "cert_file", "key_file", "server_name")
_UNNOTED = {"preferred_ip_protocol", "ip_protocol_fallback", "fail_if_not_ssl", "use_proxy_dns"}


def draft(sources: list[Source], drafting: Drafting) -> None:
    """Add a component for each target of each job whose `metrics_path` is /probe."""
    modules: dict[str, Any] = {}
    jobs: list[tuple[Mapping[str, Any], Mapping[str, Any]]] = []
    for document in (mapping(document) for source in sources for document in source.documents):
        modules |= mapping(document.get("modules"))
        jobs += [(mapping(job), mapping(document.get("global"))) for job in sequence(document.get("scrape_configs"))]
    used = set()
    for job, defaults in jobs:
        if text(job.get("metrics_path")).endswith("/probe"):
            used.add(_job(job, defaults, modules, drafting))
    for name in sorted(modules.keys() - used):
        drafting.leave_out(f"modules.{name}", "no probe job of the files given uses it")
    if not jobs:
        drafting.leave_out("scrape_configs", "none: give the Prometheus configuration as well, which has the targets")


def _job(job: Mapping[str, Any], defaults: Mapping[str, Any], modules: Mapping[str, Any], drafting: Drafting) -> str:
    """Add the targets of a job; returns the name of its module."""
    name = text(job.get("job_name"))
    at, params = f"scrape_configs.{name}", mapping(job.get("params"))
    module = str([*sequence(params.get("module")), _DEFAULT_MODULE][0])
    if module not in modules and module != _DEFAULT_MODULE:
        drafting.leave_out(f"{at}.params.module", f"{module} is in none of the files given")
        return module
    raw = mapping(modules.get(module, {"prober": "http"}))
    targets = [str(t) for group in sequence(job.get("static_configs")) for t in sequence(mapping(group).get("targets"))]
    targets += map(str, sequence(params.get("target")))
    for key in job:
        if key.endswith("_sd_configs"):
            drafting.leave_out(f"{at}.{key}", "targets that are discovered are not read")
    timing = {
        key: Found(own.get(theirs) or defaults.get(theirs), f"{at}.{theirs}" if theirs in own else f"global.{theirs}")
        for key, theirs, own in (("interval", "scrape_interval", job), ("timeout", "scrape_timeout", job))
        if own.get(theirs) or defaults.get(theirs)
    }
    if raw.get("timeout"):
        timing["timeout"] = Found(raw["timeout"], f"modules.{module}.timeout")
    for target in targets:
        translated = _Module(module, raw, drafting).check(target)
        if translated is not None:
            title = name if len(targets) == 1 else f"{name}-{target.partition('://')[2] or target}"
            check = Found(translated, f"{at}: target, modules.{module}")
            part = drafting.add(title, at, check, timing=timing)
            if part.check is None:
                drafting.draft.parts.pop(part.name)
    return module


class _Module:
    """One module; each of its keys is taken once, and what nobody took is noted."""

    def __init__(self, name: str, raw: Mapping[str, Any], drafting: Drafting) -> None:
        self._name, self._prober, self._drafting = name, text(raw.get("prober")), drafting
        self._at = f"modules.{name}.{self._prober}"
        self._left = dict(mapping(raw.get(self._prober)))

    def check(self, target: str) -> dict[str, Any] | None:
        """The check of a target, None for a prober that has no counterpart."""
        probers: dict[str, Callable[[str], dict[str, Any]]] = {
            "http": self._http,
            "tcp": self._tcp,
            "icmp": lambda host: {"kind": "icmp", "host": host},
            "dns": self._dns,
            "grpc": self._grpc,
        }
        if self._prober not in probers:
            self._drafting.leave_out(self._at, "there is no kind for this prober")
            return None
        check = probers[self._prober](literal(target))
        fallback, family = (
            self._left.pop("ip_protocol_fallback", "true"),
            self._left.pop("preferred_ip_protocol", "ip6"),
        )
        if fallback == "false" and self._prober in ("http", "tcp", "icmp"):
            check["ip_family"] = 4 if family == "ip4" else 6
        for key in self._left:
            if key not in _UNNOTED:
                self._drafting.leave_out(f"{self._at}.{key}", "has no counterpart here")
        return check

    def _http(self, target: str) -> dict[str, Any]:
        check: dict[str, Any] = {"kind": "http", "url": target if "://" in target else f"http://{target}"}
        take = self._left.pop
        if method := text(take("method", "")):
            check["method"] = method
        if foreign := mapping(take("headers", None)):
            check["headers"] = headers(foreign, self._name)
        if body := text(take("body", "")):
            check["body"] = literal(body)
        if take("no_follow_redirects", "") == "true" or take("follow_redirects", "") == "false":
            check["follow_redirects"] = False
        if proxy := text(take("proxy_url", "")):
            check["proxy"] = {"url": literal(proxy)}
        if expect := self._expect():
            check["expect"] = expect
        return check | self._auth() | self._tls(needed=False)

    def _expect(self) -> dict[str, Any]:
        take, expect = self._left.pop, dict[str, Any]()
        if statuses := sequence(take("valid_status_codes", None)):
            expect["status"] = [int(code) if str(code).isdecimal() else str(code) for code in statuses]
        body = {
            "not_matches": list(sequence(take("fail_if_body_matches_regexp", None))),
            "matches": list(sequence(take("fail_if_body_not_matches_regexp", None))),
        }
        if body := {key: patterns for key, patterns in body.items() if patterns}:
            expect["body"] = body
        header: dict[str, Any] = {}
        for theirs, ours in (("fail_if_header_matches", "not_matches"), ("fail_if_header_not_matches", "matches")):
            for spec in map(mapping, sequence(take(theirs, None))):
                header.setdefault(text(spec.get("header")), {})[ours] = text(spec.get("regexp"))
        return expect | ({"header": header} if header else {})

    def _auth(self) -> dict[str, Any]:
        take = self._left.pop
        basic, authorization = mapping(take("basic_auth", None)), mapping(take("authorization", None))
        bearer, file = take("bearer_token", None), take("bearer_token_file", None)
        if basic and not basic.get("password") and not basic.get("password_file"):
            self._drafting.leave_out(f"{self._at}.basic_auth", "it has no password, so its username may be a secret")
        elif basic:
            user = literal(text(basic.get("username")))
            return {"auth": {"basic": {"username": user, "password": {"env": variable(self._name, "password")}}}}
        if bearer or file or authorization:
            return {"auth": {"bearer": {"env": variable(self._name, "token")}}}
        return {}

    def _tls(self, *, needed: bool) -> dict[str, Any]:
        raw = mapping(self._left.pop("tls_config", None))
        options: dict[str, Any] = {key: literal(text(raw[key])) for key in _TLS if raw.get(key)}
        if raw.get("insecure_skip_verify") == "true":
            options["insecure_skip_verify"] = True
        if version := text(raw.get("min_version")):
            options["min_version"] = f"{version.removeprefix('TLS')[:1]}.{version[-1]}"
        return {"tls": options} if options or needed else {}

    def _tcp(self, target: str) -> dict[str, Any]:
        check: dict[str, Any] = {"kind": "tcp", "address": target}
        steps: list[dict[str, str]] = []
        for step in map(mapping, sequence(self._left.pop("query_response", None))):
            if "starttls" in step or "$" in text(step.get("send")):
                self._drafting.leave_out(f"{self._at}.query_response", "steps with starttls or groups; see `starttls`")
                steps = []
                break
            steps += [{"expect": text(step["expect"])}] if step.get("expect") else []
            steps += [{"send": f"{text(step['send'])}\n"}] if step.get("send") else []
        if steps:
            check["steps"] = steps
        return check | self._tls(needed=self._left.pop("tls", "") == "true")

    def _dns(self, target: str) -> dict[str, Any]:
        take = self._left.pop
        check: dict[str, Any] = {"kind": "dns", "name": literal(text(take("query_name", ""))), "server": target}
        check["type"] = text(take("query_type", "")) or "ANY"
        check["protocol"] = text(take("transport_protocol", "")) or "udp"
        if len(codes := sequence(take("valid_rcodes", None))) == 1:
            check["expect"] = {"rcode": codes[0]}
        return check

    def _grpc(self, target: str) -> dict[str, Any]:
        service = literal(text(self._left.pop("service", "")))
        tls = self._tls(needed=self._left.pop("tls", "") == "true")
        return {"kind": "grpc", "address": target, **({"service": service} if service else {}), **tls}
