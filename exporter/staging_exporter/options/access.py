"""Who may use the HTTP interface: tokens with names and scopes, users, hosts. The key `api` of the configuration."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints

from staging_exporter.core.model import ProbeFailed
from staging_exporter.logs import event
from staging_exporter.net.context import ProbeContext
from staging_exporter.options.model import Listed, Model
from staging_exporter.options.secrets import Secret

log = logging.getLogger("exporter")


class Scope(StrEnum):
    """What a caller may do: `read` pages, metrics and API; `write` maintenance, deploys and reloads; `report` push
    reports; `probe` run checks on demand, programs included."""

    READ = "read"
    WRITE = "write"
    REPORT = "report"
    PROBE = "probe"


_Scope = Annotated[Scope, Field(strict=False)]  # a text in the file


class TokenOptions(Model):
    """A token, the name that log and answers give its bearer, and what it allows."""

    name: Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9._-]{0,62}$")]
    scopes: Annotated[Listed[_Scope], Field(min_length=1)]
    token: Secret


class Api(Model):
    """The HTTP interface."""

    token: Secret | None = Field(None, description="a token that allows everything; `tokens` have names and scopes")
    tokens: Listed[TokenOptions] = ()
    users: dict[str, Listed[_Scope]] = Field(
        default_factory=dict, description="scopes of users of --web.config.file; others may read"
    )
    anonymous_reads: bool = Field(True, description="false: pages, metrics and API require a token or a user")
    hosts: Listed[str] = Field((), description="names in the Host header that are answered; empty: any")

    @property
    def secrets(self) -> Mapping[str, TokenOptions]:
        """All tokens, by the key that holds them."""
        named = {f"api.tokens[{token.name}]": token for token in self.tokens}
        if self.token is None:
            return named
        return {"api.token": TokenOptions(name="token", scopes=tuple(Scope), token=self.token), **named}


@dataclass(frozen=True, slots=True)
class Token:
    """A token of the configuration; `value` is None while it cannot be read, and then it lets nobody in."""

    name: str
    scopes: frozenset[Scope]
    value: str | None


class TokenReader:
    """Reads the tokens for every request, so that a new one counts at once; logs what cannot be read, once."""

    def __init__(self) -> None:
        self._problems: dict[str, str] = {}

    async def read(self, api: Api, context: Callable[[], ProbeContext]) -> list[Token]:
        """All tokens; `context` makes one for each read."""
        return [await self._token(key, options, context()) for key, options in api.secrets.items()]

    async def _token(self, key: str, options: TokenOptions, context: ProbeContext) -> Token:
        value: str | None = None
        try:
            value = (await context.reveal(options.token)).strip()
        except ProbeFailed as error:
            if self._problems.get(key) != error.detail:
                event(log, f"cannot read {key}", logging.ERROR, error=error.detail)
            self._problems[key] = error.detail
        else:
            self._problems.pop(key, None)
        return Token(options.name, frozenset(options.scopes), value or None)
