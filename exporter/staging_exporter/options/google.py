"""The options of everything that reads Google Cloud: which project, which region, which endpoint."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from staging_exporter.options.addresses import HttpUrl
from staging_exporter.options.model import Model, PositiveDuration

# https://cloud.google.com/resource-manager/docs/creating-managing-projects: also `example.com:project`, and numbers
Project = Annotated[str, Field(pattern=r"^([a-z0-9.-]+:)?[a-z0-9-]{1,63}$")]
Region = Annotated[str, Field(pattern=r"^[a-z]+(-[a-z]+)+[0-9]+$")]
CACHE = 60.0


class GoogleOptions(Model):
    """Google Cloud: defaults of the kinds `gcp_*`."""

    project: Project | None = None
    region: Region | None = None
    endpoint: HttpUrl | None = Field(None, description="instead of scheme and host of every Google API")
    cache: PositiveDuration = Field(CACHE, description="how long an answer of an API is used before it is read again")
