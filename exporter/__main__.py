"""`python -m exporter` is `staging-exporter`."""

from exporter.cli import main

if __name__ == "__main__":
    main(prog_name="staging-exporter")
