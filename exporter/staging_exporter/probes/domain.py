"""Kind `domain`: does a name, and which of its siblings, reach the right service?"""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from staging_exporter.core.facts import Fact
from staging_exporter.core.model import ProbeFailed, Reason, Trait
from staging_exporter.net.context import ProbeContext
from staging_exporter.net.exchange import Response
from staging_exporter.net.failures import error_text
from staging_exporter.net.http import HttpRequest, Transport, fetch
from staging_exporter.net.url import Url, parse_url
from staging_exporter.options.answers import Expected, Matchers, require_all, require_identity, require_status
from staging_exporter.options.check import Check
from staging_exporter.options.hostnames import HostName, siblings
from staging_exporter.options.jsonpath import find
from staging_exporter.options.model import Listed
from staging_exporter.options.next_commands import for_url
from staging_exporter.options.tls import Tls

_WAIT_AFTER_FAILURE = 1.0  # seconds that siblings have to answer after the name has failed
_WAIT_AFTER_PASS = 0.2  # and after it has passed


class Domain(Check):
    """Asks the name and its siblings at the same time; the name alone decides, the siblings add to the detail."""

    phase_names: ClassVar[tuple[str, ...]] = ("resolve", "connect", "tls", "processing", "transfer")

    traits: ClassVar[frozenset[Trait]] = frozenset({Trait.COMPARES_NAMES})

    kind: Literal["domain"]
    name: HostName
    siblings: Literal["auto", "none"] | Listed[HostName] = "auto"
    scheme: Literal["https", "http"] = "https"
    port: int | None = Field(None, ge=1, le=65535)
    url_path: str = Field("/", pattern="^/")
    tls: Tls | None = None
    expect: Expected = Expected()
    identity: Matchers = Matchers()

    @model_validator(mode="after")
    def _can_be_asked(self) -> Domain:
        self._url(self.name)
        return self

    def hosts(self) -> tuple[str, ...]:
        """The name and its siblings."""
        return (self.name, *self._siblings())

    def names(self) -> tuple[str, ...]:
        """The name alone: its siblings are other forms of it on purpose."""
        return (self.name,)

    def next_command(self, reason: Reason) -> str | None:
        """curl, or what shows the name or the certificate."""
        return for_url(self._url(self.name), reason)

    async def run(self, context: ProbeContext) -> None:
        """Ask all of them, judge the name. Raises ProbeFailed, OSError, ssl.SSLError."""
        context.facts[Fact.NAMES] = {}
        lookups = [asyncio.create_task(self._ask_sibling(context, name)) for name in self._siblings()]
        try:
            await self._reach_and_wait(context, lookups)
        finally:
            for lookup in lookups:
                lookup.cancel()
            await asyncio.gather(*lookups, return_exceptions=True)
        context.facts.pop(Fact.SIBLINGS, None)  # only where they reach what the name does not

    async def _reach_and_wait(self, context: ProbeContext, lookups: list[asyncio.Task[None]]) -> None:
        try:
            await self._reach(context, self.name, context)
        except (OSError, EOFError, ProbeFailed) as error:
            if lookups:
                await asyncio.wait(lookups, timeout=min(_WAIT_AFTER_FAILURE, context.remaining * 0.8))
            if isinstance(error, ProbeFailed) and error.reason == Reason.DNS:
                context.log(error.detail)
                raise ProbeFailed(Reason.DNS, f"{self.name} does not resolve") from None
            raise
        if lookups:
            await asyncio.wait(lookups, timeout=min(_WAIT_AFTER_PASS, context.remaining * 0.8))

    async def _ask_sibling(self, context: ProbeContext, name: str) -> None:
        """Ask a sibling; when it reaches the right service, a failure of the name says so."""
        try:
            who = await self._reach(context.for_another_request(context.remaining), name, context)
        except (OSError, EOFError, ProbeFailed):
            return
        context.facts.setdefault(Fact.SIBLINGS, {})[name] = who
        context.hint += f", its sibling {name} reaches {who}"

    async def _reach(self, context: ProbeContext, name: str, notes: ProbeContext) -> str:
        """The service that answers under this name; the facts of `notes` record what was seen, also when it fails."""
        seen: dict[str, Any] = {}
        notes.facts[Fact.NAMES][name] = seen
        try:
            response = await fetch(context, HttpRequest(self._url(name)), Transport(self.tls))
            seen["answers"] = who = self._who(response)
            self._judge(context, response)
        except (OSError, EOFError, ProbeFailed) as error:
            seen["error"] = error_text(error)
            raise
        finally:
            about = {"address": Fact.IP, "certificate": Fact.TLS_NAMES, "status": Fact.STATUS}
            seen.update({key: context.facts[fact] for key, fact in about.items() if fact in context.facts})
        return who

    def _judge(self, context: ProbeContext, response: Response) -> None:
        require_status(response, self.expect.status)
        if response.fault is not None:
            raise response.fault
        require_identity(context, response, self.identity, self.expect)
        require_all(response, self.expect, Reason.CONTENT)

    def _who(self, response: Response) -> str:
        """The name of the service in the response when `identity` has one, else the `server` header."""
        try:
            named = [node for path in self.identity.json_ for node in find(response.document, path)]
        except ValueError:
            named = []
        words = [node for node in named if isinstance(node, str)]
        return (words[0] if words else response.header("server") or f"status {response.status}")[:100]

    def _siblings(self) -> tuple[str, ...]:
        if self.siblings == "none":
            return ()
        return siblings(self.name) if self.siblings == "auto" else self.siblings

    def _url(self, name: str) -> Url:
        port = self.port or {"https": 443, "http": 80}[self.scheme]
        return parse_url(f"{self.scheme}://{name}:{port}{self.url_path}", ("http", "https"))
