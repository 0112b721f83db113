"""Secrets as editors, shells and orchestrators write them."""

from __future__ import annotations

from pathlib import Path

import pytest
from staging_exporter.core.model import ProbeFailed, Reason
from staging_exporter.options.secrets import FromEnv, FromFile

BOM = b"\xef\xbb\xbf"
READ = {
    "plain": b"geheim",
    "a line end": b"geheim\n",
    "several line ends": b"\n\ngeheim\r\n\r\n",
    "of Windows": b"geheim\r\n",
    "a byte order mark": BOM + b"geheim\n",
    "of PowerShell": "\ufeffgeheim\r\n".encode("utf-16-le"),
    "UTF-16, big-endian": "\ufeffgeheim".encode("utf-16-be"),
}
EMPTY = {"nothing": b"", "a line end": b"\r\n", "blanks": b" \t \n", "a byte order mark": BOM, "both": BOM + b" \r\n"}


@pytest.mark.parametrize("case", READ)
def test_a_file_is_read_without_marks_and_line_ends(case: str, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(READ[case])
    assert FromFile(file=str(tmp_path / "secret")).read() == "geheim"


def test_blanks_around_a_secret_belong_to_it(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(" ge heim \n")
    assert FromFile(file=str(tmp_path / "secret")).read() == " ge heim "


@pytest.mark.parametrize("case", EMPTY)
def test_an_empty_file_names_itself(case: str, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(EMPTY[case])
    with pytest.raises(ProbeFailed) as caught:
        FromFile(file=str(tmp_path / "secret")).read()
    assert caught.value.reason == Reason.PROBE_ERROR
    assert caught.value.detail == f"the secret is empty: secret file {tmp_path / 'secret'}"


@pytest.mark.parametrize("value", ["", " ", "\n", "\ufeff\r\n"])
def test_an_empty_variable_names_itself(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_SECRET", value)
    with pytest.raises(ProbeFailed) as caught:
        FromEnv(env="SOME_SECRET").read()
    assert caught.value.detail == "the secret is empty: environment variable SOME_SECRET"


def test_a_variable_is_read_without_marks_and_line_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_SECRET", "\ufeffgeheim\r\n")
    assert FromEnv(env="SOME_SECRET").read() == "geheim"


@pytest.mark.parametrize("data", [b"\xff\x00geheim", b"\xff\xfeg"])
def test_what_is_no_text_is_not_quoted(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(data)
    with pytest.raises(ProbeFailed) as caught:
        FromFile(file=str(tmp_path / "secret")).read()
    assert caught.value.detail == f"secret file {tmp_path / 'secret'}: not UTF-8 text"
