"""What the exporter costs and how exact it is, beside Debian's blackbox_exporter: `python -m tests.bench`."""
