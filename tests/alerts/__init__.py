"""Alerts, tested with promtool, amtool and amlint."""
