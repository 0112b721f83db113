"""Kind `dns`: a name has the expected records."""

from __future__ import annotations

import asyncio
from shlex import join
from typing import Annotated, ClassVar, Literal

import dns.message
import dns.rcode
from pydantic import AfterValidator, Field, model_validator

from staging_exporter.core.blackbox import BlackboxNames, Gauge, fact, number, present
from staging_exporter.core.facts import Fact
from staging_exporter.core.model import ProbeFailed, Reason, Trait
from staging_exporter.net.address import HostPort
from staging_exporter.net.context import ProbeContext
from staging_exporter.net.dnswire import (
    Protocol,
    ask,
    make_question,
    name_server,
    record_texts,
    record_type,
    response_code,
    section_facts,
)
from staging_exporter.net.tls import TlsSettings
from staging_exporter.options.check import Check
from staging_exporter.options.hostnames import siblings
from staging_exporter.options.model import Listed, Model
from staging_exporter.options.patterns import Pattern, search
from staging_exporter.options.tls import Tls

_SHARE = 0.8  # of the run: a silent resolver of the system must be noticed before the deadline of the run
_SIBLING_TIME = 1.0  # seconds for all siblings together
_RCODE_REASONS = {"SERVFAIL": Reason.SERVER_ERROR, "REFUSED": Reason.DENIED, "NOTAUTH": Reason.DENIED}


def _server(text: str) -> str:
    name_server(text, 53)
    return text


class DnsExpect(Model):
    """What the answer must contain."""

    answers: Listed[str] | None = Field(None, description="exactly these records, in any order")
    matches: Pattern | None = Field(None, description="pattern found in at least one record")
    min_answers: int = Field(1, ge=0, description="at least so many records")
    rcode: Annotated[str, AfterValidator(response_code)] = "NOERROR"


