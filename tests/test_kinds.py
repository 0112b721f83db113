"""Every kind has tests and documentation, and the documentation is true."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from click.testing import CliRunner
from pydantic import BaseModel
from staging_exporter.config import load_config
from staging_exporter.probes import documentation, kinds, load

from tests.support.commands import COMMANDS

TESTS = Path(__file__).parent / "probes"
# What the base gives to every kind, and what the loader sets.
COMMON = {"kind", "startup_when"}


@pytest.mark.parametrize("kind", kinds())
def test_the_file_name_is_the_kind(kind: str) -> None:
    assert load(kind).model_fields["kind"].annotation.__args__ == (kind,)


@pytest.mark.parametrize("kind", kinds())
def test_every_kind_has_tests(kind: str) -> None:
    assert list(TESTS.glob(f"test_{kind}*.py"))


@pytest.mark.parametrize("kind", kinds())
def test_the_documentation_names_every_option_and_phase(kind: str) -> None:
    text = documentation(kind)
    assert text.startswith(f"# {kind}\n")
    missing = [name for name in load(kind).model_fields if name not in COMMON and f"`{name}" not in text]
    assert not missing
    assert all(f"`{phase}`" in text for phase in load(kind).phase_names)


def nested(annotation: Any) -> Iterator[str]:
    """Names of the options inside an option, as the file spells them."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        for name, field in annotation.model_fields.items():
            yield from [] if name in COMMON else [field.alias or name]
            yield from nested(field.annotation)
    for argument in get_args(annotation):
        yield from nested(argument)


@pytest.mark.parametrize("kind", kinds())
def test_the_documentation_names_options_inside_of_options(kind: str) -> None:
    text = documentation(kind)
    for other in kinds():  # which has them in full
        text += documentation(other) if f"as for `{other}`" in text else ""
    words = set(re.findall(r"\w+", text))
    options = [field.annotation for name, field in load(kind).model_fields.items() if name not in COMMON]
    assert not {name for annotation in options for name in nested(annotation)} - words


def examples(kind: str) -> list[dict[str, Any]]:
    """The examples of a component in the documentation of a kind."""
    blocks = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", documentation(kind), re.DOTALL)]
    return [block for block in blocks if isinstance(block, dict) and "check" in block]


@pytest.mark.parametrize("kind", kinds())
def test_the_examples_show_every_option(kind: str) -> None:
    shown = {option for example in examples(kind) if example["check"]["kind"] == kind for option in example["check"]}
    assert not set(load(kind).model_fields) - COMMON - shown


@pytest.mark.parametrize("kind", kinds())
def test_every_example_of_the_documentation_loads(kind: str, tmp_path: Path) -> None:
    assert any(example["check"]["kind"] == kind for example in examples(kind))
    for example in examples(kind):
        covered = {name: {"layer": "service", "priority": "P2"} for name in example["check"].get("covers", ())}
        subject = {"layer": "service", "priority": "P1", "interval": "1h", "timeout": "1m", **example}
        file = tmp_path / "config.yml"
        file.write_text(yaml.safe_dump({"environment": "test", "components": {"subject": subject, **covered}}))
        load_config(file)


def test_the_list_has_a_space_behind_each_kind() -> None:
    lines = CliRunner().invoke(COMMANDS["kinds"], []).output.splitlines()
    assert [line.split(" ")[0] for line in lines] == list(kinds())
