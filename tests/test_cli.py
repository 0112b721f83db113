"""The commands as a user runs them: output and exit codes."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import pytest
from staging_exporter.config.hints import option_names
from staging_exporter.core.words import joined

from tests.support.live import EXPORTER, fetch, process, staging_exporter, wait_for
from tests.support.ports import free_port
from tests.support.waiting import held_up


def config(directory: Path, check: str, **more: str) -> Path:
    file = directory / "config.yml"
    rest = "\n".join(f"{key}: {value}" for key, value in more.items())
    file.write_text(
        f"environment: test\ndefaults: {{interval: 1s, timeout: 500ms, retry_interval: 50ms}}\n{rest}\n"
        f"components:\n  target: {{layer: service, priority: P1, check: {check}}}\n"
    )
    return file


def test_check_exits_0_when_everything_passes(tmp_path: Path) -> None:
    file = config(tmp_path, '{kind: exec, command: ["true"]}')
    done = staging_exporter("check", "--config.file", file)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("test is up: 1 check passes\n")


def test_check_names_the_root_cause_and_exits_1(tmp_path: Path) -> None:
    file = config(tmp_path, '{kind: exec, command: ["false"]}')
    done = staging_exporter("check", "--config.file", file)
    assert done.returncode == 1
    assert "target is the root cause" in done.stdout
    assert "\x1b" not in done.stdout


def test_check_ignores_root_causes_below_fail_on(tmp_path: Path) -> None:
    file = config(tmp_path, '{kind: exec, command: ["false"]}')
    assert staging_exporter("check", "--config.file", file, "--fail-on", "P0").returncode == 0


def test_several_files_are_merged(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text(
        "environment: t\ncomponents: {a: {layer: service, priority: P0, check: {kind: exec, command: ['false']}}}"
    )
    (tmp_path / "b.yml").write_text(
        "components: {b: {layer: service, priority: P0, check: {kind: exec, command: ['true']}}}"
    )
    first, second = str(tmp_path / "a.yml"), str(tmp_path / "b.yml")
    done = staging_exporter("validate", "--config.file", first, "--config.file", second)
    assert (done.returncode, done.stdout) == (0, f"{first}, {second} are valid: 2 checks, 0 latent.\n")
    done = staging_exporter("validate", first, second)
    assert (done.returncode, done.stdout) == (0, f"{first}, {second} are valid: 2 checks, 0 latent.\n")
    assert staging_exporter("validate", str(tmp_path)).stdout == f"{tmp_path} is valid: 2 checks, 0 latent.\n"
    assert staging_exporter("check", second, first).returncode == 1
    assert staging_exporter("validate", first).stdout == f"{first} is valid: 1 check, 0 latent.\n"


def test_the_environment_may_name_the_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = config(tmp_path, '{kind: exec, command: ["true"]}')
    monkeypatch.delenv("STAGING_EXPORTER_CONFIG", raising=False)
    done = staging_exporter("validate")
    assert (done.returncode, "give a configuration: FILE, --config.file FILE, or" in done.stderr) == (2, True)
    monkeypatch.setenv("STAGING_EXPORTER_CONFIG", str(file))
    assert staging_exporter("validate").returncode == 0
    assert staging_exporter("check").returncode == 0
    assert "cannot reach an exporter" in staging_exporter("check", "--from", "http://127.0.0.1:1").stderr


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        (["check", "f.yml", "--wait", "1s", "--wait", "2s"], "--wait"),
        (["run", "f.yml", "--log.level", "info", "--log.level=debug"], "--log.level"),
        (["generate", "rules", "f.yml", "--output", "a", "--output", "b"], "--output"),
        (["check", "--from", "http://a.test", "--from", "http://b.test"], "--from"),
    ],
)
def test_an_option_that_takes_one_value_is_refused_twice(arguments: list[str], option: str) -> None:
    done = staging_exporter(*arguments)
    assert (done.returncode, f"{option} is given 2 times, and takes one value" in done.stderr) == (2, True)


def test_check_exits_2_for_a_bad_file(tmp_path: Path) -> None:
    file = config(tmp_path, '{kind: exec, command: ["true"], colour: red}')
    done = staging_exporter("check", "--config.file", file)
    assert done.returncode == 2
    names = joined(option_names("exec"), "or")
    message = f"components.target.check: unknown key `colour`; choose {names}"
    assert done.stderr == f"{file}:5: {message}\n"
    assert "Traceback" not in done.stderr


def test_check_exits_3_when_the_verdict_is_undetermined(tmp_path: Path) -> None:
    file = config(tmp_path, '{kind: exec, command: ["/no/such/program"]}')
    done = staging_exporter("check", "--config.file", file)
    assert done.returncode == 3
    assert "Undetermined:" in done.stdout


def test_check_prints_json(tmp_path: Path) -> None:
    file = config(tmp_path, '{kind: exec, command: ["false"]}')
    done = staging_exporter("check", "--config.file", file, "--format", "json")
    assert done.returncode == 1
    assert [root["component"] for root in json.loads(done.stdout)["root_causes"]] == ["target"]


def test_validate(tmp_path: Path) -> None:
    good = staging_exporter("validate", "--config.file", config(tmp_path, '{kind: exec, command: ["true"]}'))
    assert (good.returncode, "is valid: 1 check" in good.stdout) == (0, True)
    bad = staging_exporter("validate", "--config.file", tmp_path / "absent.yml")
    assert bad.returncode == 2
    assert "absent.yml" in bad.stderr


def test_kinds_are_listed_and_documented() -> None:
    assert {line.split()[0] for line in staging_exporter("kinds").stdout.splitlines()} >= {"http", "postgres"}
    assert staging_exporter("kinds", "tcp").stdout.startswith("# tcp\n")
    unknown = staging_exporter("kinds", "gopher")
    assert (unknown.returncode, "there is no kind 'gopher'" in unknown.stderr) == (2, True)


def test_the_schema_is_json_schema() -> None:
    schema = json.loads(staging_exporter("schema").stdout)
    assert "components" in schema["properties"]


def test_version_and_help() -> None:
    assert staging_exporter("--version").stdout.startswith("staging-exporter, version ")
    help_text = staging_exporter("--help").stdout
    assert all(command in help_text for command in ("run", "check", "validate", "kinds", "schema", "demo"))
    listed = [staging_exporter(*group, "--help").stdout.partition("Commands:")[2] for group in ((), ("generate",))]
    assert all(lines and "..." not in lines for lines in listed)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_run_reloads_on_sighup_and_stops_within_two_seconds(tmp_path: Path, number: signal.Signals) -> None:
    hung = '{kind: exec, command: ["sleep", "60"]}'
    file = config(tmp_path, hung)
    components = "".join(f"  hung-{n}: {{layer: service, priority: P2, check: {hung}}}\n" for n in range(50))
    file.write_text(file.read_text().replace("500ms", "30s").replace("interval: 1s", "interval: 30s") + components)
    url, log = f"127.0.0.1:{free_port()}", tmp_path / "log"
    command = [*EXPORTER, "run", "--config.file", str(file), "--web.listen-address", url, "--log.format", "json"]
    with process(command, log) as child:
        wait_for(lambda: "listening" in log.read_text(), "the exporter listens")
        wait_for(lambda: len(_children(child.pid)) >= 50, "fifty probes hang")
        child.send_signal(signal.SIGHUP)
        wait_for(lambda: "configuration reloaded" in log.read_text(), "the configuration is reloaded")
        assert "staging_exporter_build_info" in fetch(f"http://{url}/metrics")
        begin, held = time.monotonic(), [held_up(child.pid)]
        child.send_signal(number)
        wait_for(lambda: child.poll() is not None or held.append(held_up(child.pid)), "the exporter stops")
        assert child.returncode == 0
        assert time.monotonic() - begin - (held[-1] - held[0]) < 2.0
    assert all(isinstance(json.loads(line)["ts"], str) for line in log.read_text().splitlines())


def test_run_exits_2_when_it_cannot_listen(tmp_path: Path) -> None:
    file = config(tmp_path, '{kind: exec, command: ["true"]}')
    done = staging_exporter("run", "--config.file", file, "--web.listen-address", "192.0.2.1:9877")
    assert done.returncode == 2
    assert "cannot listen on 192.0.2.1:9877" in done.stderr


def _children(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
