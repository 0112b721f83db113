"""`check --only`: states and logs of single components, and the exit codes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.live import staging_exporter
from tests.support.ports import free_port

CONFIG = """
environment: test
defaults: {{interval: 2s, timeout: 2s, retry_interval: 50ms}}
{more}
components:
  network: {{layer: infrastructure, priority: P0}}
  good: {{layer: service, priority: P0, depends_on: [network], check: {{kind: exec, command: ["true"]}}}}
  bad: {{layer: service, priority: P0, depends_on: [network, good], check: {{kind: tcp, address: "127.0.0.1:{port}"}}}}
  odd: {{layer: service, priority: P0, check: {{kind: exec, command: ["/none"]}}}}
  slow:
    {{layer: service, priority: P0, startup: {{budget: 9s, cold: 9s}},
     check: {{kind: tcp, address: "127.0.0.1:{port}"}}}}
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "config.yml"
    file.write_text(CONFIG.format(port=free_port(), more=""))
    return file


CODES = {
    "a component that is up": ("good", 0),
    "a component that is down": ("bad", 1),
    "a component whose check cannot run": ("odd", 3),
    "a component that is starting": ("slow", 3),
    "down counts before unknown": ("odd,bad", 1),
}


@pytest.mark.parametrize(("names", "code"), CODES.values(), ids=CODES)
def test_the_exit_code_is_that_of_the_states(config: Path, names: str, code: int) -> None:
    assert staging_exporter("check", config, "--only", names).returncode == code


def test_each_component_is_printed_with_the_log_of_its_last_run(config: Path) -> None:
    done = staging_exporter("check", config, "--only", "good", "--only", "bad")
    blocks = done.stdout.strip().split("\n\n")
    assert [block.splitlines()[0].split(" (")[0] for block in blocks] == ["good is up", "bad is down"]
    assert "\n  1 run; the last one took " in blocks[0]
    assert "\n  3 runs; the last one took " in blocks[1]
    assert " s  refused: " in blocks[1]
    assert "root cause" not in done.stdout


def test_nothing_is_down_while_the_exporter_is_offline(tmp_path: Path) -> None:
    file = tmp_path / "config.yml"
    port = free_port()
    file.write_text(CONFIG.format(port=port, more=f'vantage: [{{kind: tcp, address: "127.0.0.1:{port}"}}]'))
    done = staging_exporter("check", file, "--only", "bad")
    assert done.returncode == 3
    assert done.stdout.endswith("The exporter is offline: all vantage checks are failing.\n")


REFUSED = {
    "an unknown name": (["--only", "bda"], "there is no component 'bda', did you mean 'bad'?"),
    "a latent component": (["--only", "network"], "network has no check; it is inferred from good and bad"),
    "a journey": (["--only", "good", "--wait", "1m"], "--only goes with no other option but the configuration"),
}


@pytest.mark.parametrize(("args", "message"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_run_is_refused(config: Path, args: list[str], message: str) -> None:
    done = staging_exporter("check", config, *args)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
