"""An OCI connection: who signs the calls to the vault of a sync that names it."""

from enum import StrEnum
from typing import Literal
from uuid import NAMESPACE_URL, UUID, uuid5

from pydantic import AwareDatetime, ValidationError, model_validator

from functions.errors import InvalidInput
from functions.plan.fields import (
    Description,
    Fingerprint,
    ProjectId,
    Region,
    SecretOcid,
    ShortSlug,
    TenancyOcid,
    UserOcid,
)
from functions.plan.sync_config import Camel, describe

PREFIX = "connections/"
KEY_NAME = "oci-vault-sync-connection-"
"""How the names of private keys begin that the API stored; keys kept by hand are called otherwise."""
OWN_CONNECTION_ID = uuid5(NAMESPACE_URL, "oci-vault-sync/connections/function")
"""The id under which the API shows the function's own principal; no object stands for it."""


class Method(StrEnum):
    """How a connection signs."""

    RESOURCE_PRINCIPAL = "resource-principal"
    ACCESS_KEY = "access-key"


class Connection(Camel):
    """A connection as it is stored; the private key is a secret in OCI Vault."""

    id: UUID
    name: ShortSlug
    app: Literal["oci"] = "oci"
    method: Method
    description: Description | None = None
    project_id: ProjectId | None = None
    """What a client of the reference says it is for; it limits nothing."""
    region: Region | None = None
    tenancy_ocid: TenancyOcid | None = None
    user_ocid: UserOcid | None = None
    fingerprint: Fingerprint | None = None
    private_key_secret_ocid: SecretOcid | None = None
    version: int = 1
    created_at: AwareDatetime | None = None
    updated_at: AwareDatetime | None = None

    @model_validator(mode="after")
    def _access_key_is_whole(self) -> "Connection":
        parts = (self.region, self.tenancy_ocid, self.user_ocid, self.fingerprint)
        if self.method == Method.ACCESS_KEY and None in (*parts, self.private_key_secret_ocid):
            raise ValueError(
                "an access-key needs region, tenancyOcid, userOcid, fingerprint and "
                "privateKeySecretOcid"
            )
        return self

    def to_json(self) -> bytes:
        """Return the object's content."""
        return self.model_dump_json(by_alias=True, exclude_none=True, indent=2).encode()


OWN_CONNECTION = Connection(
    id=OWN_CONNECTION_ID,
    name="function",
    method=Method.RESOURCE_PRINCIPAL,
    description="The function's own principal; a sync without a connection uses it.",
)


def object_of(connection_id: UUID) -> str:
    """Return the name of a connection's object."""
    return f"{PREFIX}{connection_id}.json"


def parse_connection(object_name: str, body: bytes) -> Connection:
    """Read a connection object. Raises InvalidInput that names the object, the field and the rule."""
    try:
        connection = Connection.model_validate_json(body)
    except ValidationError as error:
        raise InvalidInput(f"{object_name}: {describe(error)}") from None
    if object_of(connection.id) != object_name:
        raise InvalidInput(f"{object_name}: must be named {object_of(connection.id)}")
    return connection
