"""Kind `flow`: steps in order, as a user takes them, with one cookie jar and with values captured on the way."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from staging_exporter.core.blackbox import BlackboxNames
from staging_exporter.core.facts import Fact
from staging_exporter.core.model import ProbeDegraded, ProbeFailed, Trait
from staging_exporter.core.words import nearest
from staging_exporter.net.context import Part, ProbeContext
from staging_exporter.net.cookies import Cookies
from staging_exporter.net.failures import classify
from staging_exporter.options.check import Check
from staging_exporter.options.model import Listed
from staging_exporter.options.placeholders import Placeholders
from staging_exporter.options.templates import Path
from staging_exporter.options.values import UNIQUE, Values
from staging_exporter.probes._flow_steps import FlowStep

_MARGIN = 0.1  # seconds before the deadline when steps end, so that the failing one can be named
_CLEANING = 1.0  # seconds that a step for cleaning up gets, unless it says how many
_MOST_CLEANING = 0.25  # of the run
_KEPT = (Fact.STATUS, Fact.CLOSE_CODE)  # facts of a step


class Flow(Check):
    """Runs the steps in order until one fails; those that clean up run always."""

    traits: ClassVar[frozenset[Trait]] = frozenset({Trait.HAS_STEPS})
    blackbox: ClassVar[BlackboxNames] = BlackboxNames("probe_step_duration_seconds", label="step")

    kind: Literal["flow"]
    secrets: Placeholders
    steps: Annotated[Listed[FlowStep], Field(min_length=1, max_length=50)]

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

    def observes(self) -> Mapping[str, str | None]:
        """The steps, with the components that they name."""
        return {step.name: step.component for step in self.steps}

    async def run(self, context: ProbeContext) -> None:
        """Run the steps. Raises ProbeFailed or ProbeDegraded of the first one that did not pass, which it names."""
        values, cookies = Values(self.secrets), Cookies()
        failed: ProbeFailed | None = None
        degraded: ProbeFailed | None = None
        for number, step in enumerate(self.steps):
            if (failed is not None and not step.always) or values.missing(step.needs):
                continue
            reserved = 0.0 if step.always else self._reserved(context, number)
            error = await _take(context, step, values, cookies, reserved)
            if isinstance(error, ProbeDegraded):
                degraded = degraded or error
            else:
                failed = failed or error
        if (decisive := failed or degraded) is not None:
            raise decisive

    def _reserved(self, context: ProbeContext, number: int) -> float:
        """Seconds that are kept for cleaning up after step `number`."""
        wanted = sum(step.within or _CLEANING for step in self.steps[number + 1 :] if step.always)
        return min(wanted, context.timeout * _MOST_CLEANING)


def _unknown(name: str, known: set[str], later: set[str]) -> str:
    bare = name.strip()
    if bare != name and bare in known:
        return f"{{{{{name}}}}} has spaces; write {{{{{bare}}}}}"
    if bare in later:
        return f"{{{{{bare}}}}} has no value yet: a later step captures it"
    near = nearest(bare, tuple(sorted(known | later)))
    hint = f", did you mean {{{{{near}}}}}?" if near else f"; there are {', '.join(sorted(known))}"
    return f"nothing captures {{{{{bare}}}}}{hint}"


async def _take(
    context: ProbeContext, step: FlowStep, values: Values, cookies: Cookies, reserved: float
) -> ProbeFailed | None:
    """Run one step in time and record how it went; what it raised, classified, with the name of the step."""
    left = max(0.0, context.remaining - _MARGIN - reserved)
    inner = context.aside(min(left, step.within or left))
    inner.cookies = cookies
    error: ProbeFailed | None = None
    inner.captured = {}
    try:
        async with asyncio.timeout(inner.timeout):
            await step.run(inner, values)
    except Exception as raised:
        reason, detail = classify(raised, inner)
        detail = detail if left else "no time was left for it"
        error = (ProbeDegraded if isinstance(raised, ProbeDegraded) else ProbeFailed)(
            reason, f"step {step.name}: {detail}"
        )
    finally:
        context.secrets.update(cookies.values())
        values.keep(inner.captured)
        _record(context, step, inner, error)
    return error


def _record(context: ProbeContext, step: FlowStep, inner: ProbeContext, error: ProbeFailed | None) -> None:
    began, seconds = inner.started - context.started, inner.elapsed
    context.phases[step.name] = seconds
    for at, text in inner.lines:
        context.log(f"{step.name}: {text}", began + at)
    shown = {name: value.text[:200] for name, value in inner.captured.items() if not value.secret}
    facts = {name: inner.facts[name] for name in _KEPT if name in inner.facts}
    context.parts[step.name] = Part(error, began, seconds, {**facts, **shown})
    context.facts.update(shown)
    if Fact.RETRY_AFTER in inner.facts:
        context.facts[Fact.RETRY_AFTER] = inner.facts[Fact.RETRY_AFTER]
    if (end := inner.facts.get(Fact.CREDENTIAL_NOT_AFTER)) is not None:
        context.facts[Fact.CREDENTIAL_NOT_AFTER] = min(end, context.facts.get(Fact.CREDENTIAL_NOT_AFTER, end))
