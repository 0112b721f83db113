"""What the recent runs of a component say, and whether they fit the failures of a dependent.

Runs are letters, one every ten seconds: P passes, S passes slowly, D is degraded, F fails, U is inconclusive.
"""

from __future__ import annotations

from math import inf

import pytest
from staging_exporter.core.evidence import WINDOW, Fit, Recent, began_together, fit

from tests.support import sketch


def recent(letters: str, at: float = 0.0) -> Recent:
    return sketch.recent(sketch.observations(letters, at))


KNOWN = "PPPPP"  # passes after which it is known how long one takes


@pytest.mark.parametrize(
    ("runs", "since", "good_at"),
    [
        pytest.param("", None, -inf, id="no run is no trouble"),
        pytest.param("PP", None, 10.0, id="passes are no trouble"),
        pytest.param("PPF", 20.0, 10.0, id="trouble begins with the first run that does not pass"),
        pytest.param("PPD", 20.0, 10.0, id="a degraded run begins trouble too"),
        pytest.param("FF", 0.0, -inf, id="trouble from the start has no pass before it"),
        pytest.param("PFPFPF", 10.0, 0.0, id="passes in between do not end it"),
        pytest.param("PF" + "P" * 11, 10.0, 0.0, id="eleven passes do not end it"),
        pytest.param("PF" + "P" * 12, None, 130.0, id="twelve passes in a row end it"),
        pytest.param("PF" + "P" * 12 + "F", 140.0, 130.0, id="a failure after its end begins another"),
        pytest.param("PU" + "F", 20.0, 0.0, id="an inconclusive run is no evidence"),
    ],
)
def test_when_trouble_began(runs: str, since: float | None, good_at: float) -> None:
    seen = recent(runs)
    assert (seen.since, seen.good_at) == (since, good_at)


def test_only_the_last_runs_are_remembered() -> None:
    assert len(recent("F" * 30).runs) == WINDOW == 24
    assert recent("F" * 30).since == 0.0


@pytest.mark.parametrize(
    ("runs", "blocks"),
    [
        pytest.param("PP", (), id="no failure"),
        pytest.param("F" + "P" * 12 + "FF", (2,), id="failures before the trouble that lasts are none of it"),
        pytest.param("PFFP", (2,), id="two in a row"),
        pytest.param("FPFFPDF", (1, 2, 2), id="a degraded run counts as a failure"),
    ],
)
def test_how_many_failures_came_in_a_row(runs: str, blocks: tuple[int, ...]) -> None:
    assert recent(runs).blocks == blocks


def test_failures_are_counted_among_the_runs_that_ended_since_then() -> None:
    assert recent("FPFD").failures_since(10.1) == (2, 3)
    assert recent("FPFD").failures_since(10.2) == (2, 2)
    assert recent("").failures_since(0.0) == (0, 0)


def test_the_last_failure_is_when_it_ended() -> None:
    assert recent("PFP").last_failure == pytest.approx(10.1)
    assert recent("PP").last_failure == -inf


@pytest.mark.parametrize(
    ("runs", "subsided"), [("F" + "P" * 5, False), ("F" + "P" * 6, True), ("P" * 6, True), ("P" * 6 + "F", False)]
)
def test_failures_have_subsided_after_six_passes(runs: str, subsided: bool) -> None:
    assert recent(runs).subsided is subsided


@pytest.mark.parametrize(
    ("runs", "intermittent"),
    [
        pytest.param("PPFFF", False, id="it fails in each run since it began"),
        pytest.param("PPFPF", True, id="a run passed since it began"),
        pytest.param("PPP", False, id="it never failed"),
    ],
)
def test_a_component_fails_now_and_then_when_runs_passed_since_it_began(runs: str, intermittent: bool) -> None:
    assert recent(runs).intermittent is intermittent


@pytest.mark.parametrize(
    ("runs", "recovers"),
    [
        pytest.param("PFFP", True, id="the first pass after an outage"),
        pytest.param("PFFPP", False, id="the second ends it"),
        pytest.param("PFF", False, id="while it fails it does not"),
        pytest.param("PFP", False, id="a single failure is no outage"),
        pytest.param("P", False, id="without a failure there is none"),
    ],
)
def test_a_component_recovers_with_the_first_pass_after_an_outage(runs: str, recovers: bool) -> None:
    assert recent(runs).recovers is recovers


@pytest.mark.parametrize(
    ("runs", "slower_since"),
    [
        pytest.param(KNOWN + "SSS", 50.0, id="three slow passes in a row are slower"),
        pytest.param(KNOWN + "SS", None, id="two slow passes are not"),
        pytest.param(KNOWN + "SSPSS", None, id="a usual pass ends it"),
        pytest.param(KNOWN + "SSFSS", None, id="a failure ends it"),
        pytest.param("PP" + "SSS", 20.0, id="how long a pass takes is known after two"),
        pytest.param("P" + "SSS", None, id="one is not enough to know it"),
        pytest.param("SSSSSSSS", None, id="what is always slow is not slower"),
        pytest.param(KNOWN + "SSSSSSSSSSSS", 50.0, id="slow passes do not become usual"),
        pytest.param(KNOWN + "SFSSS", 50.0, id="three in a row after a failure began before it"),
    ],
)
def test_passes_that_take_far_longer_than_usual(runs: str, slower_since: float | None) -> None:
    seen = recent(runs)
    assert (seen.slower, seen.slower_since if seen.slower else None) == (
        slower_since is not None,
        slower_since,
    )


