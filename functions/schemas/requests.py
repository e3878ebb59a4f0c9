"""What the management API takes, as pydantic models; its OpenAPI document is made from them."""

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar
from uuid import UUID

from pydantic import BaseModel, Field, SecretStr, ValidationError, WithJsonSchema

from functions.errors import Rejected
from functions.plan.fields import (
    CompartmentOcid,
    Description,
    EnvironmentSlug,
    Fingerprint,
    PlanFingerprint,
    ProjectId,
    Region,
    SecretPath,
    ShortSlug,
    TenancyOcid,
    UserOcid,
    VaultOcid,
)
from functions.plan.oci_connection import Method
from functions.plan.sync_config import Camel, DestinationConfig

Model = TypeVar("Model", bound=BaseModel)


class ProjectQuery(Camel):
    """Whose syncs."""

    project_id: ProjectId


class ListQuery(Camel):
    """Whose syncs; those of all projects where none is named."""

    project_id: ProjectId | None = None


class FolderQuery(Camel):
    """A folder of the source."""

    environment: EnvironmentSlug
    path: SecretPath = "/"


class DeleteQuery(Camel):
    """Whether the sync's secrets go too."""

    remove_secrets: Literal["true", "false"] = "false"


class ImportQuery(Camel):
    """Whose value wins where both sides have one."""

    import_behavior: Literal["prioritize-source", "prioritize-destination"]


class PlannedQuery(Camel):
    """With the fingerprint of the plan that somebody looked at, nothing is done if it is another now."""

    plan: PlanFingerprint | None = None


class SyncQuery(PlannedQuery):
    """A plan's fingerprint as `force` lifts the guards for its deletions and held changes."""

    force: PlanFingerprint | None = None


class KindQuery(Camel):
    """What is planned: a sync, or the removal of what it wrote."""

    kind: Literal["sync", "remove"] = "sync"


class DraftQuery(Camel):
    """The sync that is meant, if one is."""

    sync_id: UUID | None = None


class CompartmentQuery(Camel):
    """Where to look for vaults."""

    compartment_ocid: CompartmentOcid


class VaultQuery(CompartmentQuery):
    """Where to look for keys."""

    vault_ocid: VaultOcid


class Destination(Camel):
    """A destination to compare."""

    destination_config: DestinationConfig
    connection_id: UUID | None = None
    exclude_sync_id: UUID | None = None
    project_id: ProjectId


class ConnectionQuery(Camel):
    """With `all`, connections that sign as the function are shown too."""

    method: Literal["all"] | None = None


class Login(Camel):
    """The name of a token, and the token."""

    client_id: Annotated[str, Field(min_length=1, max_length=64)]
    client_secret: Annotated[SecretStr, Field(min_length=1)]


class RegionOnly(Camel):
    """Where the helper lists look if not in the function's own region."""

    region: Region | None = None


class AccessKey(Camel):
    """An API signing key of an OCI user."""

    user_ocid: UserOcid
    tenancy_ocid: TenancyOcid
    region: Region
    fingerprint: Fingerprint
    private_key: Annotated[SecretStr, Field(min_length=1)]


class OwnConnection(Camel):
    """A connection that signs as the function itself."""

    name: ShortSlug
    description: Description | None = None
    project_id: ProjectId | None = None
    method: Annotated[Method, WithJsonSchema({"const": Method.RESOURCE_PRINCIPAL})]
    credentials: RegionOnly = RegionOnly()


class KeyConnection(Camel):
    """A connection that signs with an API key; the private key is kept in the vault `keyStorage`."""

    name: ShortSlug
    description: Description | None = None
    project_id: ProjectId | None = None
    method: Annotated[Method, WithJsonSchema({"const": Method.ACCESS_KEY})]
    credentials: AccessKey
    key_storage: DestinationConfig | None = None


def read(model: type[Model], given: Mapping[str, Any]) -> Model:
    """Return the model of a request; unknown fields are ignored. Raises Rejected (422)."""
    try:
        # From JSON, because only there strict types and ids as text go together.
        return model.model_validate_json(json.dumps(given), strict=True, extra="ignore")
    except ValidationError as error:
        rows = error.errors(include_input=False, include_url=False, include_context=False)
        raise invalid([(row["type"], row["loc"], row["msg"]) for row in rows]) from None
    except RecursionError:
        raise invalid([("json_invalid", (), "too deep")]) from None


def invalid(faults: list[tuple[str, tuple[int | str, ...], str]]) -> Rejected:
    """Return the error for fields that break a rule: code, path and rule of each."""
    issues = [
        {
            "code": "custom" if code == "value_error" else code,
            "path": list(path),
            # pydantic quotes a character of what is no UUID.
            "message": _plain(code, message),
        }
        for code, path, message in faults
    ]
    text = "; ".join(f"{'.'.join(map(str, i['path']))}: {i['message']}" for i in issues)
    return Rejected(422, text, issues=issues)


def _plain(code: str, message: str) -> str:
    if code == "uuid_parsing" and not message.startswith("Invalid uuid"):
        return "Invalid uuid"
    return message.removeprefix("Value error, ")
