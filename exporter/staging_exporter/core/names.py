"""Every metric and label name of `/metrics`, spelt once, with its HELP text. Views and generators import it."""

from __future__ import annotations

from dataclasses import dataclass

ENVIRONMENT = "environment"
COMPONENT = "component"
JOURNEY = "journey"

GAUGE = "gauge"
COUNTER = "counter"
HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric family; `labels` come after `environment`. A counter's name includes `_total`."""

    name: str
    kind: str
    help: str
    labels: tuple[str, ...] = (COMPONENT,)


COMPONENT_INFO = Metric(
    "staging_component_info",
    GAUGE,
    "A configured component, always 1; kind is latent without a check, priority the configured one.",
    (COMPONENT, "kind", "layer", "priority"),
)
COMPONENT_UP = Metric(
    "staging_component_up",
    GAUGE,
    "1 when up or degraded, 0 when down, flapping or starting, by its last probe in maintenance; absent while unknown.",
)
COMPONENT_STATE = Metric(
    "staging_component_state", GAUGE, "1 for the state that is published, 0 for the others.", (COMPONENT, "state")
)
STATE_SINCE = Metric(
    "staging_component_state_since_timestamp_seconds", GAUGE, "When the published state began; absent before the first."
)
ROOT_CAUSE = Metric(
    "staging_component_root_cause", GAUGE, "1 when the last settled verdict names the component as a root cause."
)
AFFECTED_BY = Metric(
    "staging_component_affected_by_info",
    GAUGE,
    "A symptom and a root cause that it suffers from, always 1.",
    (COMPONENT, "root_cause"),
)
EXPLAINED_BY = Metric(
    "staging_component_explained_by_info",
    GAUGE,
    "What fails, and what it needs that fails, starts or is in maintenance, or did until now; always 1.",
    (COMPONENT, "dependency"),
)
EFFECTIVE_PRIORITY = Metric(
    "staging_component_effective_priority",
    GAUGE,
    "0, 1 or 2 for P0, P1, P2: the priority of a root cause by what it takes down; only for root causes.",
)
CONTRADICTED = Metric(
    "staging_component_contradicted", GAUGE, "1 when it is down although something that needs it is up."
)
ROOT_CAUSE_STALE = Metric(
    "staging_component_root_cause_stale", GAUGE, "1 when a root cause is remembered but no longer seen."
)
PENDING = Metric("staging_diagnosis_pending", GAUGE, "1 while a round is open and the verdict may still change.", ())
DEPENDENCY = Metric(
    "staging_dependency_info",
    GAUGE,
    "An edge of the dependency graph, always 1.",
    (COMPONENT, "depends_on", "optional"),
)
LINKS = Metric(
    "staging_component_links_info",
    GAUGE,
    "Where to go from an alert, and whom to tell, as configured, always 1; only for components with links.",
    (COMPONENT, "runbook", "issue", "dashboard", "owner"),
)
STARTUP_BUDGET = Metric(
    "staging_component_startup_budget_seconds", GAUGE, "The configured startup budget; absent without one."
)
STARTUP_END = Metric(
    "staging_component_startup_budget_end_timestamp_seconds",
    GAUGE,
    "When the startup budget is spent and the component will be down; only while it is starting.",
)
PROBE_DURATION = Metric(
    "staging_probe_duration_seconds", HISTOGRAM, "How long runs of the check took, failed ones included."
)
PROBE_PHASE = Metric(
    "staging_probe_phase_duration_seconds",
    GAUGE,
    "How long the phases of the last run took.",
    (COMPONENT, "phase"),
)
PROBES = Metric("staging_probes_total", COUNTER, "Runs of the check.")
PROBE_FAILURES = Metric(
    "staging_probe_failures_total",
    COUNTER,
    "Runs that were no pass, by reason; degraded and inconclusive ones included.",
    (COMPONENT, "reason"),
)
LAST_RUN = Metric(
    "staging_probe_last_run_timestamp_seconds", GAUGE, "When the last run began; probes run on a timer of their own."
)
INTERVAL = Metric("staging_probe_interval_seconds", GAUGE, "The configured interval from start to start.")
LAG = Metric("staging_probe_schedule_lag_seconds", HISTOGRAM, "How late runs began after they were due.", ())
TLS_NOT_AFTER = Metric(
    "staging_probe_tls_not_after_timestamp_seconds",
    GAUGE,
    "When the certificate that was shown expires, also when it was refused.",
)
DOMAIN_DRIFT = Metric(
    "staging_probe_domain_drift",
    GAUGE,
    "1 when a sibling of the host name answers and the name itself does not; only for kinds that ask siblings.",
)
CONNECTIONS = Metric(
    "staging_probe_connections", GAUGE, "Connections in use, as the peer told the last probe that asked."
)
MAX_CONNECTIONS = Metric("staging_probe_connections_limit", GAUGE, "Connections that the peer has for ordinary users.")
JOURNEY_STATE = Metric(
    "staging_journey_state", GAUGE, "1 for the state of the journey, 0 for the others.", (JOURNEY, "state")
)
STEP_STATE = Metric(
    "staging_journey_step_state",
    GAUGE,
    "1 for the state of the step's component, 0 for the others.",
    (JOURNEY, "step", "state"),
)
LAYER_ROOTS = Metric("staging_layer_root_causes", GAUGE, "How many root causes the layer owns now.", ("layer",))
TESTS = Metric("staging_tests", GAUGE, "Tests of the last report, by outcome.", (COMPONENT, "outcome"))
TEST_RUN = Metric("staging_test_run_timestamp_seconds", GAUGE, "When the tests of the last report ran.")
TEST_DURATION = Metric("staging_test_run_duration_seconds", GAUGE, "How long the tests of the last report took.")
TEST_CONFLICT = Metric(
    "staging_test_conflict", GAUGE, "1 when the suite passes although a component that it covers is down."
)
DEPLOY = Metric("staging_deploy_timestamp_seconds", GAUGE, "When the component was last deployed, as told to us.")
BUILD_INFO = Metric(
    "staging_exporter_build_info", GAUGE, "The version that runs, always 1.", ("version", "python_version")
)
RELOAD_OK = Metric(
    "staging_exporter_config_last_reload_successful", GAUGE, "1 when the last configuration reload succeeded.", ()
)
RELOAD_TIME = Metric(
    "staging_exporter_config_last_reload_success_timestamp_seconds",
    GAUGE,
    "When the configuration was last loaded with success.",
    (),
)
ONLINE = Metric("staging_exporter_online", GAUGE, "0 when all of our own vantage checks fail, else 1.", ())
