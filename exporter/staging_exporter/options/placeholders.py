"""Secrets inside of texts: `{{name}}` in a URL, a body or a message, and under `secrets` where the secret is kept."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any
from urllib.parse import quote, urlencode

from pydantic import Field

from staging_exporter.net.context import ProbeContext
from staging_exporter.net.url import Url
from staging_exporter.options.payload import PLACEHOLDER, Form, Json, reveal
from staging_exporter.options.secrets import AnySecret, Secret

_IN_URL = re.compile(r"%7B%7B([a-z][a-z0-9_]*)%7D%7D")  # as a URL has it once it is parsed
Placeholders = Annotated[
    dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")], Secret],
    Field(default_factory=dict, description="secrets of the placeholders `{{name}}`"),
]


def check_placeholders(secrets: Mapping[str, object], url: Url | None, *values: object) -> None:
    """Raises ValueError for a placeholder of the URL that has no secret, and for a secret that no placeholder uses.

    Elsewhere a text in braces is only a placeholder when there are `secrets`.
    """
    in_url = set(_IN_URL.findall(url.target)) if url else set()
    used = in_url | {name for text in _texts(values) for name in PLACEHOLDER.findall(text)}
    if missing := sorted((used if secrets else in_url) - set(secrets)):
        raise ValueError(f"{{{{{missing[0]}}}}} has no secret; write secrets: {{{missing[0]}: {{env: NAME}}}}")
    if unused := sorted(set(secrets) - used):
        raise ValueError(f"secrets: nothing contains {{{{{unused[0]}}}}}")


async def fill_url(context: ProbeContext, url: Url, secrets: Mapping[str, AnySecret]) -> Url:
    """The URL with its secrets, percent-encoded. Raises ProbeFailed (`probe_error`)."""
    target = url.target
    for name in dict.fromkeys(name for name in _IN_URL.findall(target) if name in secrets):
        value = quote(await context.reveal(secrets[name]), safe="")
        context.secrets.add(value)
        target = target.replace(f"%7B%7B{name}%7D%7D", value)
    return url._replace(target=target)


async def fill(context: ProbeContext, value: Any, secrets: Mapping[str, AnySecret]) -> str:
    """The text of a header, a body or a message with its secrets. Raises ProbeFailed (`probe_error`)."""
    if not isinstance(value, str | Json | Form):
        return await reveal(context, value)
    names = {name for text in _texts(value) for name in PLACEHOLDER.findall(text)} if secrets else set()
    values = {name: await context.reveal(secrets[name]) for name in sorted(names)}
    if isinstance(value, Json):
        return json.dumps(_filled(value.json_, values), separators=(",", ":"), default=str)
    if isinstance(value, Form):
        return urlencode(_filled(value.form, values))
    return str(_filled(value, values))


def _filled(value: Any, values: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return PLACEHOLDER.sub(lambda match: values.get(match[1], match[0]), value)
    if isinstance(value, Mapping):
        return {_filled(key, values): _filled(item, values) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_filled(item, values) for item in value]
    return value


def _texts(value: object) -> Iterator[str]:
    """All texts in it, at any depth."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Json):
        yield from _texts(value.json_)
    elif isinstance(value, Form):
        yield from _texts(value.form)
    elif isinstance(value, Mapping):
        yield from _texts([*value, *value.values()])
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)
