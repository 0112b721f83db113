"""The option `tls` of every kind that can speak TLS."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from pydantic import Field, GetCoreSchemaHandler, GetPydanticSchema, ValidatorFunctionWrapHandler, model_validator
from pydantic_core import core_schema

from staging_exporter.net.tls import TlsSettings, Version
from staging_exporter.options.hostnames import ServerName
from staging_exporter.options.model import Model
from staging_exporter.options.secrets import Secret


class TlsOptions(Model):
    """How to speak TLS; an empty mapping means: verified, by the system's authorities, TLS 1.2 or later."""

    ca_file: str | None = Field(None, description="PEM file of the authorities to trust instead of the system's")
    cert_file: str | None = Field(None, description="PEM file of the client certificate")
    key_file: str | None = Field(None, description="PEM file of its key, when not in cert_file")
    key_passphrase: Secret | None = Field(None, description="secret that opens an encrypted key")
    server_name: ServerName | None = Field(None, description="name to send and to verify instead of the host")
    insecure_skip_verify: bool = Field(False, description="accept any certificate")
    min_version: Version = Field("1.2", description="1.0 and 1.1 also allow weak keys and signatures")
    max_version: Version | None = None
    legacy_renegotiation: bool = Field(False, description="accept a server without secure renegotiation, RFC 5746")

    @model_validator(mode="after")
    def _in_order(self) -> TlsOptions:
        check_versions(self.min_version, self.max_version)
        return self


def check_versions(lowest: Version, highest: Version | None) -> None:
    """Raises ValueError when no version is left."""
    if highest is not None and highest < lowest:
        raise ValueError("tls: max_version is below min_version")


def _settings(value: object, validate: ValidatorFunctionWrapHandler) -> TlsSettings:
    return value if isinstance(value, TlsSettings) else TlsSettings(**dict(validate(value)))


def _schema(_source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
    return core_schema.no_info_wrap_validator_function(
        _settings,
        handler.generate_schema(TlsOptions),
        serialization=core_schema.plain_serializer_function_ser_schema(asdict),
    )


Tls = Annotated[TlsSettings, GetPydanticSchema(_schema)]
