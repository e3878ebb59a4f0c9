"""A sync config: the body of the management API's create request, as people and the API store it."""

import re
from enum import StrEnum
from typing import Any, Literal
from uuid import NAMESPACE_URL, UUID, uuid5

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from functions.errors import InvalidInput
from functions.plan.bundle import Format, KeyBundle
from functions.plan.fields import (
    PROJECT_ID,
    STORED,
    CompartmentOcid,
    Description,
    EnvironmentSlug,
    KeyOcid,
    ProjectId,
    Schema,
    SecretPath,
    Slug,
    TagSlug,
    VaultName,
    VaultOcid,
)
from functions.plan.models import Folder
from functions.plan.naming import KeySchema
from functions.secret_tags import SecretTags

PREFIX = "secret-syncs/"
_OBJECT = re.compile(
    rf"secret-syncs/(?P<project>{PROJECT_ID})/(?P<file>[A-Za-z0-9_.-]{{1,255}})\.json"
)


class Camel(BaseModel):
    """A JSON object with camelCase names."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        defer_build=True,  # a call needs few of the models, and the first one waits for them
        populate_by_name=True,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
    )


class InitialSync(StrEnum):
    """What the first run does with secrets that the vault already holds."""

    OVERWRITE = "overwrite-destination"
    IMPORT_SOURCE = "import-prioritize-source"
    IMPORT_DESTINATION = "import-prioritize-destination"


class BlockingScope(StrEnum):
    """Whose lifecycle states make a sync wait."""

    VAULT = "vault"
    SCHEMA = "schema"


_FLAT = {"includeAllSubFolders": {"const": False}}
_GOES_TOGETHER: dict[str, Any] = {
    "allOf": [
        {
            "anyOf": [
                {"properties": {**_FLAT, "filter": {"type": "null"}, "bundle": {"type": "null"}}},
                {"properties": {"initialSyncBehavior": {"const": InitialSync.OVERWRITE.value}}},
            ]
        },
        {
            "anyOf": [
                {"properties": {**_FLAT, "disableSecretDeletion": {"const": False}}},
                {"properties": {"bundle": {"type": "null"}}},
            ]
        },
    ]
}


class DeletionGuard(Camel):
    """From which share and number of deletions on a person must agree."""

    max_percent: int = Field(default=30, ge=0, le=100)
    min_count: int = Field(default=4, ge=1)


class TagFilter(Camel):
    """Which keys of the source are synced: those that have any, or all, of these tags."""

    tags: list[TagSlug] = Field(min_length=1, max_length=20)
    match: Literal["any", "all"] = "any"

    def takes(self, tags: frozenset[str]) -> bool:
        """Say whether a key with these tags is synced."""
        wanted = frozenset(self.tags)
        return wanted <= tags if self.match == "all" else bool(wanted & tags)


class BundleOptions(Camel):
    """All keys of the folder as one vault secret, in place of one each."""

    name: VaultName
    format: Format = "json"


_OLDER_NAMES = {"isEnabled": "isAutoSyncEnabled", "recursive": "includeAllSubFolders"}


def with_newer_names(data: Any) -> Any:
    """Return the fields under today's names; where both are said, today's counts."""
    if not isinstance(data, dict) or not _OLDER_NAMES.keys() & data.keys():
        return data
    renamed = {_OLDER_NAMES[name]: data[name] for name in _OLDER_NAMES.keys() & data.keys()}
    return renamed | {name: value for name, value in data.items() if name not in _OLDER_NAMES}


class SyncOptions(Camel):
    """How a sync behaves."""

    model_config = ConfigDict(json_schema_extra=_GOES_TOGETHER)

    initial_sync_behavior: InitialSync
    key_schema: Schema | None = None
    disable_secret_deletion: bool = False
    include_all_sub_folders: bool = False
    deletion_days: int = Field(default=7, ge=1, le=30)
    blocking_scope: BlockingScope = BlockingScope.VAULT
    deletion_guard: DeletionGuard | None = None
    tags: SecretTags | None = None
    filter: TagFilter | None = None
    bundle: BundleOptions | None = None

    @model_validator(mode="before")
    @classmethod
    def _know_older_names(cls, data: Any) -> Any:
        return with_newer_names(data)

    @model_validator(mode="after")
    def _go_together(self) -> "SyncOptions":
        overwriting = {
            "includeAllSubFolders": self.include_all_sub_folders,
            "filter": self.filter,
            "bundle": self.bundle,
        }
        for name, value in overwriting.items():
            if value and self.initial_sync_behavior != InitialSync.OVERWRITE:
                raise ValueError(f"{name} requires initialSyncBehavior overwrite-destination")
        if self.bundle and self.include_all_sub_folders:
            raise ValueError("bundle holds the keys of one folder: not with includeAllSubFolders")
        if self.bundle and self.disable_secret_deletion:
            raise ValueError(
                "bundle holds what the source holds: not with disableSecretDeletion, as no key stays in it"
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
    project_id: ProjectId
    description: Description | None = None
    connection_id: UUID | None = None
    environment: EnvironmentSlug
    secret_path: SecretPath
    is_auto_sync_enabled: bool = True
    sync_options: SyncOptions
    destination_config: DestinationConfig
    is_being_removed: bool = False

    @model_validator(mode="before")
    @classmethod
    def _know_older_names(cls, data: Any) -> Any:
        return with_newer_names(data)

    @property
    def folder(self) -> Folder:
        """Return the source folder."""
        return Folder(self.project_id, self.environment, self.secret_path)

    @property
    def names(self) -> KeySchema:
        """Return how the names in the vault are made."""
        options = self.sync_options
        bundle = KeyBundle(options.bundle.name, options.bundle.format) if options.bundle else None
        return KeySchema(options.key_schema, self.environment, bundle)

    @property
    def is_by_folder(self) -> bool:
        """Whether the keys of sub-folders are synced by the folder that holds them."""
        return self.sync_options.include_all_sub_folders and self.names.is_by_folder


class Sync(BaseModel):
    """A sync config and where it was read from."""

    model_config = ConfigDict(frozen=True, defer_build=True)

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
        config = SyncConfig.model_validate_json(body, context=STORED)
    except ValidationError as error:
        raise InvalidInput(f"{object_name}: {describe(error)}") from None
    if config.project_id != project:
        raise InvalidInput(f"{object_name}: projectId does not agree with the object's folder")
    return Sync(
        id=sync_id(store_url, object_name), object_name=object_name, etag=etag, config=config
    )
