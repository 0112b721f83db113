"""The document of `/api/v1/status` -> HTML: the status page, the page of one component, their script and style."""

from exporter.views.page.plain import page

__all__ = ["page"]
