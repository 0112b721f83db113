"""The names of facts, spelt once: kinds record them, views and the engine read them.

A fact is a JSON value that a run saw. A check may add facts of its own under names that its configuration chooses.
"""

from __future__ import annotations

from typing import Final


class Fact:
    """Times are Unix seconds, lengths bytes, durations seconds."""

    # The connection
    IP: Final = "ip"
    IP_FAMILY: Final = "ip_family"  # 4 or 6

    # The certificate and the TLS session
    TLS_NOT_AFTER: Final = "tls_not_after"
    TLS_NOT_BEFORE: Final = "tls_not_before"
    TLS_CHAIN_NOT_AFTER: Final = "tls_chain_not_after"  # the first to expire of all that the server sent
    TLS_VERIFIED_NOT_AFTER: Final = "tls_verified_not_after"  # the first to expire of those that lead to a trusted one
    TLS_NAMES: Final = "tls_names"
    TLS_SUBJECT: Final = "tls_subject"
    TLS_ISSUER: Final = "tls_issuer"
    TLS_SERIAL: Final = "tls_serial"  # hexadecimal
    TLS_FINGERPRINT_SHA256: Final = "tls_fingerprint_sha256"  # hexadecimal
    TLS_VERIFIED: Final = "tls_verified"
    TLS_VERSION: Final = "tls_version"
    TLS_CIPHER: Final = "tls_cipher"
    TLS_UNREADABLE: Final = "tls_unreadable"  # why a certificate cannot be read

    # What the prober itself shows
    CREDENTIAL_NOT_AFTER: Final = "credential_not_after"  # the first to expire of its token and client certificate

    TOKEN_NOT_AFTER: Final = "token_not_after"  # the first to expire of the tokens that it renews itself

    # HTTP
    STATUS: Final = "status"
    HTTP_VERSION: Final = "http_version"
    HTTP_VIOLATIONS: Final = "http_violations"  # what was not valid in the response, though every client accepts it
    CONTENT_LENGTH: Final = "content_length"  # by the header
    BODY_LENGTH: Final = "body_length"  # decompressed
    LAST_MODIFIED: Final = "last_modified"
    RETRY_AFTER: Final = "retry_after"  # seconds
    FINAL_HOST: Final = "final_host"
    REDIRECTS: Final = "redirects"
    EVENTS: Final = "events"  # number of Server-Sent Events
    UPTIME: Final = "uptime"  # of the server; one that decreases means a restart

    # WebSocket and gRPC
    SUBPROTOCOL: Final = "subprotocol"
    CLOSE_CODE: Final = "close_code"
    GRPC_STATUS: Final = "grpc_status"
    HEALTH: Final = "health"

    # DNS
    RCODE: Final = "rcode"
    ANSWER_RRS: Final = "answer_rrs"
    AUTHORITY_RRS: Final = "authority_rrs"
    ADDITIONAL_RRS: Final = "additional_rrs"
    SERIAL: Final = "serial"
    NAMES: Final = "names"  # host name -> what was seen under it
    SIBLINGS: Final = "siblings"  # those that work although the name itself does not -> what they reach

    # PostgreSQL and queries
    CONNECTIONS: Final = "connections"  # {"used": number, "usable": number}
    VALUE: Final = "value"

    # Resources of a cloud, as its API describes them
    CLOUD_INSTANCES: Final = "instances"
    CLOUD_MAX_INSTANCES: Final = "max_instances"
    CLOUD_UTILIZATION: Final = "utilization"  # of what it can do at most, as a ratio
    CLOUD_STARTUP_BUDGET: Final = "startup_budget"  # what its startup probe allows

    # Test reports
    TESTS: Final = "tests"  # outcome -> number
    FAILING: Final = "failing"
    COVERED: Final = "covered"  # component -> outcome of the tests that cover it -> number
    SLOWEST: Final = "slowest"  # test -> seconds, the slowest first
    REPORT: Final = "report"
    RUN_TIMESTAMP: Final = "run_timestamp"
    RUN_DURATION: Final = "run_duration"
