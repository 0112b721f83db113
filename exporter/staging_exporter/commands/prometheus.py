"""Asks a Prometheus who calls whom, for `init --from prometheus URL`."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from http.client import HTTPException
from urllib.parse import urlencode

from staging_exporter.commands.common import give_up
from staging_exporter.drafts.files.prometheus import QUERIES
from staging_exporter.drafts.files.reading import Source

_TIMEOUT = 30.0  # seconds
_LARGEST = 16 * 1024 * 1024  # bytes


def answers_of(url: str) -> Source:
    """The answers of the server at `url`. Exits when it does not answer."""
    base = url.rstrip("/")
    documents = []
    try:
        for query in QUERIES:
            request = urllib.request.Request(f"{base}/api/v1/query?{urlencode({'query': query})}")  # noqa: S310
            with urllib.request.urlopen(request, timeout=_TIMEOUT) as answer:  # noqa: S310
                documents.append(json.loads(answer.read(_LARGEST)))
    except urllib.error.HTTPError as error:
        give_up(f"{url}: status {error.code} to a query")
    except (OSError, HTTPException, ValueError) as error:
        give_up(f"{url}: {getattr(error, 'reason', None) or error}")
    return Source(base, tuple(document for document in documents if document.get("data", {}).get("result")), url=base)
