"""The configuration contract: function config, that is environment variables."""

import re
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    ConfigDict,
    Field,
    Json,
    StringConstraints,
    ValidationError,
    model_validator,
)

from functions.errors import InvalidSettings
from functions.secret_tags import SecretTags

SourceKind = Literal["infisical", "hanzo-kms"]
Url = Annotated[
    str,
    # No user and password: a URL is named in messages.
    StringConstraints(pattern=r"^https?://[^\s/?#@]+[^\s?#@]*$"),
    AfterValidator(lambda url: url.rstrip("/")),
]

ProxyUrl = Annotated[
    str,
    # With a user, perhaps; the password is in the credentials.
    StringConstraints(pattern=r"^https?://([^\s/?#@:]+@)?[^\s/?#@]+/?$"),
]
SecretOcid = Annotated[str, StringConstraints(pattern=r"^ocid1\.vaultsecret\.[A-Za-z0-9._-]+$")]
MAX_SOURCE_TIMEOUT_SECONDS = 30
"""Shorter than a lease, which a run cannot renew while it waits."""


def _namespace(name: str) -> str:
    if not re.fullmatch("(?!oci_|oracle_)[A-Za-z][A-Za-z0-9_]*", name):
        raise ValueError(
            "letters, digits and _ only, a letter first; oci_ and oracle_ are OCI's own prefixes"
        )
    return name


class Settings(BaseModel):
    """The function's configuration; field names in upper case are the variables."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)

    source_url: Url
    source_ca_secret_ocid: SecretOcid | None = None
    source_ca_file: str | None = None
    source_proxy: ProxyUrl | None = None
    source_timeout_seconds: float = Field(default=10, ge=1, le=MAX_SOURCE_TIMEOUT_SECONDS)
    source_kind: SourceKind = "infisical"
    config_store: Annotated[
        str, StringConstraints(pattern=r"^(oci://[^@/\s]+@[^@/\s]+|s3://[^@/\s]+)(/\S*)?$")
    ]
    queue_ocid: Annotated[str, StringConstraints(pattern=r"^ocid1\.queue\.")]
    queue_endpoint: Url
    credentials_secret_ocid: SecretOcid | None = None
    credentials_file: str | None = None
    oci_auth: Literal["resource_principal", "config_file"] = "resource_principal"
    oci_endpoint: Url | None = None
    reconcile_interval_seconds: int = Field(default=3600, ge=60)
    max_workers: int = Field(default=4, ge=0, le=100)
    vault_concurrency: int = Field(default=8, ge=1, le=64)
    function_ocid: str | None = Field(
        default=None, validation_alias=AliasChoices("function_ocid", "fn_fn_id")
    )
    notification_topic_ocid: str | None = None
    secret_tags: Json[SecretTags] | None = None
    metrics_namespace: Annotated[str, AfterValidator(_namespace)] | None = None
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = "INFO"

    @model_validator(mode="after")
    def _one_place_of_credentials(self) -> "Settings":
        if (self.credentials_secret_ocid is None) == (self.credentials_file is None):
            raise ValueError("set one of CREDENTIALS_SECRET_OCID and CREDENTIALS_FILE")
        if self.source_ca_secret_ocid and self.source_ca_file:
            raise ValueError("set one of SOURCE_CA_SECRET_OCID and SOURCE_CA_FILE, not both")
        return self


def load_settings(environment: Mapping[str, str]) -> Settings:
    """Read the settings. Raises InvalidSettings that names every faulty variable, never its value."""
    given = {name.lower(): value.strip() for name, value in environment.items() if value.strip()}
    try:
        return Settings.model_validate(given)
    except ValidationError as error:
        faults = [
            f"{str(row['loc'][0]).upper() if row['loc'] else 'CREDENTIALS'}: "
            f"{row['msg'].removeprefix('Value error, ')}"
            for row in error.errors(include_input=False, include_url=False, include_context=False)
        ]
        raise InvalidSettings(
            f"The function's configuration is wrong. {'; '.join(faults)}"
        ) from None
