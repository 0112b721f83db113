"""`python -m staging_exporter` is `staging-exporter`."""

from __future__ import annotations

import signal
import sys


def main() -> None:
    """Run the command line."""
    if sys.argv[1:2] == ["run"] and hasattr(signal, "SIGHUP"):
        # A reload that is asked for before there is anything to reload must not end the process.
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    from staging_exporter.cli import main as command_line

    command_line(prog_name="staging-exporter")


if __name__ == "__main__":
    main()
