"""The exporter beside blackbox_exporter, against the same real servers."""
