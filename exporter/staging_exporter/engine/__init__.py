"""What turns a configuration into runs of its checks. Imported by `app` and `commands`.

`build` makes an engine, `scheduler` runs it for `run` and `run_once` for `check`, `prober` does one run, `on_demand`
the runs of `/probe`; all of them use `rate_limit` and `loop_lag`.
"""
