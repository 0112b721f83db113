"""Paging end to end: the demo, the exporter, a real Prometheus, a real Alertmanager and a webhook receiver."""
