"""Exceptions of sockets and TLS are classified here, and nowhere else: each becomes a Reason and a detail.

A protocol module raises ProbeFailed for the errors of its library; kinds leave all other exceptions to the prober.
"""

from __future__ import annotations

import errno
import os
import ssl
import traceback

from staging_exporter.core.durations import format_duration
from staging_exporter.core.facts import Fact
from staging_exporter.core.model import INCONCLUSIVE, ProbeFailed, Reason
from staging_exporter.net.context import ProbeContext

# OpenSSL's X509_V_ERR_*: x509_vfy.h
_CERTIFICATE_CODES = {9: Reason.TLS_EXPIRED, 10: Reason.TLS_EXPIRED, 62: Reason.TLS_NAME, 64: Reason.TLS_NAME}
_UNTRUSTED_CODES = frozenset({2, 18, 19, 20, 21, 24, 27})
_UNREACHABLE = frozenset({errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ENETDOWN})
_OUR_LIMITS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL})


_RESOLUTION_SHARE = 0.4  # of the timeout


def classify(error: BaseException, context: ProbeContext) -> tuple[Reason, str]:
    """The Reason and the detail of any exception that a run raised."""
    reason, detail = _not_ours(*_classify(error, context), context)
    return _of_helper(reason, context), ": ".join([*(helper.name for helper in context.helpers), detail]) + context.hint


def as_evidence(error: BaseException, context: ProbeContext) -> tuple[Reason, str]:
    """The same for a server that only holds evidence, such as a test report: it says nothing about the component.

    Leaves out the names of helpers: classify() adds them to the detail that is made of this one.
    """
    reason, detail = _classify(error, context)
    reason = _of_helper(reason, context)
    return reason if reason in INCONCLUSIVE else Reason.NO_EVIDENCE, detail


def _not_ours(reason: Reason, detail: str, context: ProbeContext) -> tuple[Reason, str]:
    """The reason of the target, unless our own credential had expired or name resolution left it too little time."""
    if expired := next((found.text for found in context.expired if reason in found.symptoms), ""):
        return Reason.CREDENTIALS, f"{expired}; then {detail}"
    spent = context.phases.get("resolve", 0.0)
    if reason != Reason.TIMEOUT or spent < context.timeout * _RESOLUTION_SHARE:
        return reason, detail
    took = f"{spent:.1f} s of {format_duration(context.timeout)}"
    return Reason.RESOLVER, f"name resolution took {took}; then {detail}"


def _of_helper(reason: Reason, context: ProbeContext) -> Reason:
    """The reason of the helper that failed (a proxy, a token server), unless the run is inconclusive anyway."""
    if reason in INCONCLUSIVE:
        return reason
    return next((helper.reason for helper in context.helpers if helper.reason is not None), reason)


def _classify(error: BaseException, context: ProbeContext) -> tuple[Reason, str]:
    where = f" in phase {context.current[-1]}" if context.current else ""
    match error:
        case ProbeFailed():
            return error.reason, error.detail
        case ssl.SSLCertVerificationError():
            return _certificate(error, context)
        case ssl.SSLError():
            return Reason.TLS, error_text(error)
        case TimeoutError() if error.errno is None:
            return Reason.TIMEOUT, f"no answer within {format_duration(context.timeout)}{where}"
        case TimeoutError():
            return Reason.TIMEOUT, f"the connection timed out{where}: {error.strerror}"
        case ConnectionRefusedError() | FileNotFoundError():
            return Reason.REFUSED, f"nothing listens{_at(context)}: {error_text(error)}"
        case ConnectionError() | EOFError():
            return Reason.CLOSED, f"the peer hung up{where}: {error_text(error)}"
        case OSError() if error.errno in _UNREACHABLE:
            return Reason.UNREACHABLE, f"no route{_at(context)}: {error_text(error)}"
        case OSError() if error.errno in _OUR_LIMITS:
            return Reason.PROBE_ERROR, f"the exporter lacks a resource: {error_text(error)}"
    place = traceback.extract_tb(error.__traceback__)[-1:] or None
    at = f" at {place[0].name}:{place[0].lineno}" if place else ""
    return Reason.PROBE_ERROR, f"bug or bad option{where}: {type(error).__name__}: {error}{at}"


def error_text(error: BaseException) -> str:
    """The error in words, without numbers and addresses: `connection refused`."""
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


def _certificate(error: ssl.SSLCertVerificationError, context: ProbeContext) -> tuple[Reason, str]:
    untrusted = Reason.TLS_UNTRUSTED if error.verify_code in _UNTRUSTED_CODES else Reason.TLS
    reason = _CERTIFICATE_CODES.get(error.verify_code, untrusted)
    facts = context.facts
    names = ", ".join(facts.get(Fact.TLS_NAMES, ())) or "no names"
    seen = f"; the certificate has {names}, issued by {facts[Fact.TLS_ISSUER]}" if Fact.TLS_ISSUER in facts else ""
    return reason, f"certificate refused: {error.verify_message}{seen}"


def _at(context: ProbeContext) -> str:
    return f" at {context.target}" if context.target else ""
