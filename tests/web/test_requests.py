"""What the API takes, and in which form it goes on."""

from __future__ import annotations

import pytest
from staging_exporter.web.requests import Deployed, Maintenance, judge

TAKEN = {
    "as it is": ("00742", "00742"),
    "nothing": ("", ""),
    "colours of a terminal": ("\x1b[31mred", "[31mred"),
    "several lines": ("v1\r\nlevel=error msg=lies\u2028x", "v1 level=error msg=lies x"),
    "text that runs backwards": ("v1 \u202egnp.exe\u202c", "v1  gnp.exe"),
}


@pytest.mark.parametrize("case", TAKEN)
def test_a_revision_is_fit_for_page_and_log(case: str) -> None:
    sent, taken = TAKEN[case]
    assert judge(Deployed, {"components": ["backend"], "revision": sent}).revision == taken


def test_a_revision_has_an_end() -> None:
    with pytest.raises(ValueError, match=r"^revision: String should have at most 200 characters$"):
        judge(Deployed, {"components": ["backend"], "revision": "x" * 201})


def test_everything_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(ValueError, match="duration") as caught:
        judge(Maintenance, {"components": [], "duration": "31d", "reason": "x"})
    assert [line.split(":")[0] for line in str(caught.value).splitlines()] == ["components", "duration", "reason"]
