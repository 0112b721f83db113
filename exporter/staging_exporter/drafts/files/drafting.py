"""Components of a draft from a file: names that are unique, checks that are valid, and a list of what is left out."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from pydantic import ValidationError

from staging_exporter.core.durations import format_duration, parse_duration
from staging_exporter.drafts.files.reading import DraftError
from staging_exporter.drafts.parts import Draft, Part, slug
from staging_exporter.drafts.text import DEFAULTS, VANTAGE, components, flow, one_line, remarks
from staging_exporter.probes import load

_INTERVAL, _TIMEOUT = 15.0, 5.0  # seconds, of DEFAULTS
_SECRET = re.compile(r"auth|cookie|token|key|secret|passw|session", re.IGNORECASE)
UNTRANSLATED = "Could not be translated"
_HEAD = """\
# Drafted by `staging-exporter init --from {command}`:
# each comment names the place that the line came from. Secrets are not copied: set the variables that `env` names.
# Layer and priority are guesses where none is named. What only a person knows is missing: journeys, owners,
# credentials, what a right response contains.
environment: {environment}
{defaults}
"""


class Found(NamedTuple):
    """A value of the foreign file, and the place that it came from."""

    value: Any
    source: str


class Drafting:
    """Collects the components of one draft."""

    def __init__(self) -> None:
        self.draft = Draft()
        self.environment = "staging"

    def leave_out(self, where: str, why: str) -> None:
        """Note what is not in the draft."""
        self.draft.unseen.append(f"{where}: {why}")

    def add(
        self,
        name: str,
        origin: str,
        check: Found | None,
        *,
        layer: str = "service",
        timing: Mapping[str, Found] | None = None,
        startup: Found | None = None,
    ) -> Part:
        """A component; it has no check when that of the file is not valid here, which is noted.

        `timing` are `interval`, `timeout`, `fall` and `rise`; what is not valid is noted and left out.
        """
        part = Part(self._unique(name), layer, "P1")
        sources = {"name": origin}
        if check is not None and (why := _problem(check.value)):
            self.leave_out(check.source, why)
        elif check is not None:
            part.check, sources["check"] = check.value, check.source
        part.timing, of_timing = self._timing(timing or {})
        if startup is not None and (budget := self._seconds(startup)):
            limit = format_duration(budget)
            part.startup, sources["startup"] = {"budget": limit, "cold": limit}, startup.source
        part.sources = sources | of_timing
        return self.draft.add(part)

    def finish(self) -> Draft:
        """The draft, without components that nothing can be known of. Raises DraftError when none is left."""
        parts = self.draft.parts
        while idle := [name for name, part in parts.items() if part.check is None and not self._dependents(name)]:
            for name in idle:
                origin = parts.pop(name).sources["name"]
                self.leave_out(origin, "nothing to probe, and no other component depends on it")
        if not parts:
            raise DraftError("\n".join(["nothing in it can be probed", *self.draft.unseen]))
        return self.draft

    def _dependents(self, name: str) -> bool:
        edges = (edge for part in self.draft.parts.values() for edge in (*part.needs, *part.optional))
        return any(name in edge.targets for edge in edges)

    def _unique(self, name: str) -> str:
        first, count = slug(name), 1
        found = first
        while found in self.draft.parts:
            count += 1
            found = slug(first, str(count))
        return found

    def _timing(self, given: Mapping[str, Found]) -> tuple[dict[str, str], dict[str, str]]:
        """The values and their sources; an interval is never shorter than the timeout."""
        values, sources = dict[str, str](), dict[str, str]()
        seconds = {"interval": _INTERVAL, "timeout": _TIMEOUT}
        for key, found in given.items():
            if key in ("fall", "rise"):
                if str(found.value).isdecimal() and 1 <= int(found.value) <= 1000:
                    values[key], sources[key] = str(int(found.value)), found.source
            elif length := self._seconds(found):
                seconds[key] = length
                values[key], sources[key] = format_duration(length), found.source
        if seconds["interval"] < seconds["timeout"]:
            values["interval"] = format_duration(seconds["timeout"])
            sources["interval"] = f"not shorter than the timeout; {sources.get('interval', 'the default is 15s')}"
        return values, sources

    def _seconds(self, found: Found) -> float:
        """The length of a duration, 0 when it is none, which is noted."""
        try:
            seconds = parse_duration(str(found.value))
        except ValueError as error:
            self.leave_out(found.source, str(error))
            return 0.0
        return seconds


def _problem(check: Mapping[str, Any]) -> str:
    """Why the check is not valid, empty when it is."""
    try:
        load(check["kind"]).model_validate(check)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        return f"{place}: {first['msg']}" if place else first["msg"]
    return ""


def literal(foreign: str) -> str:
    """A text of another file for a value of ours, where `${NAME}` would be a variable."""
    return foreign.replace("$", "$$")


def headers(foreign: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """Headers for a check; the value of one that sounds like a secret is not copied but read from a variable."""
    return {
        str(name): {"env": variable(prefix, str(name))} if _SECRET.search(str(name)) else literal(str(value))
        for name, value in foreign.items()
    }


def variable(*words: str) -> str:
    """The name of a variable of the environment."""
    return slug(*words).upper().replace("-", "_")


def render(draft: Draft, command: Sequence[str], environment: str) -> str:
    """The text of the file; `command` is what follows `--from`."""
    head = _HEAD.format(command=one_line(" ".join(command)), environment=flow(environment), defaults=DEFAULTS)
    lines = [head, VANTAGE, *components(draft.parts.values())]
    lines += remarks("To look at", draft.notes)
    lines += remarks(UNTRANSLATED, draft.unseen)
    return "\n".join(lines)
