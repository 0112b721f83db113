"""What `validate` advises."""

from __future__ import annotations

from pathlib import Path

import pytest
from staging_exporter.config import load_config
from staging_exporter.config.advice import advice

VANTAGE = "vantage: [{kind: tcp, address: '192.0.2.1:443'}]\n"
CHECK = "check: {kind: tcp, address: 'a.test:1'}"
OWNED = "priority: P0, links: {owner: me}"
CASES = {
    "nothing": (f"{VANTAGE}components: {{a: {{layer: service, {OWNED}, {CHECK}}}}}", []),
    "no vantage check": (
        f"components: {{a: {{layer: service, {OWNED}, {CHECK}}}}}",
        ["vantage: without a check of its own connection, an exporter that is offline reports everything as down"],
    ),
    "a latent component alone": (
        f"{VANTAGE}components: {{a: {{layer: service, {OWNED}}}, b: {{layer: service, {OWNED}, {CHECK}}}}}",
        ["components.a: it has no check and nothing depends on it, so its state is never known"],
    ),
    "nobody to ask": (
        f"{VANTAGE}components:\n  a: {{layer: service, priority: P0, {CHECK}}}\n"
        f"  b: {{layer: test, priority: P0, {CHECK}}}",
        ["components: a of priority P0 without links.owner: their alerts do not name an owner"],
    ),
    "a timeout that is shorter than that of a dependency": (
        f"{VANTAGE}components:\n  a: {{layer: service, {OWNED}, depends_on: [b], timeout: 2s, {CHECK}}}\n"
        f"  b: {{layer: service, {OWNED}, timeout: 4s, {CHECK}}}",
        ["components.a.timeout: 2s is shorter than the 4s of b, on which it depends: while that hangs it fails first"],
    ),
}


@pytest.mark.parametrize(("text", "expected"), CASES.values(), ids=CASES)
def test_advice(tmp_path: Path, text: str, expected: list[str]) -> None:
    file = tmp_path / "staging.yml"
    file.write_text(f"environment: test\n{text}\n")
    assert list(advice(load_config(file))) == expected
