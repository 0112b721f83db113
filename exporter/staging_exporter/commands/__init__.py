"""The commands, a file per purpose: serve, judge, describe, tell; `common` has what they share."""
