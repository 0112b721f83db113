"""`python -m staging_exporter` is `staging-exporter`."""

from staging_exporter.cli import main

if __name__ == "__main__":
    main(prog_name="staging-exporter")
