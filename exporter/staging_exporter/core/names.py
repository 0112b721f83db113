"""Every metric and label name of `/metrics`, spelt once, with its HELP text; used by views and generators."""

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
    "Configured component, always 1; kind is latent without a check, step for one of a flow; priority as configured.",
    (COMPONENT, "kind", "layer", "priority"),
)
COMPONENT_UP = Metric(
    "staging_component_up",
    GAUGE,
    "1 when up or degraded, 0 when down, flapping or starting; in maintenance by the last probe; absent while unknown.",
)
COMPONENT_STATE = Metric(
    "staging_component_state", GAUGE, "1 for the published state, 0 for the others.", (COMPONENT, "state")
)
STATE_SINCE = Metric(
    "staging_component_state_since_timestamp_seconds",
    GAUGE,
    "Start of the published state; absent before the first one.",
)
ROOT_CAUSE = Metric(
    "staging_component_root_cause", GAUGE, "1 when the component is a root cause by the last settled verdict, else 0."
)
AFFECTED_BY = Metric(
    "staging_component_affected_by_info",
    GAUGE,
    "Symptom and root cause that affects it, always 1.",
    (COMPONENT, "root_cause"),
)
EXPLAINED_BY = Metric(
    "staging_component_explained_by_info",
    GAUGE,
    "Failing component and the dependency that explains it: down, starting, in maintenance or just recovered.",
    (COMPONENT, "dependency"),
)
EFFECTIVE_PRIORITY = Metric(
    "staging_component_effective_priority",
    GAUGE,
    "Priority of a root cause including what it takes down: 0, 1 or 2 for P0, P1, P2; only for root causes.",
)
ROOT_CAUSE_INFO = Metric(
    "staging_component_root_cause_info",
    GAUGE,
    "Reason and detail of a root cause when its reason was published, always 1; only for root causes.",
    (COMPONENT, "reason", "detail"),
)
CERTAINTY = Metric(
    "staging_component_root_cause_certainty",
    GAUGE,
    "1 for how the root cause was found, 0 for the other ways; only for root causes.",
    (COMPONENT, "certainty"),
)
RELATED = Metric(
    "staging_component_root_cause_related_info",
    GAUGE,
    "Root cause and a component that makes it less certain or should be looked at with it, always 1.",
    (COMPONENT, "relation", "related"),
)
CONTRADICTED = Metric(
    "staging_component_contradicted", GAUGE, "1 when the component is down although a dependent of it is up, else 0."
)
ROOT_CAUSE_STALE = Metric(
    "staging_component_root_cause_stale",
    GAUGE,
    "1 when the root cause can no longer be observed, else 0; only for root causes.",
)
CHECK_SHALLOW = Metric(
    "staging_component_check_shallow_total",
    COUNTER,
    "Incidents that the check did not notice, while a dependency and dependents of its component failed.",
)
FAILURE_RATIO = Metric(
    "staging_component_failure_ratio",
    GAUGE,
    "Share of the last scheduled probes that failed, by failure_ratio; only while the component is not down.",
)
PENDING = Metric(
    "staging_diagnosis_pending",
    GAUGE,
    "1 while a round of probes is open and the verdict may still change, else 0.",
    (),
)
DEPENDENCY = Metric(
    "staging_dependency_info",
    GAUGE,
    "Edge of the dependency graph, always 1.",
    (COMPONENT, "depends_on", "optional"),
)
LINKS = Metric(
    "staging_component_links_info",
    GAUGE,
    "Configured links and owner of a component, always 1; only for components with links.",
    (COMPONENT, "runbook", "issue", "dashboard", "owner"),
)
STARTUP_BUDGET = Metric(
    "staging_component_startup_budget_seconds", GAUGE, "Configured startup budget; absent without one."
)
STARTUP_END = Metric(
    "staging_component_startup_budget_end_timestamp_seconds",
    GAUGE,
    "End of the startup budget, from which the component counts as down; only while it is starting.",
)
PROBE_DURATION = Metric(
    "staging_probe_duration_seconds", HISTOGRAM, "Duration of probes that passed or were degraded; not of failures."
)
LAST_FAILURE_DURATION = Metric(
    "staging_probe_last_failure_duration_seconds",
    GAUGE,
    "Duration of the last probe that failed; absent before the first one.",
)
PROBE_SUCCESS = Metric(
    "staging_probe_success",
    GAUGE,
    "1 when the last probe passed or was degraded, 0 when it failed, before thresholds; absent when inconclusive.",
)
PROBE_PHASE = Metric(
    "staging_probe_phase_duration_seconds",
    GAUGE,
    "Duration of the phases of the last probe.",
    (COMPONENT, "phase"),
)
PROBE_STEP = Metric(
    "staging_probe_step_duration_seconds",
    GAUGE,
    "Duration of the steps of the last probe, kind flow.",
    (COMPONENT, "step"),
)
PROBES = Metric("staging_probes_total", COUNTER, "Probes that have finished.")
PROBE_FAILURES = Metric(
    "staging_probe_failures_total",
    COUNTER,
    "Probes that did not pass, by reason; degraded and inconclusive ones included.",
    (COMPONENT, "reason"),
)
BUDGET_RUNS = Metric(
    "staging_slo_runs_total",
    COUNTER,
    "Scheduled probes that count for the error budget: without failures of symptoms, starts and maintenance.",
)
BUDGET_FAILURES = Metric(
    "staging_slo_failures_total",
    COUNTER,
    "Scheduled probes that failed and count for the error budget, added when the verdict on them is published.",
)
LAST_RUN = Metric(
    "staging_probe_last_run_timestamp_seconds",
    GAUGE,
    "Start of the last probe; probes run on their own timer, not on scrapes.",
)
INTERVAL = Metric("staging_probe_interval_seconds", GAUGE, "Configured interval between the starts of two probes.")
TIMEOUT = Metric("staging_probe_timeout_seconds", GAUGE, "Configured deadline of a probe.")
SKIPPED = Metric(
    "staging_probe_runs_skipped_total",
    COUNTER,
    "Scheduled probes that did not run: an earlier one was still running, or a rate limit held it back.",
)
CONCURRENCY = Metric("staging_probe_concurrency", GAUGE, "Probes that are running at this moment.", ())
LAG = Metric(
    "staging_probe_schedule_lag_seconds", HISTOGRAM, "Delay between the scheduled and the actual start of probes.", ()
)
TLS_NOT_AFTER = Metric(
    "staging_probe_tls_not_after_timestamp_seconds",
    GAUGE,
    "Expiry of the certificate of the server that was seen last, whether or not it was accepted.",
)
TLS_CHAIN_NOT_AFTER = Metric(
    "staging_probe_tls_chain_not_after_timestamp_seconds",
    GAUGE,
    "Earliest expiry in the chain that was verified; of all certificates that the server sent when it was not.",
)
TLS_INFO = Metric(
    "staging_probe_tls_info",
    GAUGE,
    "Certificate and TLS session of the server, always 1; changes after two probes in a row saw the same.",
    (COMPONENT, "version", "cipher", "issuer", "subject", "serial", "fingerprint_sha256"),
)
CREDENTIAL_NOT_AFTER = Metric(
    "staging_probe_credential_not_after_timestamp_seconds",
    GAUGE,
    "Earliest expiry of the credentials that the exporter itself uses: a token that says so, a client certificate.",
)
TOKEN_NOT_AFTER = Metric(
    "staging_probe_token_not_after_timestamp_seconds",
    GAUGE,
    "Earliest expiry of the tokens that the exporter fetches and renews itself.",
)
HTTP_STATUS = Metric("staging_probe_http_status_code", GAUGE, "HTTP status in the last probe; absent without one.")
CLOSE_CODE = Metric(
    "staging_probe_websocket_close_code", GAUGE, "Code with which the server closed the WebSocket in the last probe."
)
ADDRESS_HASH = Metric(
    "staging_probe_ip_address_hash", GAUGE, "Hash of the address that the last probe connected to: it changes with it."
)
DOMAIN_DRIFT = Metric(
    "staging_probe_domain_drift",
    GAUGE,
    "1 when a sibling of the host name answers and the name itself does not, else 0; only for kinds with siblings.",
)
CONNECTIONS = Metric(
    "staging_probe_connections", GAUGE, "Connections in use, reported by the server in the last probe."
)
MAX_CONNECTIONS = Metric(
    "staging_probe_connections_limit", GAUGE, "Connections available to ordinary users, reported by the server."
)
CLOUD_INSTANCES = Metric(
    "staging_gcp_instances", GAUGE, "Instances of the resource by Cloud Monitoring, a few minutes old."
)
CLOUD_MAX_INSTANCES = Metric("staging_gcp_max_instances", GAUGE, "Configured maximum of instances of the resource.")
CLOUD_UTILIZATION = Metric(
    "staging_gcp_utilization_ratio",
    GAUGE,
    "Utilization of a VPC connector that has all its instances, the larger of CPU and throughput; absent below that.",
)
CLOUD_STARTUP_BUDGET = Metric(
    "staging_gcp_startup_budget_seconds", GAUGE, "Time that the startup probe of a Cloud Run service allows."
)
JOURNEY_STATE = Metric(
    "staging_journey_state", GAUGE, "1 for the published state of the journey, 0 for the others.", (JOURNEY, "state")
)
STEP_STATE = Metric(
    "staging_journey_step_state", GAUGE, "1 for the state of the step, 0 for the others.", (JOURNEY, "step", "state")
)
BLOCKED_STEP = Metric(
    "staging_journey_blocked_step_info", GAUGE, "1 for the step at which the journey is blocked.", (JOURNEY, "step")
)
LAYER_ROOTS = Metric("staging_layer_root_causes", GAUGE, "Number of root causes that the layer owns.", ("layer",))
TESTS = Metric("staging_tests", GAUGE, "Number of tests in the last report, by outcome.", (COMPONENT, "outcome"))
TEST_RUN = Metric("staging_test_run_timestamp_seconds", GAUGE, "Time of the test run of the last report.")
TEST_DURATION = Metric("staging_test_run_duration_seconds", GAUGE, "Duration of the test run of the last report.")
TEST_CONFLICT = Metric(
    "staging_test_conflict", GAUGE, "1 when the suite passed although a component that it covers is down, else 0."
)
LABELS = Metric("staging_component_labels", GAUGE, "Labels that are configured for a component, always 1.")
DEPLOY = Metric("staging_deploy_timestamp_seconds", GAUGE, "Time of the last deploy that was marked.")
BUILD_INFO = Metric(
    "staging_exporter_build_info",
    GAUGE,
    "Version of the exporter and of Python, always 1.",
    ("version", "python_version"),
)
RELOAD_OK = Metric(
    "staging_exporter_config_last_reload_successful",
    GAUGE,
    "1 when the last reload of the configuration succeeded, else 0.",
    (),
)
RELOAD_TIME = Metric(
    "staging_exporter_config_last_reload_success_timestamp_seconds",
    GAUGE,
    "Time of the last successful load of the configuration.",
    (),
)
_UNREAD = "Log lines that were not written because nobody read standard error."
LOG_LINES_DROPPED = Metric("staging_exporter_log_lines_dropped_total", COUNTER, _UNREAD, ())
LOGINS_FAILED = Metric(
    "staging_exporter_logins_failed_total", COUNTER, "Requests with a wrong token, user or password.", ()
)
CLIENTS = Metric("staging_exporter_connections", GAUGE, "Open connections of clients.", ())
STORAGE_LAST_SUCCESS = Metric(
    "staging_storage_last_success_timestamp_seconds",
    GAUGE,
    "Time at which the state was last stored; with --storage.path.",
    (),
)
STORAGE_ERRORS = Metric(
    "staging_storage_errors_total",
    COUNTER,
    "Attempts to store or read the state that failed; with --storage.path.",
    (),
)
_UNSENT = "Attempts to send alerts to an Alertmanager that failed; with alerting.alertmanagers."
SEND_ERRORS = Metric("staging_exporter_alert_send_errors_total", COUNTER, _UNSENT, ())
ONLINE = Metric("staging_exporter_online", GAUGE, "0 while all vantage checks fail, else 1.", ())