def test_how_long_a_pass_usually_takes_is_an_average_that_follows_slowly() -> None:
    assert recent("PPPP").usual == pytest.approx(0.1)
    assert recent("SP").usual == pytest.approx(0.55)
    assert recent("P" * 40 + "SSS").usual == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("before", "after", "fades"),
    [
        pytest.param("F" + "P" * 5, "F" + "P" * 6, True, id="with the sixth pass"),
        pytest.param("F" + "P" * 6, "F" + "P" * 7, False, id="not again with the seventh"),
        pytest.param("F" + "P" * 11, "F" + "P" * 12, True, id="with the end of the trouble"),
        pytest.param("P" * 5, "P" * 6, False, id="not where nothing failed"),
        pytest.param("FP", "FPF", False, id="not with another failure"),
    ],
)
def test_when_failures_count_no_more(before: str, after: str, fades: bool) -> None:
    assert recent(after).fades_after(recent(before)) is fades


FAILS_EACH_TIME = "PFFFFFF"
EVERY_OTHER = "PFPFPFP"


@pytest.mark.parametrize(
    ("cause", "effect", "found"),
    [
        pytest.param("PPPPPPP", FAILS_EACH_TIME, Fit.CLEARED, id="a cause that passes is cleared"),
        pytest.param(FAILS_EACH_TIME, "PPPPPPP", Fit.CLEARED, id="an effect that passes needs no cause"),
        # the effect fails each time
        pytest.param("PF", FAILS_EACH_TIME, Fit.OPEN, id="one failure leaves it open"),
        pytest.param("PFP", FAILS_EACH_TIME, Fit.OPEN, id="one failure and one pass leave it open"),
        pytest.param("PFPPP", FAILS_EACH_TIME, Fit.OPEN, id="one failure and three passes leave it open"),
        pytest.param("PFPPPP", FAILS_EACH_TIME, Fit.CLEARED, id="one failure and four passes clear it"),
        pytest.param("PFF", FAILS_EACH_TIME, Fit.OPEN, id="two failures in a row leave it open"),
        pytest.param("PFPF", FAILS_EACH_TIME, Fit.UNSTABLE, id="two failures with a pass in between fit"),
        pytest.param("PFPPF", FAILS_EACH_TIME, Fit.UNSTABLE, id="every third run that fails fits"),
        pytest.param("PFPPPPF", FAILS_EACH_TIME, Fit.UNSTABLE, id="two failures in six runs fit"),
        pytest.param("PFPPPPPF", FAILS_EACH_TIME, Fit.OPEN, id="two failures in seven runs leave it open"),
        pytest.param("PFF" + "PP", FAILS_EACH_TIME, Fit.RECOVERED, id="two failures in a row and two passes"),
        pytest.param("PFF" + "P", FAILS_EACH_TIME, Fit.OPEN, id="two failures in a row and one pass leave it open"),
        pytest.param(
            "PFPFFFF" + "PP", FAILS_EACH_TIME, Fit.RECOVERED, id="an outage that two passes end, after another"
        ),
        pytest.param("PFFPFFF" + "P" * 6, FAILS_EACH_TIME, Fit.RECOVERED, id="what has subsided has recovered"),
        pytest.param("PFPF" + "P" * 7, FAILS_EACH_TIME, Fit.CLEARED, id="two failures and eight passes clear it"),
        # the effect fails now and then
        pytest.param("PFP", EVERY_OTHER, Fit.OPEN, id="one failure beside one that fails now and then"),
        pytest.param("PFPPPF", EVERY_OTHER, Fit.UNSTABLE, id="a lower rate than that of the effect fits"),
        pytest.param("PF" + "P" * 11, EVERY_OTHER, Fit.OPEN, id="eleven passes do not clear what may fail rarely"),
        pytest.param(EVERY_OTHER, EVERY_OTHER, Fit.UNSTABLE, id="the same rate fits"),
    ],
)
def test_fit(cause: str, effect: str, found: Fit) -> None:
    assert fit(recent(cause), recent(effect), 10.0) == found


@pytest.mark.parametrize(
    ("at", "found"),
    [
        pytest.param(20.0, Fit.UNSTABLE, id="a cause that was last seen up in time fits"),
        pytest.param(21.0, Fit.CLEARED, id="a cause that passed later is cleared"),
    ],
)
def test_a_cause_begins_in_time_when_it_had_not_passed_since_the_effect_began(at: float, found: Fit) -> None:
    assert fit(recent("PFPF", at), recent(FAILS_EACH_TIME, 0.0), 10.0) == found


