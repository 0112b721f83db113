"""What the kinds `gcp_*` have in common: where they read, and what a finding means for a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from shlex import join
from typing import Any, ClassVar

from pydantic import Field, model_validator

from staging_exporter.core.model import ProbeDegraded, ProbeFailed, Reason, State, Trait
from staging_exporter.evidence.google.answers import Answer, short_name
from staging_exporter.evidence.google.reader import reader_of
from staging_exporter.evidence.google.reads import ApiRead
from staging_exporter.net.context import ProbeContext
from staging_exporter.net.google_credentials import require_google_auth
from staging_exporter.options.addresses import HttpUrl
from staging_exporter.options.check import Check
from staging_exporter.options.google import CACHE, Project, Region
from staging_exporter.options.model import PositiveDuration

_FRESH = 10.0  # seconds that an answer may be old when another component fails and this one is asked why


_REASONS = {
    State.UP: Reason.OK,
    State.DEGRADED: Reason.CONTENT,
    State.STARTING: Reason.STARTING,
    State.DOWN: Reason.FAILED,
    State.UNKNOWN: Reason.NO_EVIDENCE,
}


@dataclass(frozen=True, slots=True)
class Finding:
    """What is concluded from the fields of a resource; without a `reason`, the one that belongs to `health`."""

    health: State
    detail: str = ""
    reason: Reason | None = None

    def conclude(self) -> None:
        """Return for a pass. Raises ProbeFailed, ProbeDegraded."""
        reason = self.reason or _REASONS[self.health]
        if self.health == State.DEGRADED:
            raise ProbeDegraded(reason, self.detail)
        if self.health != State.UP:
            raise ProbeFailed(reason, self.detail)


_ORDER = (State.DOWN, State.UNKNOWN, State.DEGRADED, State.STARTING, State.UP)


def worst(findings: Sequence[Finding]) -> Finding:
    """The worst finding, with the details of all that are as bad, and the reason of the first of them."""
    if not findings:
        return Finding(State.UP)
    health = min((one.health for one in findings), key=_ORDER.index)
    as_bad = [one for one in findings if one.health == health]
    texts = dict.fromkeys(one.detail for one in as_bad if one.detail)
    return Finding(health, "; ".join(texts), as_bad[0].reason)


class GoogleCheck(Check):
    """A resource of Google Cloud, by the API that manages it.

    A state that an API reports is no measurement, so one report is enough to change the state of the component.
    """

    phase_names: ClassVar[tuple[str, ...]] = ("read",)
    thresholds: ClassVar[Mapping[str, int]] = {"fall": 1, "rise": 1}
    traits: ClassVar[frozenset[Trait]] = frozenset({Trait.DESCRIBES_CLOUD})
    environment_section: ClassVar[str | None] = "google"

    project: Project | None = None
    endpoint: HttpUrl | None = Field(None, description="instead of scheme and host of every Google API")
    cache: PositiveDuration = Field(CACHE, description="how long an answer of the API is used")

    @model_validator(mode="after")
    def _has_project(self) -> GoogleCheck:
        if self.project is None:
            raise ValueError("no project: write `project` here, or once as `google.project`")
        if self.endpoint is None or self.endpoint.secure:  # to an emulator no token is sent
            require_google_auth()
        return self

    @property
    def in_project(self) -> str:
        """The project, which is always set."""
        assert self.project is not None, "validated above"
        return self.project

    def gcloud(self, *words: str) -> str:
        """A command that reads the same as the check, for people."""
        return join(["gcloud", *words, f"--project={self.in_project}"])

    async def read(self, context: ProbeContext, wanted: ApiRead) -> Answer:
        """The answer, shared with other components. Raises ApiFailed, which is never about the component."""
        max_age = min(self.cache, _FRESH) if context.investigating else self.cache
        answer = await reader_of(context, self.endpoint).read(context, wanted, max_age, self.cache)
        context.facts["read_age"] = max(round(answer.age, 1), context.facts.get("read_age", 0.0))
        return answer

    def pick(self, answer: Answer, key: str, name: str, what: str, place: str = "") -> Mapping[str, Any]:
        """The resource of that name in a list; `what` and `place` are for people.

        Raises ProbeFailed: `failed` when a complete list lacks it, else `no_evidence`.
        """
        for resource in answer.items(key):
            if short_name(resource.get("name")) == name:
                return resource
        absent(f"{what} {name}", place or f"project {self.in_project}", answer).conclude()
        raise AssertionError("what is absent is never up")


class RegionalCheck(GoogleCheck):
    """A resource of one region."""

    region: Region | None = None

    @model_validator(mode="after")
    def _has_region(self) -> RegionalCheck:
        if self.region is None:
            raise ValueError("no region: write `region` here, or once as `google.region`")
        return self

    @property
    def place(self) -> str:
        """The name of its region in resources."""
        return f"projects/{self.in_project}/locations/{self.in_region}"

    @property
    def in_region(self) -> str:
        """The region, which is always set."""
        assert self.region is not None, "validated above"
        return self.region


def absent(what: str, place: str, answer: Answer) -> Finding:
    """The finding for a resource that a list does not have: not down while the list is incomplete."""
    if answer.missing:
        return Finding(State.UNKNOWN, f"{what} is not in the list of {place}, which is incomplete: {answer.missing}")
    return Finding(State.DOWN, f"there is no {what} in {place}")


def fields(resource: Mapping[str, Any], *path: str) -> Any:
    """The value at that path, None where a part is missing: the APIs leave out what has its default."""
    value: Any = resource
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value
