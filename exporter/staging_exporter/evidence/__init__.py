"""Readers of what others measured: test reports. Imported by `probes`, `storage` and `web`."""
