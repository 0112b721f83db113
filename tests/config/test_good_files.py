"""What a good file becomes."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml
from staging_exporter.config import Config, ConfigError, Limits, Problem, load_config
from staging_exporter.core.model import FailureRatio, Layer, Priority, Reason, Startup
from staging_exporter.net.address import HostPort
from staging_exporter.options.secrets import FromFile
from staging_exporter.probes import documentation, kinds
from staging_exporter.probes.http import Http
from staging_exporter.probes.tcp import Tcp

STAGING = Path(__file__).parent / "good" / "staging.yml"


@pytest.fixture(scope="module")
def staging() -> Config:
    return load_config(STAGING)


def load(tmp_path: Path, text: str) -> Config:
    (tmp_path / "f.yml").write_text(text, encoding="utf-8")
    return load_config(tmp_path / "f.yml")


def test_the_environment_in_the_order_of_the_file(staging: Config) -> None:
    topology = staging.topology
    assert topology.environment == "netra-staging"
    assert topology.recovery == 90
    assert list(topology.components)[:4] == ["vpc-connector", "postgres", "redis", "llm-a"]
    assert topology.components["vpc-connector"].latent
    assert list(staging.checks) == [name for name, c in topology.components.items() if not c.latent]
    assert all(staging.checks[name].kind == c.kind for name, c in topology.components.items() if not c.latent)


def test_a_component(staging: Config) -> None:
    backend = staging.topology.components["backend"]
    assert (backend.layer, backend.priority, backend.kind) == (Layer.APPLICATION, Priority.P0, "http")
    assert backend.depends_on == (("postgres",), ("llm-a", "llm-b"))
    assert backend.optional_depends_on == ("redis",)
    assert backend.startup == Startup(600, 30)
    assert backend.links == {"runbook": "https://...", "issue": "https://...", "owner": "platform-team"}
    assert (backend.interval, backend.timeout, backend.fall, backend.rise, backend.retry_interval) == (10, 5, 3, 2, 1)


def test_startup_when_goes_to_the_check(staging: Config) -> None:
    backend, frontend = staging.checks["backend"], staging.checks["frontend"]
    assert isinstance(backend, Http)
    assert isinstance(frontend, Http)
    assert backend.startup_when is not None
    assert frontend.startup_when is None


def test_intrinsic_reasons_go_to_the_component(staging: Config) -> None:
    assert staging.topology.components["auth"].intrinsic == {Reason.DENIED}
    assert staging.topology.components["frontend"].intrinsic == frozenset()


def test_one_failing_report_is_enough_unless_the_component_sets_fall(staging: Config) -> None:
    suite = staging.topology.components["suite"]
    assert suite.covers == ("websocket", "frontend")
    assert (suite.fall, suite.rise) == (1, 2)


def test_merge_keys_and_anchors(staging: Config) -> None:
    check = staging.checks["llm-b"]
    assert isinstance(check, Tcp)
    assert check.address == HostPort("llm-b.example", 443)
    assert check.tls is not None
    assert staging.topology.components["llm-b"].layer is Layer.PLATFORM


def test_all_other_sections(staging: Config) -> None:
    journey = staging.topology.journeys["golden-path"]
    assert journey.priority is Priority.P0
    assert journey.steps[0] == ("page", "frontend")
    assert staging.limits == Limits(
        requests_per_minute=60, shared=(("api.staging.netrasystems.ai", "auth.staging.netrasystems.ai"),)
    )
    assert [check.kind for _, check in staging.vantage] == ["tcp"]
    assert staging.servers == (HostPort("127.0.0.1", 5353),)
    assert staging.api.token == FromFile(file="/run/secrets/token")
    assert staging.slo == {name: 0.95 if name == "backend" else 0.99 for name in staging.checks}
    once, weekly = staging.maintenance
    assert once.components == ("redis",)
    assert once.active(datetime(2026, 12, 1, 21, tzinfo=UTC).timestamp())
    assert getattr(weekly.when, "zone", None) == ZoneInfo("Europe/Berlin")
    assert staging.warnings == ()


def test_a_path_with_several_nodes_is_pointed_at(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        """environment: test
components:
  api:
    layer: service
    priority: P0
    check:
      kind: http
      url: http://127.0.0.1/
      expect:
        json:
          $.checks[*].status: up
          $.checks[*].name: {nodes: any, eq: db}
          $.checks[?@.status!='up']: {exists: false}
          status: ok
      identity: {json: {"$..service": api}}
      degraded: {json: {"$.checks[*].status": slow}}
  ws:
    layer: service
    priority: P0
    check: {kind: websocket, url: "ws://127.0.0.1/", steps: [{ping: true}, {expect: {json: {"$[*]": 1}}}]}
