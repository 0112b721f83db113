"""Readers of what others measured; imported by probes and storage."""
