"""Errors of the operating system and of OpenSSL in words for people."""

from __future__ import annotations

import os
import ssl

from exporter.core.model import ProbeFailed


def error_text(error: BaseException) -> str:
    """What went wrong, without numbers and addresses: `connection refused`."""
    match error:
        case ProbeFailed():
            return error.detail
        case ssl.SSLCertVerificationError():
            return f"certificate refused: {error.verify_message}"
        case ssl.SSLError():
            return f"TLS failed: {error.reason or error}"
        case OSError() if error.errno is not None:
            return os.strerror(error.errno).lower() + (f": {error.filename}" if error.filename else "")
    return str(error) or type(error).__name__
