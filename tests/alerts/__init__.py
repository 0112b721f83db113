"""Alerts, proven through promtool, amtool and amlint."""
