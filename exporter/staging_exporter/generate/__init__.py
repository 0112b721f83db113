"""Configuration -> alert rules, Alertmanager configuration, dashboards, runbooks. Imported by `config` and `commands`.

Pure functions from a topology and the `alerting` options to text; `config` needs only those options.
"""
