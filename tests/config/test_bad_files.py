"""Every bad file gives exactly the sentences beside it: `bad/CASE.yml` and `bad/CASE.txt`, or a file made here."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from staging_exporter.config import ConfigError, load_config
from staging_exporter.config.problems import MAX_PROBLEMS
from staging_exporter.config.yamlfile import MAX_DEPTH
from staging_exporter.core.words import joined
from staging_exporter.probes import kinds, load

BAD = Path(__file__).parent / "bad"
GOOD = """\
environment: test
components:
  db: {layer: service, priority: P0, check: {kind: tcp, address: "127.0.0.1:5432"}}
"""


def problems(file: str | Path) -> str:
    """What is said of a file that must not load, its folder left out."""
    with pytest.raises(ConfigError) as caught:
        load_config(file)
    folder = os.fspath(Path(file).parent)
    return str(caught.value).replace(f"{folder}{os.sep}", "")


@pytest.mark.parametrize("case", sorted(path.stem for path in BAD.glob("*.yml")))
def test_the_errors_of_a_bad_file(case: str) -> None:
    expected = (BAD / f"{case}.txt").read_text(encoding="utf-8")
    # A kind is one file: a new one must not change these.
    expected = expected.replace("{kinds}", joined(kinds(), "or"))
    expected = expected.replace(
        "{starting}", joined((k for k in kinds() if "startup_when" in load(k).model_fields), "or")
    )
    said = problems(BAD / f"{case}.yml") + "\n"
    # What a parser of patterns, paths or addresses adds to our sentence changes with its version.
    pattern = re.escape(expected).replace(re.escape("{words of the library}"), r"[^\n]+?")
    assert re.fullmatch(pattern, said) or said == expected


def test_each_expectation_has_its_file() -> None:
    assert {path.stem for path in BAD.glob("*.txt")} == {path.stem for path in BAD.glob("*.yml")}
    assert len(list(BAD.glob("*.yml"))) >= 40


def nested(depth: int) -> str:
    return "environment: " + "[" * depth + "]" * depth + "\n"


def alias_bomb() -> str:
    """Nine levels of nine: 387 million values in 400 bytes."""
    levels = [f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]" for level in range(1, 9)]
    return "\n".join(["a0: &a0 [x, x, x, x, x, x, x, x, x]", *levels, ""])


def chained_aliases() -> str:
    """Each list holds the one before: deep by aliases alone."""
    lines = ["a0: &a0 [x]"] + [f"a{level}: &a{level} [*a{level - 1}]" for level in range(1, 60)]
    return "\n".join(lines) + "\n"


def merge_bomb() -> str:
    """A mapping of 1,000 keys, merged 1,000 times."""
    keys = "".join(f"  k{number}: x\n" for number in range(1000))
    return f"a: &a\n{keys}b:\n  <<: [{', '.join(['*a'] * 1000)}]\n"


Made = bytes | Callable[[], str]
GENERATED: dict[str, tuple[Made, str]] = {
    "ten megabytes": (
        b"# " + b"x" * 10_000_000,
        "f.yml:1: has 10000002 bytes; a configuration has at most 1048576",
    ),
    "a picture": (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "f.yml:1: is a binary file, not YAML"),
    "zeros": (b"environment: a\n\x00\x00\x00", "f.yml:1: is a binary file, not YAML"),
    "latin-1": ("environment: test\n# café\n".encode("latin-1"), "f.yml:2: is not UTF-8 text"),
    "utf-16": (GOOD.encode("utf-16"), "f.yml:1: is a binary file, not YAML"),
    "control character": (
        b"environment: test\ncomponents: \x1b[31m\n",
        "f.yml:2: the control character U+001B is not allowed in YAML",
    ),
    "alias bomb": (alias_bomb, "f.yml:6: more than 100000 values, aliases expanded"),
    "chained aliases": (chained_aliases, "f.yml:39: nested deeper than 40 levels"),
    "merge bomb": (merge_bomb, "f.yml:1003: more than 100000 values, aliases expanded"),
    "deep nesting": (lambda: nested(50), "f.yml:1: nested deeper than 40 levels"),
    "very deep nesting": (lambda: nested(400_000), "f.yml:1: nested deeper than 40 levels"),
    "very deep nesting after quoted brackets": (
        lambda: 'a: \'[[[[\'\nb: ["]\\"]", ' + nested(400_000).removeprefix("environment: "),
        "f.yml:2: nested deeper than 40 levels",
    ),
    "open brackets": (lambda: "environment: " + "[\n" * 500_000, "f.yml:40: nested deeper than 40 levels"),
    "too many values": (
        lambda: "environment: [" + "x," * 100_001 + "]\n",
        "f.yml:1: more than 100000 values, aliases expanded",
    ),
}


@pytest.mark.parametrize("case", GENERATED)
def test_a_generated_bad_file(case: str, tmp_path: Path) -> None:
    made, expected = GENERATED[case]
    (tmp_path / "f.yml").write_bytes(made().encode() if callable(made) else made)
    assert problems(tmp_path / "f.yml") == expected


def test_our_limit_of_nesting_comes_before_that_of_the_parser(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Impatient(yaml.SafeLoader):
        """Gives up on the bracket after the 40th, as some version may, with words of its own."""

        def fetch_flow_collection_start(self, token: type[yaml.Token]) -> None:
            if self.flow_level == MAX_DEPTH:
                raise yaml.scanner.ScannerError("while scanning", None, "whatever it says", self.get_mark())
            super().fetch_flow_collection_start(token)

    monkeypatch.setattr("staging_exporter.config.yamlfile._LOADER", Impatient)
    (tmp_path / "f.yml").write_text(nested(50))
    assert problems(tmp_path / "f.yml") == "f.yml:1: nested deeper than 40 levels"


def test_a_directory(tmp_path: Path) -> None:
    (tmp_path / "f.yml").mkdir()
    assert problems(tmp_path / "f.yml") == "f.yml:1: the directory has no files *.yml or *.yaml"


def test_a_missing_file(tmp_path: Path) -> None:
    assert problems(tmp_path / "f.yml") == "f.yml:1: cannot be read: No such file or directory"


def test_a_name_with_a_nul() -> None:
    assert problems("f\x00.yml").endswith(":1: cannot be read: its name holds a NUL")


def test_a_pipe_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "f.yml")
    assert problems(tmp_path / "f.yml") == "f.yml:1: is not a regular file"


def test_an_unreadable_file(tmp_path: Path) -> None:
    (tmp_path / "f.yml").write_text(GOOD)
    (tmp_path / "f.yml").chmod(0)
    user = os.geteuid()
    if user == 0:  # root may read everything
        os.seteuid(65534)
    try:
        assert problems(tmp_path / "f.yml") == "f.yml:1: cannot be read: Permission denied"
    finally:
        os.seteuid(user)


def test_errors_name_the_file_as_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "f.yml").write_text("a: [")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"^\./\.\./.*f\.yml:1: "):
        load_config(f"./../{tmp_path.name}/f.yml")


def test_the_number_of_errors_is_limited(tmp_path: Path) -> None:
    (tmp_path / "f.yml").write_text(GOOD + "".join(f"k{number}: x\n" for number in range(1000)))
    lines = problems(tmp_path / "f.yml").splitlines()
    assert len(lines) == MAX_PROBLEMS + 1
    assert lines[-1] == "f.yml:203: there are more errors; correct these first"


def test_long_and_unprintable_keys_are_shortened_and_escaped(tmp_path: Path) -> None:
    (tmp_path / "f.yml").write_text(GOOD + f'"\\e[31m{"x" * 900}": 1\n')
    found = problems(tmp_path / "f.yml")
    assert found.startswith("f.yml:4: unknown key `\\x1b[31mxxx")
    assert len(found) < 300


def test_no_secret_is_repeated() -> None:
    said = "".join(path.read_text(encoding="utf-8") for path in BAD.glob("*.txt"))
    assert "hunter2" in "".join(path.read_text(encoding="utf-8") for path in BAD.glob("*.yml"))
    assert "hunter2" not in said
