"""Snapshot -> what users see: metrics, the JSON document, the report, the page."""
