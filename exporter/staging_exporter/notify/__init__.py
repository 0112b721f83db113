"""Root causes to Alertmanager, without Prometheus: the option `alerting.alertmanagers`. Imported by `app`.

`alert` is the text of an alert, `ledger` which alerts fire and which ended, `sender` the delivery to one Alertmanager.
"""