""",
    )
    every = "must now be so, formerly one was enough; write `nodes: all`, or `nodes: any` for one"
    assert [str(problem).partition("f.yml:")[2] for problem in config.warnings] == [
        f"11: components.api.check.expect.json.$.checks[*].status: every node of `$.checks[*].status` {every}",
        f"15: components.api.check.identity.json.$..service: every node of `$..service` {every}",
        f"20: components.ws.check.steps[1].expect.json.$[*]: every node of `$[*]` {every}",
    ]


def test_two_loads_are_equal(staging: Config) -> None:
    assert load_config(STAGING) == staging
    assert load_config(str(STAGING)) == staging


MINIMAL = """\
environment: test
components:
  db: {layer: service, priority: P0}
"""


def test_defaults(tmp_path: Path) -> None:
    config = load(tmp_path, MINIMAL)
    component = config.topology.components["db"]
    assert (component.interval, component.timeout, component.fall, component.rise) == (10, 5, 3, 2)
    assert (config.topology.recovery, config.api.token, config.slo, config.maintenance) == (60, None, {}, ())
    assert config.limits == Limits(requests_per_minute=None, shared=())


def test_a_component_overrides_the_defaults(tmp_path: Path) -> None:
    text = """\
environment: test
defaults: {interval: 1m, timeout: 30s, fall: 5, rise: 4, retry_interval: 500ms}
components:
  a: {layer: service, priority: P0}
  b: {layer: service, priority: P0, interval: 5s, timeout: 5s, fall: 1, rise: 1, retry_interval: 2s}
"""
    a, b = load(tmp_path, text).topology.components.values()
    assert (a.interval, a.timeout, a.fall, a.rise, a.retry_interval) == (60, 30, 5, 4, 0.5)
    assert (b.interval, b.timeout, b.fall, b.rise, b.retry_interval) == (5, 5, 1, 1, 2)


def test_keys_that_begin_with_x_are_for_anchors(tmp_path: Path) -> None:
    text = """\
x-timing: &timing {interval: 30s, timeout: 20s}
environment: test
x-checks:
  - &check {kind: tcp, address: "127.0.0.1:5432"}
components:
  a: {<<: *timing, layer: service, priority: P0, check: *check}
"""
    config = load(tmp_path, text)
    assert (config.topology.components["a"].interval, config.checks["a"].kind) == (30.0, "tcp")


def test_a_share_of_failures_is_inherited_key_by_key(tmp_path: Path) -> None:
    text = """\
environment: test
defaults: {failure_ratio: {of: 40}, buckets: [100ms, 1s]}
components:
  a: {layer: service, priority: P0}
  b: {layer: service, priority: P0, failure_ratio: {above: 0.5}}
  c: {layer: service, priority: P0, failure_ratio: {above: 1, of: 20}, buckets: [1m, 2m]}
"""
    components = load(tmp_path, text).topology.components.values()
    assert [c.failure_ratio for c in components] == [FailureRatio(0.2, 40), FailureRatio(0.5, 40), FailureRatio(1, 20)]
    assert [c.buckets for c in components] == [(0.1, 1.0), (0.1, 1.0), (60.0, 120.0)]


@pytest.mark.parametrize(
    ("written", "owner"),
    [
        ("on", "on"),
        ("yes", "yes"),
        ("22:22", "22:22"),
        ("2026-12-01", "2026-12-01"),
        ("012", "012"),
        ("1_000", "1_000"),
        (".inf", ".inf"),
        ("1e999", "1e999"),
        ('"true"', "true"),
        ("!!str 5", "5"),
        ("'☃ é'", "☃ é"),
        ("|-\n      two\n      lines", "two\nlines"),
    ],
)
def test_values_that_are_text_in_yaml(tmp_path: Path, written: str, owner: str) -> None:
    text = MINIMAL.replace(
        "{layer: service, priority: P0}", f"\n    layer: service\n    priority: P0\n    links:\n     owner: {written}"
    )
    assert load(tmp_path, text).topology.components["db"].links == {"owner": owner}


@pytest.mark.parametrize("change", [lambda text: "\ufeff" + text, lambda text: text.replace("\n", "\r\n"), str.rstrip])
def test_byte_order_mark_line_ends_and_no_newline_at_the_end(tmp_path: Path, change: type[str]) -> None:
    (tmp_path / "f.yml").write_bytes(change(MINIMAL).encode())
    assert list(load_config(tmp_path / "f.yml").topology.components) == ["db"]


def test_a_host_that_mixes_dots_and_dashes_is_a_warning(tmp_path: Path) -> None:
    text = MINIMAL + "".join(
        f'  {name}: {{layer: service, priority: P0, check: {{kind: tcp, address: "{host}:443"}}}}\n'
        for name, host in [("a", "api.staging.x"), ("b", "api-staging.x"), ("c", "API.staging.x")]
    )
    (warning,) = load(tmp_path, text).warnings
    assert warning.line == 5
    assert warning.path == "components.b.check"
    assert warning.message == "api-staging.x and api.staging.x differ only in dots and dashes; are both names correct?"


def test_a_rate_limit_that_is_just_reached(tmp_path: Path) -> None:
    text = """\
