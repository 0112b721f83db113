"""The option `resolver`, of the file and of a check."""

from __future__ import annotations

from pydantic import Field

from staging_exporter.options.addresses import Address
from staging_exporter.options.model import Listed, Model


class ResolverOptions(Model):
    """Name resolution."""

    servers: Listed[Address] = Field((), description="name servers instead of those of the system")
