"""The routes of the management API: one table for serving them and for describing them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote
from uuid import UUID

from pydantic import BaseModel

from functions.api import connections, edits, syncs
from functions.api.answers import (
    CompartmentRow,
    ConnectionRows,
    Duplicate,
    OneConnection,
    OneRow,
    Options,
    PlaceRow,
    Planned,
    Rows,
    Runs,
)
from functions.api.context import ApiContext, ParsedRequest
from functions.api.requests import (
    CompartmentQuery,
    DeleteQuery,
    Destination,
    ImportQuery,
    KeyConnection,
    OwnConnection,
    ProjectQuery,
    SyncQuery,
    VaultQuery,
    invalid,
)
from functions.errors import Rejected
from functions.plan.sync_config import SyncConfig

Handler = Callable[[ApiContext, ParsedRequest], BaseModel | list[Any]]


@dataclass(frozen=True, slots=True)
class Route:
    """One operation: `id` as the reference calls it; `body` are the models that a body may be."""

    id: str
    handler: Handler
    answer: Any
    query: type[BaseModel] | None = None
    body: tuple[type[BaseModel], ...] = ()
    only_changes: bool = False
    """The body's fields are all optional: those that are missing stay as they are."""
    reads: bool = False
    """It changes nothing, so a token that may only read may call it."""


DOCUMENT_PATH = "/api/v1/openapi.json"
HEALTH_PATH = "/healthz"
_SYNCS = "/api/v1/secret-syncs"
_OCI = f"{_SYNCS}/oci-vault"
_ONE = f"{_OCI}/{{syncId}}"
_CONNECTIONS = "/api/v1/app-connections/oci"
_CONNECTION = f"{_CONNECTIONS}/{{connectionId}}"
_NEW_CONNECTION = (KeyConnection, OwnConnection)
ROUTES: Mapping[str, Mapping[str, Route]] = {
    f"{_SYNCS}/options": {"GET": Route("listSecretSyncOptions", syncs.options, Options)},
    _SYNCS: {"GET": Route("listSecretSyncs", syncs.listing, Rows, ProjectQuery)},
    _OCI: {
        "GET": Route("listOciVaultSecretSyncs", syncs.listing, Rows, ProjectQuery),
        "POST": Route("createOciVaultSecretSync", edits.create, OneRow, body=(SyncConfig,)),
    },
    f"{_OCI}/check-destination": {
        "POST": Route(
            *("checkOciVaultSecretSyncDestination", syncs.check_destination, Duplicate),
            body=(Destination,),
        )
    },
    f"{_OCI}/sync-name/{{syncName}}": {
        "GET": Route("getOciVaultSecretSyncByName", syncs.get_by_name, OneRow, ProjectQuery)
    },
    _ONE: {
        "GET": Route("getOciVaultSecretSync", syncs.get, OneRow),
        "PATCH": Route(
            *("updateOciVaultSecretSync", edits.update, OneRow),
            body=(SyncConfig,),
            only_changes=True,
        ),
        "DELETE": Route("deleteOciVaultSecretSync", edits.delete, OneRow, DeleteQuery),
    },
    f"{_ONE}/sync-secrets": {
        "POST": Route("syncOciVaultSecretSync", syncs.sync_secrets, OneRow, SyncQuery)
    },
    f"{_ONE}/import-secrets": {
        "POST": Route("importOciVaultSecretSyncSecrets", syncs.import_secrets, OneRow, ImportQuery)
    },
    f"{_ONE}/remove-secrets": {
        "POST": Route("removeOciVaultSecretSyncSecrets", syncs.remove_secrets, OneRow)
    },
    f"{_ONE}/plan": {"POST": Route("planOciVaultSecretSync", syncs.plan, Planned, reads=True)},
    f"{_ONE}/runs": {"GET": Route("listOciVaultSecretSyncRuns", syncs.runs, Runs)},
    _CONNECTIONS: {
        "GET": Route("listOciAppConnections", connections.listing, ConnectionRows),
        "POST": Route(
            *("createOciAppConnection", connections.create, OneConnection), body=_NEW_CONNECTION
        ),
    },
    f"{_CONNECTIONS}/available": {
        "GET": Route("listAvailableOciAppConnections", connections.listing, ConnectionRows)
    },
    f"{_CONNECTIONS}/connection-name/{{connectionName}}": {
        "GET": Route("getOciAppConnectionByName", connections.get_by_name, OneConnection)
    },
    _CONNECTION: {
        "GET": Route("getOciAppConnection", connections.get, OneConnection),
        "PATCH": Route(
            *("updateOciAppConnection", connections.update, OneConnection),
            body=_NEW_CONNECTION,
            only_changes=True,
        ),
        "DELETE": Route("deleteOciAppConnection", connections.delete, OneConnection),
    },
    f"{_CONNECTION}/compartments": {
        "GET": Route("listOciCompartments", connections.compartments, list[CompartmentRow])
    },
    f"{_CONNECTION}/vaults": {
        "GET": Route("listOciVaults", connections.vaults, list[PlaceRow], CompartmentQuery)
    },
    f"{_CONNECTION}/vault-keys": {
        "GET": Route("listOciVaultKeys", connections.vault_keys, list[PlaceRow], VaultQuery)
    },
}


def find(method: str, path: str) -> tuple[Route, dict[str, str]]:
    """Return the route and the parameters in the path. Raises Rejected (400, 404, 405, 422)."""
    parts = path.split("/")
    for template, methods in ROUTES.items():
        params = _match(template.split("/"), parts)
        if params is None:
            continue
        if method not in methods:
            allowed = ", ".join(sorted(methods))
            raise Rejected(405, f"Use {allowed} here.", headers={"Allow": allowed})
        _check_ids(params)
        return methods[method], params
    if path.startswith(f"{_SYNCS}/") and parts[4] not in ("oci-vault", "options"):
        raise Rejected(400, "This server syncs to OCI Vault only: /api/v1/secret-syncs/oci-vault.")
    raise Rejected(404, "There is no such route; /api/v1/openapi.json lists them.")


def _match(template: list[str], parts: list[str]) -> dict[str, str] | None:
    if len(template) != len(parts):
        return None
    params = {}
    for wanted, part in zip(template, parts, strict=True):
        if wanted.startswith("{") and part:
            params[wanted.strip("{}")] = unquote(part)
        elif wanted != part:
            return None
    return params


def _check_ids(params: Mapping[str, str]) -> None:
    for name, text in params.items():
        if not name.endswith("Id"):
            continue
        try:
            UUID(text)
        except ValueError:
            raise invalid([("uuid_parsing", (name,), "Invalid uuid")]) from None
