"""Kind `flow`: steps in order, as a user takes them, with one cookie jar and with values captured on the way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from staging_exporter.core.blackbox import BlackboxNames
from staging_exporter.core.model import Trait
from staging_exporter.core.words import nearest
from staging_exporter.net.context import ProbeContext
from staging_exporter.options.check import Check
from staging_exporter.options.model import Listed
from staging_exporter.options.placeholders import Placeholders
from staging_exporter.options.templates import Path
from staging_exporter.options.values import UNIQUE
from staging_exporter.probes._flow_run import Walk
from staging_exporter.probes._flow_steps import FlowStep


class Flow(Check):
    """Runs the steps in order until one fails; those that clean up run always."""

    traits: ClassVar[frozenset[Trait]] = frozenset({Trait.HAS_STEPS})
    blackbox: ClassVar[BlackboxNames] = BlackboxNames("probe_step_duration_seconds", label="step")

    kind: Literal["flow"]
    secrets: Placeholders
    steps: Annotated[Listed[FlowStep], Field(min_length=1, max_length=50)]
    max_runs_per_hour: int | None = Field(None, ge=1, description="retries included, for runs that cost money")

    @model_validator(mode="after")
    def _checked(self) -> Flow:
        problems = [*self._names_twice(), *self._unknown_names()]
        if problems:
            details = [
                InitErrorDetails(
                    type=PydanticCustomError("value_error", "{error}", {"error": text}), loc=at, input=None
                )
                for at, text in problems
            ]
            raise ValidationError.from_exception_data("flow", details)
        used = {name for step in self.steps for _, name, _ in step.uses()}
        if unused := sorted(set(self.secrets) - used):
            raise ValueError(f"secrets: nothing contains {{{{{unused[0]}}}}}")
        return self

    def _names_twice(self) -> Iterator[tuple[Path, str]]:
        counts = Counter(step.name for step in self.steps)
        for number, step in enumerate(self.steps):
            if counts[step.name] > 1:
                yield ("steps", number, "name"), f"`{step.name}` is the name of {counts[step.name]} steps"

    def _unknown_names(self) -> Iterator[tuple[Path, str]]:
        """Placeholders that have no value when their step runs, and values that would replace others."""
        known = {*UNIQUE, *self.secrets}
        later = {name for step in self.steps for _, name in step.captures()}
        for number, step in enumerate(self.steps):
            for path, name, within in step.uses():
                if name not in known | within:
                    yield ("steps", number, *path), _unknown(name, known | within, later)
            for path, name in step.captures():
                if name in known:
                    yield ("steps", number, *path), f"{{{{{name}}}}} has a value already; choose another name"
                known.add(name)

    def hosts(self) -> tuple[str, ...]:
        """The hosts of all steps."""
        return tuple(host for step in self.steps for host in step.check.hosts())

    def most_runs(self) -> int | None:
        """The configured number."""
        return self.max_runs_per_hour

    def observes(self) -> Mapping[str, str | None]:
        """The steps, with the components that they name."""
        return {step.name: step.component for step in self.steps}

    def time_limits(self) -> Iterator[tuple[Path, float]]:
        """Those of the steps."""
        for number, step in enumerate(self.steps):
            yield from ((("steps", number, *path), seconds) for path, seconds in step.time_limits())

    async def run(self, context: ProbeContext) -> None:
        """Run the steps. Raises ProbeFailed or ProbeDegraded of the first one that did not pass, which it names."""
        key = ("flow", self.model_dump_json()) if any(step.reuse for step in self.steps) else None
        await Walk(context, self.steps, self.secrets, key).run()


def _unknown(name: str, known: set[str], later: set[str]) -> str:
    bare = name.strip()
    if bare != name and bare in known:
        return f"{{{{{name}}}}} has spaces; write {{{{{bare}}}}}"
    if bare in later:
        return f"{{{{{bare}}}}} has no value yet: a later step captures it"
    near = nearest(bare, tuple(sorted(known | later)))
    hint = f", did you mean {{{{{near}}}}}?" if near else f"; there are {', '.join(sorted(known))}"
    return f"nothing captures {{{{{bare}}}}}{hint}"