class Dns(Check):
    """Asks the configured name server, which is then the target, or else those of the system."""

    phase_names: ClassVar[tuple[str, ...]] = ("resolve", "connect", "tls", "query", "siblings")

    traits: ClassVar[frozenset[Trait]] = frozenset({Trait.COMPARES_NAMES})
    blackbox: ClassVar[BlackboxNames] = BlackboxNames(
        "probe_dns_duration_seconds",
        {"resolve": "resolve", "connect": "connect", "query": "request"},
        (
            Gauge("probe_dns_query_succeeded", "Whether there was an answer.", present(Fact.RCODE)),
            Gauge("probe_dns_answer_rrs", "Records in the answer section.", number(Fact.ANSWER_RRS)),
            Gauge("probe_dns_authority_rrs", "Records in the authority section.", number(Fact.AUTHORITY_RRS)),
            Gauge("probe_dns_additional_rrs", "Records in the additional section.", number(Fact.ADDITIONAL_RRS)),
            Gauge("probe_dns_serial", "The serial of the zone, of an answer of type SOA.", fact(Fact.SERIAL)),
        ),
    )

    kind: Literal["dns"]
    name: str
    type: Annotated[str, AfterValidator(record_type)] = "A"
    server: Annotated[str, AfterValidator(_server)] | None = None
    protocol: Protocol = "udp"
    tls: Tls = TlsSettings()
    expect: DnsExpect = DnsExpect()
    siblings: Literal["none", "auto"] = "none"

    @model_validator(mode="after")
    def _can_be_asked(self) -> Dns:
        make_question(self.name, self.type)
        return self

    def hosts(self) -> tuple[str, ...]:
        """The name server, when one is configured."""
        return (name_server(self.server, 53).host,) if self.server else ()

    def next_command(self, _reason: Reason) -> str | None:
        """dig, at the same name server."""
        if self.server is None:
            return join(["dig", self.name, self.type])
        server = name_server(self.server, 53)
        return join(["dig", f"@{server.host}", "-p", str(server.port), self.name, self.type])

    async def run(self, context: ProbeContext) -> None:
        """Ask and judge. Raises ProbeFailed, and for a configured server also OSError, EOFError, ssl.SSLError."""
        server, answer = await self._answer(context)
        rcode = dns.rcode.to_text(answer.rcode())
        records = record_texts(answer)
        context.facts.update({Fact.RCODE: rcode, "answers": records[:20], **section_facts(answer)})
        try:
            self._judge(rcode, records)
        except ProbeFailed as failure:
            found = await self._working_siblings(context, failure, server)
            raise ProbeFailed(failure.reason, failure.detail + found) from None

    async def _answer(self, context: ProbeContext) -> tuple[HostPort, dns.message.Message]:
        port = 853 if self.protocol == "tls" else 53
        if self.server:
            server = name_server(self.server, port)
            return server, await self._ask(context, server, self.name)
        found = await context.resolver.name_servers(context.remaining * _SHARE)
        servers = [HostPort(s.host, port if s.port == 53 else s.port) for s in found]
        failures = []
        for left, server in zip(range(len(servers), 0, -1), servers, strict=True):
            try:
                async with asyncio.timeout(context.remaining * _SHARE / left):
                    return server, await self._ask(context, server, self.name)
            except (OSError, EOFError, ProbeFailed) as error:
                failures.append(f"{server}: {str(error) or 'no answer'}")
        raise ProbeFailed(Reason.RESOLVER, f"no name server of this machine answers: {'; '.join(failures)}")

    async def _ask(self, context: ProbeContext, server: HostPort, name: str) -> dns.message.Message:
        return await ask(context, server, make_question(name, self.type), self.protocol, self.tls)

    def _judge(self, rcode: str, records: list[str]) -> None:
        wanted, missing = self.expect, f"{self.name} has no {self.type} record"
        if rcode != wanted.rcode:
            if rcode == "NXDOMAIN":
                raise ProbeFailed(Reason.DNS, f"{self.name} does not exist (NXDOMAIN)")
            reason = _RCODE_REASONS.get(rcode, Reason.STATUS) if self.server or rcode == "NOERROR" else Reason.RESOLVER
            raise ProbeFailed(reason, f"rcode {rcode} for {self.name}, expected {wanted.rcode}")
        if rcode != "NOERROR":
            return
        if not records and wanted.min_answers:
            raise ProbeFailed(Reason.DNS, missing)
        seen = f"{self.name} is {', '.join(records[:10]) or 'nothing'}"
        if len(records) < wanted.min_answers:
            raise ProbeFailed(Reason.CONTENT, f"{seen}, expected at least {wanted.min_answers} records")
        if wanted.answers is not None and set(map(_plain, records)) != set(map(_plain, wanted.answers)):
            raise ProbeFailed(Reason.CONTENT, f"{seen}, expected {', '.join(wanted.answers)}")
        if wanted.matches is not None and not any(search(wanted.matches, record) for record in records):
            raise ProbeFailed(Reason.CONTENT, f"{seen}, expected one to match {wanted.matches!r}")

    async def _working_siblings(self, context: ProbeContext, failure: ProbeFailed, server: HostPort) -> str:
        """The end of the detail: the siblings that resolve although this name does not."""
        if failure.reason != Reason.DNS or self.siblings == "none":
            return ""
        found = context.facts[Fact.SIBLINGS] = {}
        with context.phase("siblings"):
            await asyncio.gather(*(self._sibling(context, server, name, found) for name in siblings(self.name)))
        texts = [f"its sibling {name} is {', '.join(records)}" for name, records in sorted(found.items())]
        return "".join(f", {text}" for text in texts)

    async def _sibling(self, context: ProbeContext, server: HostPort, name: str, found: dict[str, list[str]]) -> None:
        other = context.for_another_request(min(_SIBLING_TIME, context.remaining * _SHARE))
        try:
            async with asyncio.timeout(other.timeout):
                records = record_texts(await self._ask(other, server, name))
        except (OSError, EOFError, ProbeFailed) as error:
            context.log(f"sibling {name}: {str(error) or 'no answer'}")
            return
        if records:
            found[name] = records[:5]


def _plain(record: str) -> str:
    return record.lower().rstrip(".")
