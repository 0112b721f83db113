"""A part of the comparison, one run each: the verdict and the facts, not the time."""

from __future__ import annotations

from pathlib import Path

from tests.compare.cases import all_cases
from tests.compare.servers import all_servers
from tests.compare.sides import both

NAMES = (
    "http-plain", "http-404-wanted", "http-503", "http-gzip", "http-file-with-date", "body-not-found", "header-missing",
    "redirect-thrice", "redirect-to-https", "basic", "bearer-missing", "https", "https-expired", "https-wrong-name",
    "tcp-talk", "tcp-tls", "dns-cname", "dns-nxdomain", "dns-tcp", "grpc", "grpc-not-serving", "postgres-denied",
)  # fmt: skip


async def test_ours_says_what_blackbox_exporter_says(tmp_path: Path) -> None:
    with all_servers(tmp_path) as targets:
        found = list(all_cases(targets))
        assert len(found) >= 30
        chosen = [case for case in found if case.name in NAMES]
        assert len(chosen) == len(NAMES)
        async with both(chosen, tmp_path) as sides:
            results = [await sides.compare(case, 1, timed=False) for case in chosen]
    assert {result.case.name: result.defects for result in results if result.defects} == {}
