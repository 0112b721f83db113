"""What a login gave, kept for later runs until shortly before its token ends."""

from __future__ import annotations

import time
from collections.abc import Hashable, Mapping
from dataclasses import dataclass

from staging_exporter.net.context import ProbeContext
from staging_exporter.net.cookies import Cookies
from staging_exporter.net.tokens import token_end
from staging_exporter.options.templates import Value

_EARLY = 30.0  # seconds before its token ends when a login is made again
_EARLY_SHARE = 0.2  # of the life of a shorter token


@dataclass(frozen=True, slots=True)
class Login:
    """The values that a login captured, and its cookies; `made` and `ends` are Unix seconds."""

    values: Mapping[str, Value]
    cookies: Cookies
    made: float
    ends: float


def kept_login(context: ProbeContext, key: Hashable) -> Login | None:
    """The login of an earlier run, masked as if it were made now; None when it must be made again."""
    login: Login | None = context.cache.get(key)
    if login is not None:
        context.secrets.update(value.text for value in login.values.values() if value.secret)
        context.secrets.update(login.cookies.values())
    return login


def keep_login(
    context: ProbeContext, key: Hashable, values: Mapping[str, Value], cookies: Cookies, seconds: float | None
) -> Login | None:
    """Keep it for so many seconds, or until shortly before the first of its tokens ends; None when none says when."""
    now = time.time()
    ends = [end for value in values.values() if (end := token_end(value.text)) is not None]
    ends += [now + seconds] if seconds is not None else []
    if not ends or (left := min(ends) - now) <= 0:
        return None
    login = Login(dict(values), cookies.copy(), now, min(ends))
    early = 0.0 if seconds is not None and min(ends) == ends[-1] else min(_EARLY, left * _EARLY_SHARE)
    context.cache.put(key, login, time.monotonic() + left - early)
    return login
