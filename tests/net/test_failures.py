"""Errors in words for people."""

from __future__ import annotations

import asyncio
import errno

import pytest
from staging_exporter.core.model import ProbeFailed, Reason
from staging_exporter.net.failures import error_text


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "Connect call failed ('127.0.0.1', 1)"), "connection refused"),
        (FileNotFoundError(errno.ENOENT, "x", "/run/s"), "no such file or directory: /run/s"),
        (ProbeFailed(Reason.DNS, "a.test does not exist"), "a.test does not exist"),
        (asyncio.IncompleteReadError(b"", 4), "0 bytes read on a total of 4 expected bytes"),
        (EOFError(), "EOFError"),
    ],
)
def test_errors_are_put_into_words(error: BaseException, text: str) -> None:
    assert error_text(error).startswith(text)
