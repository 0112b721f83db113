"""What survives a restart, under `--storage.path`: one database, pushed reports. Imported by `app` and `commands`.

`directory` refuses a second process and what cannot be trusted, `database` is the file, `store` the thread that owns
it, `recorder` decides what is stored when.
"""
