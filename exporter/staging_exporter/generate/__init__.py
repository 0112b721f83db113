"""Configuration -> alert rules and Alertmanager configuration; pure functions from a topology to text."""
