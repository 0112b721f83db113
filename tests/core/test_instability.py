"""Rule 2: what is up, and judged by how long its runs take."""

from __future__ import annotations

import pytest
from staging_exporter.core.evidence import Recent
from staging_exporter.core.graph import Graph
from staging_exporter.core.instability import find_unwell
from staging_exporter.core.model import Observation, Outcome, Reason, State
from staging_exporter.core.rules import Condition

from tests.support.sketch import conditions, sketch


def recent(*took: float, failing: int = 0) -> Recent:
    """Passes that took so many seconds, one every ten seconds, then failures."""
    found = Recent()
    for number, seconds in enumerate(took):
        found = found.add(Observation("x", 10.0 * number, seconds, Outcome.PASS, Reason.OK))
    for number in range(failing):
        found = found.add(Observation("x", 10.0 * len(took) + number, 0.1, Outcome.FAIL, Reason.TIMEOUT))
    return found


USUAL = (0.1,) * 6
SLOW = Condition(State.UP, recent=recent(*USUAL, 1.0, 1.0, 1.0))
FINE = Condition(State.UP, recent=recent(*USUAL, 0.1, 0.1, 0.1))
DOWN = Condition(State.DOWN, Reason.TIMEOUT, 60.0, recent=recent(*USUAL, failing=3))


@pytest.mark.parametrize(
    ("cache", "judged"),
    [
        pytest.param(FINE, {"db"}, id="a slow dependency of one that times out is judged as slow"),
        pytest.param(SLOW, set(), id="where most are slow the exporter is slow"),
    ],
)
def test_a_dependency_that_takes_far_longer_than_usual(cache: Condition, judged: set[str]) -> None:
    found = find_unwell(Graph(sketch("db, cache, api: db")), {"db": SLOW, "cache": cache, "api": DOWN})
    assert set(found) == judged
    assert all(condition.reason == Reason.SLOW for condition in found.values())


FLAPS = "PFPFPFPFPFPFPF"


@pytest.mark.parametrize(
    ("runs", "expected"),
    [
        pytest.param("PFPFPFPPPPPPPP", {"db"}, id="eight passes in a row are no recovery of what failed three times"),
        pytest.param("PFPFPFPPPPPPPPPPPP", set(), id="twelve are one"),
        pytest.param("PFPFPPPPPPPP", set(), id="eight are one of what failed twice"),
    ],
)
def test_a_root_cause_that_failed_now_and_then_lasts_while_its_dependents_fail(runs: str, expected: set[str]) -> None:
    components = sketch("db, api: db")
    seen = conditions(components, f"db=up/{runs} api=flapping/{FLAPS}")
    assert set(find_unwell(Graph(components), seen)) == set()
    assert set(find_unwell(Graph(components), seen, standing={"db"})) == expected
