"""Dot and dash forms of one name."""

from __future__ import annotations

import pytest
from staging_exporter.options.hostnames import siblings


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("api-staging.netrasystems.ai", ("api.staging.netrasystems.ai",)),
        ("api.staging.netrasystems.ai", ("api-staging.netrasystems.ai",)),
        ("api.staging.netrasystems.ai.", ("api-staging.netrasystems.ai",)),
        ("staging.netrasystems.ai", ()),
        ("api.staging.test", ("api-staging.test",)),
        ("app-v2-staging.x.test", ("app-v2-staging-x.test", "app.v2-staging.x.test", "app-v2.staging.x.test")),
        ("localhost", ()),
        ("my-host", ()),
        ("a--b.x.y", ()),
        ("-a.x.y", ()),
    ],
)
def test_siblings_are_dot_and_dash_variants(name: str, expected: tuple[str, ...]) -> None:
    assert siblings(name) == expected
