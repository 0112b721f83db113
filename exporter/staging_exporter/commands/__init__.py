"""The commands, one file each: their options, output and exit codes. Imported by `cli` alone.

`common` has shared options, `status_source` where `check` and `explain` get their status, `progress` what `check`
shows while it runs.
"""
