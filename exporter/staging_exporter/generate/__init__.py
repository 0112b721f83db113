"""Configuration -> alert rules, Alertmanager configuration, dashboards. Imported by `config` and `commands`."""