def test_the_cause_of_what_fails_now_and_then_may_be_seen_later() -> None:
    assert fit(recent("PFPF", 500.0), recent(EVERY_OTHER), 10.0) == Fit.UNSTABLE


@pytest.mark.parametrize(
    ("runs", "since", "good_at"),
    [
        pytest.param("PP", None, 10.0, id="nothing fails"),
        pytest.param("PFFF", 10.0, 0.0, id="the first outage"),
        pytest.param("PFFP", 10.0, 0.0, id="one pass does not end an outage"),
        pytest.param("PFFPP", None, 40.0, id="two passes end it"),
        pytest.param("PFFPPPF", 60.0, 50.0, id="what fails then fails anew"),
        pytest.param("PFPPF", 10.0, 0.0, id="a single failure is no outage"),
        pytest.param("PFPFFPPF", 10.0, 0.0, id="nor are two, after another failure"),
        pytest.param("PFPFFFFPPF", 90.0, 80.0, id="four in a row are one, whatever failed before"),
        pytest.param("PFFPPFFFPPPP", None, 110.0, id="four passes end three in a row, after a first outage"),
        pytest.param("PFFPPFFFPPP", 50.0, 40.0, id="three passes do not end it"),
        pytest.param("PFFPPFFPPPP", 50.0, 40.0, id="two in a row after a first outage are none"),
        pytest.param("PFPFPFFFPPPP", 10.0, 0.0, id="three in a row of what fails now and then are none"),
    ],
)
def test_what_begins_anew_after_an_outage(runs: str, since: float | None, good_at: float) -> None:
    assert recent(runs).began_anew == (since, good_at)


@pytest.mark.parametrize(
    ("effect", "found"),
    [
        pytest.param("PFFF", Fit.RECOVERED, id="it failed last while the cause did"),
        pytest.param("PFFFF", Fit.RECOVERED, id="it failed last in a run that began before the cause passed"),
        pytest.param("PFFFFF", Fit.UNSTABLE, id="it fails since the cause passes"),
    ],
)
def test_an_effect_that_did_not_fail_since_the_cause_passes_may_be_over_too(effect: str, found: Fit) -> None:
    assert fit(recent("PFPFPP"), recent(effect), 10.0) == found


def test_a_fault_that_was_over_before_the_effect_was_last_seen_up_explains_nothing() -> None:
    assert fit(recent("PFFPPPP"), recent("PFFPPPPF", 0.0), 10.0) == Fit.CLEARED
    assert fit(recent("PFFPPPP"), recent("PPPPF", 0.0), 10.0) == Fit.CLEARED
    assert fit(recent("PFFPPPP"), recent("PPF", 0.0), 10.0) == Fit.RECOVERED


@pytest.mark.parametrize(
    ("cause", "found"),
    [
        pytest.param("PFFPPFFFPPP", Fit.UNSTABLE, id="not seen up often enough"),
        pytest.param("PFFPPFFFPPPP", Fit.CLEARED, id="four passes clear what failed twice"),
        pytest.param("PFPFPFFFPPPPP", Fit.OPEN, id="five passes do not clear what fails now and then"),
        pytest.param("PFPFPFFFPPPPPP", Fit.CLEARED, id="six do"),
    ],
)
def test_two_outages_that_both_are_over_explain_nothing_that_fails_anew(cause: str, found: Fit) -> None:
    """Cause and effect failed together, recovered, and the effect alone fails again: another fault, soon after."""
    assert fit(recent(cause), recent("PFFPPFFFFPPPPFFF", 10.0), 10.0) == found


@pytest.mark.parametrize(
    ("cause", "effect", "together"),
    [
        pytest.param(("PF", 0.0), ("PF", 0.0), True, id="at one moment"),
        pytest.param(("PF", 0.0), ("PF", 20.0), True, id="one slack between the last pass and the first failure"),
        pytest.param(("PF", 0.0), ("PF", 20.1), False, id="the effect passed too long after the cause began"),
        pytest.param(("PF", 20.0), ("PF", 0.0), True, id="the effect is seen first"),
        pytest.param(("PF", 20.1), ("PF", 0.0), False, id="the cause passed too long after the effect began"),
        pytest.param(("PF", 0.0), ("F", 900.0), True, id="an effect that was never seen up may have begun long ago"),
        pytest.param(("F", 900.0), ("PF", 0.0), True, id="a cause that was never seen up may have begun long ago"),
        pytest.param(("PP", 0.0), ("PF", 0.0), False, id="a cause that passes began nothing"),
        pytest.param(("PF", 0.0), ("PP", 0.0), False, id="an effect that passes began nothing"),
    ],
)
def test_began_together(cause: tuple[str, float], effect: tuple[str, float], together: bool) -> None:
    assert began_together(recent(*cause), recent(*effect), 10.0) is together
