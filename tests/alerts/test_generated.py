"""`staging-exporter generate`: the committed rules are current; bad input is refused, any name is escaped."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result
from staging_exporter.cli import main
from staging_exporter.generate.monitoring import EXPORTER_DOWN

from tests.alerts.derive import Rule, absence, cases
from tests.alerts.promtool import DEPLOY, promtool, run_tests
from tests.alerts.table import ROWS
from tests.alerts.test_alertmanager import run

CONFIG = DEPLOY / "netra-staging.yml"
SMALL = """\
environment: {environment}
{top}
components:
  db: {{layer: infrastructure, priority: P0, check: {{kind: tcp, address: "127.0.0.1:5432"}}{component}}}
alerting:
  {alerting}
"""
RECEIVERS = 'receivers: {P0: [{kind: webhook, url: "http://127.0.0.1:1/"}]}'
MAIL = "kind: email, to: a, from: b"
HOSTILE = ['a "quoted\\" one', "{{ $value }}", "$1 `tick` 'single'", "ünï ☃", "- [yaml]: {x}", "line\nbreak", "a|b.*"]


def generate(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["generate", *map(str, arguments)])


def config(
    directory: Path, environment: str = "test", alerting: str = RECEIVERS, top: str = "", component: str = ""
) -> Path:
    file = directory / "f.yml"
    name = yaml.safe_dump(environment, default_style='"', width=1000).strip()
    file.write_text(SMALL.format(environment=name, alerting=alerting, top=top, component=component))
    return file


@pytest.mark.parametrize(
    ("folder", "arguments"),
    [
        pytest.param("prometheus", ["rules"], id="rules"),
        pytest.param("prometheus", ["rules", "--format", "prometheusrule"], id="the operator's rules"),
        pytest.param("alertmanager", ["alertmanager"], id="Alertmanager"),
    ],
)
def test_the_committed_file_is_current(folder: str, arguments: list[str], tmp_path: Path) -> None:
    assert generate(*arguments, "--config.file", CONFIG, "--output", tmp_path).exit_code == 0
    made = sorted(tmp_path.iterdir())
    assert made
    for file in made:
        committed = DEPLOY / folder / file.name
        assert committed.read_text() == file.read_text(), f"generate {' '.join(arguments)} makes another {committed}"


def test_all_writes_every_part(tmp_path: Path) -> None:
    done = generate("all", "--config.file", CONFIG, "--output", tmp_path)
    assert (done.exit_code, done.stderr) == (0, "")
    assert {path.parent.name for path in tmp_path.rglob("*.*")} >= {"prometheus", "alertmanager", "dashboards"}
    assert f"wrote {tmp_path}/prometheus/staging.rules.yml\n" in done.stdout


def test_all_without_receivers_leaves_out_alertmanager(tmp_path: Path) -> None:
    done = generate("all", "--config.file", config(tmp_path, alerting="{}"), "--output", tmp_path / "out")
    assert done.exit_code == 0
    assert done.stderr.startswith(
        "skipped the Alertmanager configuration: alerting.receivers: no receivers are configured"
    )
    assert (tmp_path / "out" / "prometheus").exists()
    assert not (tmp_path / "out" / "alertmanager").exists()


def test_alertmanager_without_receivers_is_refused(tmp_path: Path) -> None:
    file = config(tmp_path, alerting="{}")
    done = generate("alertmanager", "--config.file", file, "--output", tmp_path)
    assert (done.exit_code, done.stderr) == (
        2,
        f"{file}: alerting.receivers: no receivers are configured; add at least one for P0\n",
    )


def test_an_output_that_is_no_directory_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    done = generate("rules", "--config.file", config(tmp_path), "--output", tmp_path / "taken")
    assert done.exit_code == 2
    assert done.stderr.startswith("cannot write ")


BAD: dict[str, tuple[dict[str, str], str]] = {
    "an objective above one": (
        {"top": "slo: {objective: 1.5}"},
        "slo.objective: must be less than 1",
    ),
    "an objective that cannot fire": (
        {"top": "slo: {objective: 0.9}"},
        "components.db.slo.objective: an objective of 0.9 can never fire a burn rate alert; above 0.9306 it can",
    ),
    "an objective that single probes would miss": (
        {"component": ", interval: 5m, slo: {objective: 0.999}"},
        "components.db.slo.objective: an objective of 0.999 would fire on fewer than 3 failed probes an hour at an "
        "interval of 300 s; at most 0.9826 does not",
    ),
    "an objective of a component that is not probed": (
        {"component": "}\n  vpc: {layer: infrastructure, priority: P1, slo: {objective: 0.99}"},
        "components.vpc.slo.objective: a component without a check has no probes that an error budget could count",
    ),
    "an unknown kind of receiver": (
        {"alerting": "receivers: {P0: [{kind: pager, url: x}]}"},
        "`pager` is not valid here; choose 'pagerduty', 'slack', 'opsgenie', 'webhook', 'email'",
    ),
    "a receiver without a kind": ({"alerting": "receivers: {P0: [{url: x}]}"}, "missing key `kind`"),
    "no receivers for P0": ({"alerting": "receivers: {P0: []}"}, "alerting.receivers.P0: must not be empty"),
    "a literal secret": (
        {"alerting": "receivers: {P0: [{kind: slack, url: 'https://hooks.example.com/hunter2'}]}"},
        "a secret does not belong in this file: write {file: PATH}, a file that Alertmanager reads",
    ),
    "a runbook with a space": (
        {"alerting": "runbooks: https://example.com/run books"},
        "alerting.runbooks: a link begins with https:// or http://, and has no spaces, quotes or braces",
    ),
    "a link with a template": (
        {"alerting": "exporter: 'https://example.com/{{ $value }}'"},
        "alerting.exporter: a link begins with",
    ),
    "hours across midnight": (
        {"alerting": 'working_hours: {from: "22:00", to: "06:00"}'},
        "`to` is not after `from`; Alertmanager has no time intervals across midnight",
    ),
    "an invalid time of day": ({"alerting": 'working_hours: {from: "8", to: "18:00"}'}, "not a time of day"),
    "an unknown time zone": (
        {"alerting": 'working_hours: {from: "08:00", to: "18:00", timezone: Mars/Olympus}'},
        "alerting.working_hours.timezone: `Mars/Olympus` is not a time zone; write it like Europe/Berlin",
    ),
    "a password in the clear": (
        {"alerting": f"receivers: {{P0: [{{{MAIL}, server: 'a:25', password: {{file: /p}}, starttls: false}}]}}"},
        "a password is not sent in the clear: leave out `password` or `starttls: false`",
    ),
    "a server without its port": (
        {"alerting": "receivers: {P0: [{kind: email, to: a, from: b, server: smtp.example.com}]}"},
        "server",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_refused(case: str, tmp_path: Path) -> None:
    given, expected = BAD[case]
    done = generate("rules", "--config.file", config(tmp_path, **given), "--output", tmp_path / "out")
    assert done.exit_code == 2
    assert expected in done.stderr
    assert "hunter2" not in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("environment", HOSTILE)
def test_any_name_of_an_environment_is_escaped(environment: str, tmp_path: Path) -> None:
    """Rules fire for their environment only, and Alertmanager routes by it."""
    done = generate("all", "--config.file", config(tmp_path, environment), "--output", tmp_path)
    assert done.exit_code == 0, done.output
    rules = tmp_path / "prometheus" / "staging.rules.yml"
    checked = promtool("check", "rules", "--lint=all", "--lint-fatal", rules)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    groups: list[dict[str, Any]] = yaml.safe_load(rules.read_text())["groups"]
    labels = groups[0]["rules"][0]["labels"]
    row = replace(next(row for row in ROWS if row.alert == "StagingRootCauseP0"), environment=environment)
    firing = next(test for _, sort, test in cases(row, Rule(0.0, labels)) if sort == "firing")
    stranger = next(
        test for _, sort, test in cases(replace(row, environment="x"), Rule(0.0, labels)) if sort == "firing"
    )
    for check in stranger["promql_expr_test"]:
        check["exp_samples"] = []
    down = next(
        test for _, _, test in absence(EXPORTER_DOWN, Rule(60.0, groups[1]["rules"][-1]["labels"]), environment)
    )
    assert run_tests(tmp_path, [firing, stranger, down], 15.0, groups[:2]) == ""
    _routes_by(environment, tmp_path / "alertmanager" / "alertmanager.yml")


def _routes_by(environment: str, file: Path) -> None:
    checked = run("amtool", "check-config", file)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    matcher = yaml.safe_load(file.read_text())["route"]["routes"][0]["matchers"][0]
    literal = yaml.safe_load(matcher.removeprefix("environment="))  # its escapes are among those of YAML
    assert literal == environment


def test_annotations_name_affected_components_and_the_owner(tmp_path: Path) -> None:
    environment = 'a "quoted" one'
    links = "alerting: {runbooks: https://r.example.com/x, exporter: https://e.example.com/, dashboard: https://d.example.com/d?a=b}"
    file = config(tmp_path, environment)
    file.write_text(file.read_text().split("alerting:")[0] + links)
    assert generate("rules", "--config.file", file, "--output", tmp_path).exit_code == 0
    groups = yaml.safe_load((tmp_path / "staging.rules.yml").read_text())["groups"][:1]
    at = 'environment="a \\"quoted\\" one"'
    series = {
        f'staging_component_info{{{at},component="db",layer="service"}}': 1,
        f'staging_component_root_cause{{{at},component="db"}}': 1,
        f'staging_component_effective_priority{{{at},component="db"}}': 0,
        f'staging_component_affected_by_info{{{at},component="web",root_cause="db"}}': 1,
        f'staging_component_affected_by_info{{{at},component="api",root_cause="db"}}': 1,
        f'staging_component_affected_by_info{{{at},component="api",root_cause="db",instance="another"}}': 1,
        f'staging_component_affected_by_info{{{at},component="mail",root_cause="dns"}}': 1,
        f'staging_journey_blocked_step_info{{{at},journey="login",step="sign-in"}}': 1,
        f'staging_journey_blocked_step_info{{{at},journey="login",step="sign-in",instance="another"}}': 1,
        f'staging_journey_blocked_step_info{{{at},journey="buy",step="pay"}}': 1,
        f'staging_component_root_cause_info{{{at},component="db",reason="closed",detail="hung up"}}': 1,
        f'staging_component_root_cause_certainty{{{at},component="db",certainty="observed"}}': 1,
        f'staging_component_links_info{{{at},component="db",owner="db-team",issue="https://i.example.com/1"}}': 1,
    }
    expected = {
        "summary": f"db is the root cause of the outage in {environment}.",
        "description": "db, layer service, is a root cause with effective priority P0. Evidence: closed, hung up. "
        "Affected components: api, web. Blocked journeys in the environment: buy at pay, login at sign-in.",
        "affected": "api, web",
        "journeys": "buy at pay, login at sign-in",
        "evidence": "closed, hung up",
        "certainty": "observed",
        "runbook_url": "https://r.example.com/x/StagingRootCauseP0.md",
        "dashboard_url": "https://d.example.com/d?a=b&var-environment=a+%22quoted%22+one&var-component=db",
        "status_url": "https://e.example.com/components/db",
        "owner": "db-team",
        "issue_url": "https://i.example.com/1",
        "component_runbook_url": "",
        "component_dashboard_url": "",
    }
    labels = {"environment": environment, "component": "db", "layer": "service", "severity": "critical",
              "priority": "P0", "role": "root_cause"}  # fmt: skip
    test = {
        "interval": "15s",
        "input_series": [{"series": name, "values": f"{value}x4"} for name, value in series.items()],
        "alert_rule_test": [
            {"eval_time": "30s", "alertname": "StagingRootCauseP0",
             "exp_alerts": [{"exp_labels": labels, "exp_annotations": expected}]},
        ],
    }  # fmt: skip
    assert run_tests(tmp_path, [test], 15.0, groups) == ""


ONE_SENDER = "alertmanagers: [https://a.example.com]"


@pytest.mark.parametrize(
    ("more", "by_rules", "interval"),
    [
        pytest.param("", True, "75s", id="the rules send"),
        pytest.param(ONE_SENDER, False, "10s", id="the exporter sends"),
        pytest.param(f"{ONE_SENDER}\n  alongside_prometheus: true", True, "75s", id="both send"),
    ],
)
def test_one_sender_pages_root_causes_and_the_dead_mans_rule_stays(
    more: str, by_rules: bool, interval: str, tmp_path: Path
) -> None:
    file = config(tmp_path, alerting=f"{RECEIVERS}\n  {more}")
    assert generate("rules", "--config.file", file, "--output", tmp_path).exit_code == 0
    assert generate("alertmanager", "--config.file", file, "--output", tmp_path).exit_code == 0
    assert promtool("check", "rules", tmp_path / "staging.rules.yml").returncode == 0
    groups = yaml.safe_load((tmp_path / "staging.rules.yml").read_text())["groups"]
    alerts = {rule.get("alert", "") for group in groups for rule in group["rules"]}
    roots = {f"StagingRootCause{priority}" for priority in ("P0", "P1", "P2")}
    assert alerts & roots == (roots if by_rules else set())
    assert {"StagingWatchdog", EXPORTER_DOWN, "StagingDownUnexplained"} <= alerts
    [route] = [
        route
        for route in yaml.safe_load((tmp_path / "alertmanager.yml").read_text())["route"]["routes"]
        if {'priority="P0"', 'role="root_cause"'} <= set(route["matchers"])
    ]
    assert route["group_interval"] == interval


def test_somebody_elses_alertmanager_yml_is_kept_and_the_message_says_how_to_merge(tmp_path: Path) -> None:
    """Merged as the message says, amtool accepts it, and their own alerts go where they went."""
    theirs, made = tmp_path / "theirs", tmp_path / "made"
    theirs.mkdir()
    before = "route: {receiver: mine}\nreceivers: [{name: mine}]\n"
    (theirs / "alertmanager.yml").write_text(before)
    done = generate("alertmanager", "--config.file", config(tmp_path), "--output", theirs)
    assert done.exit_code == 2
    assert "to keep yours: write to another directory with --output; copy staging.tmpl from there" in done.stderr
    assert [(path.name, path.read_text()) for path in theirs.iterdir()] == [("alertmanager.yml", before)]
    assert generate("alertmanager", "--config.file", config(tmp_path), "--output", made).exit_code == 0
    ours = yaml.safe_load((made / "alertmanager.yml").read_text())
    merged = yaml.safe_load(before)
    merged["route"]["routes"] = ours["route"]["routes"]
    merged["receivers"] += ours["receivers"]
    merged |= {key: ours[key] for key in ("inhibit_rules", "templates")}
    (made / "alertmanager.yml").write_text(yaml.safe_dump(merged))
    assert run("amtool", "check-config", made / "alertmanager.yml").returncode == 0
    for labels, receiver in ((("alertname=X",), "mine"), (("environment=test", "priority=P0"), "P0")):
        command = ("amtool", "config", "routes", "test", f"--config.file={made / 'alertmanager.yml'}")
        assert run(*command, f"--verify.receivers={receiver}", *labels).returncode == 0
