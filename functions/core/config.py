"""A sync config: the body of the management API's create request, as people and the API store it."""

import re
from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, Any
from uuid import NAMESPACE_URL, UUID, uuid5

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)
from pydantic.alias_generators import to_camel

from functions.core.errors import InvalidInput
from functions.core.models import Folder
from functions.core.naming import check_schema

PREFIX = "secret-syncs/"
_OBJECT = re.compile(r"secret-syncs/(?P<project>[A-Za-z0-9_.-]+)/(?P<file>[A-Za-z0-9_.-]+)\.json")


class Camel(BaseModel):
    """A JSON object with camelCase names."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
    )


def _slug(field: str, most: int) -> Callable[[str], str]:
    rule = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")

    def check(text: str) -> str:
        if not text:
            raise ValueError(f"{field} field must be at least 1 lowercase character")
        if len(text) > most:
            raise ValueError(f"{field} field must be at most {most} lowercase characters")
        if not rule.fullmatch(text):
            raise ValueError(
                f"{field} field can only contain lowercase letters, numbers, and hyphens"
            )
        return text

    return check


def _ocid(label: str, kinds: str, *, regional: bool) -> Callable[[str], str]:
    region = "[a-z0-9-]+" if regional else "[a-z0-9-]*"
    rule = re.compile(rf"ocid1\.({kinds})\.oc[0-9]+\.{region}\.[A-Za-z0-9._-]+")

    def check(text: str) -> str:
        if not text:
            raise ValueError(f"{label} OCID required")
        if not rule.fullmatch(text):
            starts = " or ".join(f"ocid1.{kind}.<realm>." for kind in kinds.split("|"))
            raise ValueError(f"Invalid {label} OCID format. Must start with {starts}")
        return text

    return check


def _path(text: str) -> str:
    if not text:
        raise ValueError("Secret path required")
    if not re.fullmatch(r"(/[A-Za-z0-9_-]+)+/?|/", text):
        raise ValueError(
            "Secret path must begin with a slash; folder names hold letters, digits, - and _"
        )
    return text if text == "/" else text.removesuffix("/")


_Trimmed = Annotated[str, StringConstraints(strip_whitespace=True)]
Slug = Annotated[_Trimmed, AfterValidator(_slug("name", 256))]
EnvironmentSlug = Annotated[_Trimmed, AfterValidator(_slug("environment", 64))]
SecretPath = Annotated[_Trimmed, AfterValidator(_path)]
_compartment = _ocid("Compartment", "tenancy|compartment", regional=False)
CompartmentOcid = Annotated[_Trimmed, AfterValidator(_compartment)]
VaultOcid = Annotated[_Trimmed, AfterValidator(_ocid("Vault", "vault", regional=True))]
KeyOcid = Annotated[_Trimmed, AfterValidator(_ocid("Key", "key", regional=True))]


class InitialSync(StrEnum):
    """What the first run does with secrets that the vault already holds."""

    OVERWRITE = "overwrite-destination"
    IMPORT_SOURCE = "import-prioritize-source"
    IMPORT_DESTINATION = "import-prioritize-destination"


class BlockingScope(StrEnum):
    """Whose lifecycle states make a sync wait."""

    VAULT = "vault"
    SCHEMA = "schema"


class SyncOptions(Camel):
    """How a sync behaves."""

    initial_sync_behavior: InitialSync
    key_schema: Annotated[str, AfterValidator(check_schema)] | None = None
    disable_secret_deletion: bool = False
    include_all_sub_folders: bool = False
    deletion_days: int = Field(default=7, ge=1, le=30)
    blocking_scope: BlockingScope = BlockingScope.VAULT

    @model_validator(mode="after")
    def _flat_imports_only(self) -> "SyncOptions":
        if self.include_all_sub_folders and self.initial_sync_behavior != InitialSync.OVERWRITE:
            raise ValueError(
                "includeAllSubFolders requires initialSyncBehavior overwrite-destination"
            )
        return self


class DestinationConfig(Camel):
    """The vault that a sync writes to."""

    compartment_ocid: CompartmentOcid
    vault_ocid: VaultOcid
    key_ocid: KeyOcid


class SyncConfig(Camel):
    """One sync: a folder of the source and a vault."""

    name: Slug
    project_id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]+$", max_length=255)]
    description: Annotated[str, StringConstraints(max_length=256)] | None = None
    connection_id: UUID | None = None
    environment: EnvironmentSlug
    secret_path: SecretPath
    is_auto_sync_enabled: bool = True
    sync_options: SyncOptions
    destination_config: DestinationConfig
    is_being_removed: bool = False

    @model_validator(mode="before")
    @classmethod
    def _is_enabled_is_the_same_switch(cls, data: Any) -> Any:
        if isinstance(data, dict) and "isEnabled" in data:
            data = dict(data)
            enabled = data.pop("isEnabled")
            if data.setdefault("isAutoSyncEnabled", enabled) != enabled:
                raise ValueError("isEnabled and isAutoSyncEnabled are one switch; they disagree")
        return data

    @property
    def folder(self) -> Folder:
        """Return the source folder."""
        return Folder(self.project_id, self.environment, self.secret_path)


class Sync(BaseModel):
    """A sync config and where it was read from."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    object_name: str
    etag: str
    config: SyncConfig


def describe(error: ValidationError) -> str:
    """Say what is wrong in which field, without echoing what was given."""
    return "; ".join(
        f"{'.'.join(str(part) for part in row['loc']) or 'body'}: "
        f"{row['msg'].removeprefix('Value error, ')}"
        for row in error.errors(include_input=False, include_url=False, include_context=False)
    )


def sync_id(store_url: str, object_name: str) -> UUID:
    """Return the id of the sync in `object_name`: no two configs share one, no edit changes it."""
    return uuid5(NAMESPACE_URL, f"{store_url}/{object_name}")


def project_of(object_name: str) -> str | None:
    """Return the project of a config object's name, None where it is no config object."""
    match = _OBJECT.fullmatch(object_name)
    return match and match["project"]


def parse_sync(store_url: str, object_name: str, etag: str, body: bytes) -> Sync:
    """Read a config object. Raises InvalidInput that names the object, the field and the rule."""
    project = project_of(object_name)
    if project is None:
        raise InvalidInput(
            f"{object_name}: must be named secret-syncs/<projectId>/<file>.json, "
            "with letters, digits, '_', '.' and '-' only"
        )
    try:
        config = SyncConfig.model_validate_json(body)
    except ValidationError as error:
        raise InvalidInput(f"{object_name}: {describe(error)}") from None
    if config.project_id != project:
        raise InvalidInput(f"{object_name}: projectId does not agree with the object's folder")
    return Sync(
        id=sync_id(store_url, object_name), object_name=object_name, etag=etag, config=config
    )
