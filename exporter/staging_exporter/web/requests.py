"""The bodies that the API takes, judged strictly: what is wrong with one is said in plain words."""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, Field, StringConstraints, ValidationError

from staging_exporter.core.redaction import clean
from staging_exporter.options.model import Duration, Listed, Model

_LONGEST = 30 * 86400.0  # seconds that a posted maintenance window may last
Components = Annotated[Listed[str], Field(min_length=1, max_length=1000)]


class Maintenance(Model):
    """`POST /api/v1/maintenance`: these components are in maintenance from now on, for `duration`; `0s` ends it."""

    components: Components
    duration: Annotated[Duration, Field(le=_LONGEST)]


class Deployed(Model):
    """`POST /api/v1/deploys`: these components were deployed just now. The revision is made fit for page and log."""

    components: Components
    revision: Annotated[str, StringConstraints(max_length=200), AfterValidator(lambda text: clean(text, set()))] = ""


class NotTaken(Exception):
    """What was sent is not taken here, and why."""


M = TypeVar("M", bound=Model)


def judge(model: type[M], body: Any) -> M:
    """The body as this model. Raises ValueError, one line per thing that is wrong."""
    try:
        return model.model_validate(body)
    except ValidationError as error:
        found = ((".".join(map(str, e["loc"])) or "body", e["msg"]) for e in error.errors())
        raise ValueError("\n".join(f"{at}: {said.removeprefix('Value error, ')}" for at, said in found)) from None
