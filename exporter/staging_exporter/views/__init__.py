"""Snapshot -> what users see: metrics, JSON documents, reports, pages. Imported by `web`, `app`, `commands`, `client`.

`document_types` has the types of the documents, `document` makes them, and every other view but the metrics reads them.
"""
