"""What a marker requires, and what is said of one that cannot be read."""

from __future__ import annotations

import pytest
from pytest_staging.marker import MarkerError, Requirement

staging = pytest.mark.staging
READ = {
    "one component": ([staging(requires="websocket")], ("websocket",), ()),
    "several components": ([staging(requires=["websocket", "auth"])], ("websocket", "auth"), ()),
    "a tuple": ([staging(requires=("websocket",))], ("websocket",), ()),
    "one journey": ([staging(journey="golden-path")], (), ("golden-path",)),
    "several journeys": ([staging(journey=["login", "search"])], (), ("login", "search")),
    "both": ([staging(requires="auth", journey="login")], ("auth",), ("login",)),
    "several markers add up": (
        [staging(requires="auth"), staging(requires=["redis", "auth"]), staging(journey="login")],
        ("auth", "redis"),
        ("login",),
    ),
}
WRITE = 'write staging(requires=["COMPONENT"]) or staging(journey="NAME")'
WRONG = {
    "a misspelt keyword": (
        staging(require=["websocket"]),
        "staging(require=...): unknown keyword 'require', did you mean 'requires'?",
    ),
    "the plural of journey": (
        staging(journeys=["login"]),
        "staging(journeys=...): unknown keyword 'journeys', did you mean 'journey'?",
    ),
    "a keyword like no other": (staging(url="x"), f"staging(url=...): unknown keyword 'url'; {WRITE}"),
    "a good keyword beside a bad one": (
        staging(requires="auth", requiers="redis"),
        "staging(requiers=...): unknown keyword 'requiers', did you mean 'requires'?",
    ),
    "nothing": (staging, f"staging() requires nothing; {WRITE}"),
    "a positional list": (
        staging(["websocket", "auth"]),
        "staging(['websocket', 'auth']): names must be keyword arguments; "
        "write staging(requires=['websocket', 'auth'])",
    ),
    "positional names": (
        staging("websocket", "auth"),
        "staging('websocket', 'auth'): names must be keyword arguments; write staging(requires=['websocket', 'auth'])",
    ),
    "a positional number": (staging(3), f"staging(3): names must be keyword arguments; {WRITE}"),
    "an empty list": (staging(requires=[]), f"staging(requires=[]): expected a name or a list of names; {WRITE}"),
    "an empty name": (staging(journey=""), f"staging(journey=''): expected a name or a list of names; {WRITE}"),
    "a blank among names": (
        staging(requires=["auth", " "]),
        f"staging(requires=['auth', ' ']): expected a name or a list of names; {WRITE}",
    ),
    "no text": (staging(requires=None), f"staging(requires=None): expected a name or a list of names; {WRITE}"),
    "a mapping": (
        staging(requires={"auth": 1}),
        f"staging(requires={{'auth': 1}}): expected a name or a list of names; {WRITE}",
    ),
}


@pytest.mark.parametrize("case", READ)
def test_a_marker_is_read(case: str) -> None:
    decorators, components, journeys = READ[case]
    assert Requirement.of([decorator.mark for decorator in decorators]) == Requirement(components, journeys)


@pytest.mark.parametrize("case", WRONG)
def test_a_marker_that_cannot_be_read_shows_its_correction(case: str) -> None:
    decorator, message = WRONG[case]
    with pytest.raises(MarkerError) as caught:
        Requirement.of([decorator.mark])
    assert str(caught.value) == message
