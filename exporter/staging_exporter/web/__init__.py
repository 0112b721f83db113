"""The HTTP server: status pages, metrics and API over a running exporter, and who may write. Imported by `app`.

`server` puts the routes together and has the token rule, `api` has those for programs, `pages` those for people.
"""
