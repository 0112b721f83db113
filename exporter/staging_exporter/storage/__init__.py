"""Files under `--storage.path`: state that survives a restart, pushed reports. Imported by `app` and `commands`."""
