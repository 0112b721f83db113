"""The reasons of WebSocket close codes, as they are configured."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator

from staging_exporter.core.model import Reason
from staging_exporter.core.words import joined

_CLOSE_REASONS = {
    str(reason): reason
    for reason in (
        Reason.CLOSED,
        Reason.CONTENT,
        Reason.DENIED,
        Reason.RATE_LIMITED,
        Reason.SATURATED,
        Reason.SERVER_ERROR,
        Reason.STARTING,
        Reason.STATUS,
    )
}


def _close_reasons(value: object) -> object:
    """Close codes, which are text as all keys are, and names of reasons. Raises ValueError."""
    if not isinstance(value, dict):
        return value
    for code, reason in value.items():
        if not re.fullmatch(r"[1-4]\d{3}", str(code)):
            raise ValueError(f"{code!r} is not a close code; write one from 1000 to 4999")
        if reason not in _CLOSE_REASONS:
            raise ValueError(f"{reason!r} is not a reason to close; choose {joined(_CLOSE_REASONS, 'or')}")
    return {int(code): _CLOSE_REASONS[reason] for code, reason in value.items()}


CloseReasons = Annotated[dict[int, Reason], BeforeValidator(_close_reasons, json_schema_input_type=dict[str, str])]
