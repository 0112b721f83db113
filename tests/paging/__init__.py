"""Paging, live: the demo, the exporter, a real Prometheus, a real Alertmanager, and a receiver of webhooks."""