environment: test
limits: {requests_per_minute: 12, shared: [[a.example, b.example]]}
components:
  a: {layer: service, priority: P0, check: {kind: tcp, address: "A.example:443"}}
  b: {layer: service, priority: P0, check: {kind: tcp, address: "b.example:443"}}
  c: {layer: service, priority: P0, interval: 5s, check: {kind: tcp, address: "c.example:443"}}
"""
    assert len(load(tmp_path, text).checks) == 3


def test_three_hundred_components_load_in_half_a_second(tmp_path: Path) -> None:
    block = """\
  c{n}:
    layer: service
    priority: P1
    depends_on: [{depends_on}]
    check: {{kind: tcp, address: "h{n}.example:443", tls: {{}}, steps: [{{send: a}}, {{expect: b}}]}}
"""
    blocks = [
        block.format(n=n, depends_on=", ".join(f"c{other}" for other in range(max(0, n - 3), n))) for n in range(300)
    ]
    text = "environment: test\ncomponents:\n" + "".join(blocks)
    load(tmp_path, text)
    begin = time.process_time()
    config = load(tmp_path, text)
    assert time.process_time() - begin < 0.5
    assert len(config.checks) == 300


def outcome(path: Path) -> str:
    """`loaded`, or `refused` with at least one sentence; whatever else is raised fails the test."""
    problems = refusal(path)
    assert problems is None or all(problem.line >= 1 and problem.message for problem in problems)
    return "loaded" if problems is None else "refused" if problems else "refused without a word"


def refusal(path: Path) -> tuple[Problem, ...] | None:
    try:
        load_config(path)
    except ConfigError as error:
        return error.problems
    return None


def test_a_truncated_file_loads_or_is_refused(tmp_path: Path) -> None:
    data = STAGING.read_bytes()
    seen = set()
    for size in range(0, len(data), 50):
        (tmp_path / "f.yml").write_bytes(data[:size])
        seen.add(outcome(tmp_path / "f.yml"))
    assert seen == {"refused", "loaded"}


def test_a_file_with_changed_bytes_loads_or_is_refused(tmp_path: Path) -> None:
    data = STAGING.read_bytes()
    chance = random.Random(7)
    seen = set()
    for _ in range(300):
        changed = bytearray(data)
        for _ in range(chance.randint(1, 4)):
            changed[chance.randrange(len(changed))] = chance.choice(b"\x00\t\n {}[]:,&*!|>'\"%@`-#?~0a\xc3\xff")
        (tmp_path / "f.yml").write_bytes(changed)
        seen.add(outcome(tmp_path / "f.yml"))
    assert seen == {"refused", "loaded"}


def test_a_file_with_changed_lines_loads_or_is_refused(tmp_path: Path) -> None:
    lines = STAGING.read_text(encoding="utf-8").splitlines(keepends=True)
    chance = random.Random(7)
    values = [
        "5",
        "-1",
        "1e9",
        "null",
        "true",
        "text",
        "[]",
        "{}",
        "[[]]",
        "[null]",
        "{a: null}",
        "{kind: tcp}",
        "*llm",
        "",
    ]
    seen = set()
    for _ in range(300):
        changed = list(lines)
        number = chance.randrange(len(changed))
        key = changed[number].split(":")[0]
        changed[number] = f"{key}: {chance.choice(values)}\n"
        (tmp_path / "f.yml").write_text("".join(changed), encoding="utf-8")
        seen.add(outcome(tmp_path / "f.yml"))
    assert seen == {"refused", "loaded"}


ODD: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    10**17,
    1.5,
    "",
    "x",
    "\x1b",
    "[::1",
    "é" * 300,
    [],
    [None],
    [[]],
    {},
    {"": None},
    {"kind": []},
)


def replaced(tree: Any, value: Any) -> Iterator[Any]:
    """`tree` with each of its values in turn replaced by `value`."""
    keys = tree if isinstance(tree, dict) else range(len(tree)) if isinstance(tree, list) else ()
    for key in keys:
        copy = dict(tree) if isinstance(tree, dict) else list(tree)
        for changed in (value, *replaced(tree[key], value)):
            copy[key] = changed
            yield copy


@pytest.mark.parametrize("kind", kinds())
def test_odd_values_in_any_option_of_a_kind_are_refused_or_accepted(kind: str, tmp_path: Path) -> None:
    example = documentation(kind).partition("```yaml\n")[2].partition("```")[0]
    tree = yaml.safe_load(example)
    (own,) = tree["components"].values() if "components" in tree else (tree,)
    component = {"layer": "service", "priority": "P0", **own}
    others = {name: {"layer": "service", "priority": "P0"} for name in component["check"].get("covers", ())}
    seen = set()
    for value in ODD:
        for changed in replaced(component, value):
            file = {"environment": "test", "components": {**others, "c": changed}}
            (tmp_path / "f.yml").write_text(json.dumps(file), encoding="utf-8")
            seen.add(outcome(tmp_path / "f.yml"))
    assert seen == {"refused", "loaded"}
