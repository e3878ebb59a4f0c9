"""The routes of the management API: one table for serving them and for describing them."""

from collections.abc import Mapping
from urllib.parse import unquote
from uuid import UUID

from functions.api import check, connections, edits, repair, session, source, syncs
from functions.api.context import ApiContext, ParsedRequest
from functions.errors import Rejected
from functions.plan.sync_config import SyncConfig
from functions.schemas import openapi
from functions.schemas.answers import (
    AvailableConnections,
    Checks,
    CompartmentRow,
    ConnectionOptions,
    ConnectionRows,
    Deleted,
    Document,
    Duplicate,
    Folders,
    Health,
    LeftBehindRows,
    LoggedIn,
    OneConnection,
    OneRow,
    Options,
    PlaceRow,
    Planned,
    Projects,
    Rows,
    Runs,
    Session,
)
from functions.schemas.requests import (
    CompartmentQuery,
    ConnectionQuery,
    DeleteQuery,
    Destination,
    DraftQuery,
    FolderQuery,
    ImportQuery,
    KeyConnection,
    KindQuery,
    ListQuery,
    Login,
    OwnConnection,
    PlannedQuery,
    ProjectQuery,
    SyncQuery,
    VaultQuery,
    invalid,
    read,
)
from functions.schemas.route import Route
from functions.triggers.webhook import WEBHOOK_PATH

API_ROOT = "/api/v1/"
DOCUMENT_PATH = f"{API_ROOT}openapi.json"
HEALTH_PATH = "/healthz"
LOGIN_PATH = f"{API_ROOT}auth/universal-auth/login"
SESSION_PATH = f"{API_ROOT}session"
Methods = Mapping[str, Route]


def get_document(_context: ApiContext, _request: ParsedRequest) -> Document:
    """Return this document."""
    return Document(openapi.document(ROUTES))


def get_health(context: ApiContext, _request: ParsedRequest) -> Health:
    """Say whether all is well."""
    return context.health()


_PROJECTS = f"{API_ROOT}projects"
_SYNCS = "/api/v1/secret-syncs"
_OCI = f"{_SYNCS}/oci-vault"
_ONE = f"{_OCI}/{{syncId}}"
_APPS = "/api/v1/app-connections"
CONNECTIONS = f"{_APPS}/oci"
_CONNECTION = f"{CONNECTIONS}/{{connectionId}}"
_NEW_CONNECTION = (KeyConnection, OwnConnection)
ROUTES: Mapping[str, Methods] = {
    HEALTH_PATH: {"GET": Route("getHealth", get_health, Health, is_open=True)},
    DOCUMENT_PATH: {"GET": Route("getOpenApi", get_document, Document)},
    f"{_SYNCS}/options": {"GET": Route("listSecretSyncOptions", syncs.options, Options)},
    LOGIN_PATH: {
        "POST": Route(
            *("loginWithUniversalAuth", session.log_in, LoggedIn),
            body=(Login,),
            is_open=True,
            max_body_bytes=4096,
        )
    },
    SESSION_PATH: {"GET": Route("getSession", session.get, Session)},
    f"{API_ROOT}check": {"GET": Route("check", check.check, Checks, DraftQuery)},
    f"{API_ROOT}pause": {"POST": Route("pauseSyncs", session.pause, Session)},
    f"{API_ROOT}resume": {"POST": Route("resumeSyncs", session.resume, Session)},
    _PROJECTS: {"GET": Route("listProjects", source.projects, Projects)},
    f"{_PROJECTS}/{{projectId}}/folders": {
        "GET": Route("listFolders", source.folders, Folders, FolderQuery, role="full")
    },
    _SYNCS: {"GET": Route("listSecretSyncs", syncs.listing, Rows, ListQuery)},
    _OCI: {
        "GET": Route("listOciVaultSecretSyncs", syncs.listing, Rows, ListQuery),
        "POST": Route(
            *("createOciVaultSecretSync", edits.create, OneRow, PlannedQuery), body=(SyncConfig,)
        ),
    },
    f"{_OCI}/plan": {
        "POST": Route(
            *("planNewOciVaultSecretSync", edits.plan, Planned, DraftQuery), body=(SyncConfig,)
        )
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
            *("updateOciVaultSecretSync", edits.update, OneRow, PlannedQuery),
            body=(SyncConfig,),
            only_changes=True,
        ),
        "DELETE": Route("deleteOciVaultSecretSync", edits.delete, Deleted, DeleteQuery),
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
    f"{_ONE}/plan": {
        "POST": Route("planOciVaultSecretSync", syncs.plan, Planned, KindQuery, role="read")
    },
    f"{_ONE}/runs": {"GET": Route("listOciVaultSecretSyncRuns", syncs.runs, Runs)},
    f"{_ONE}/runs/{{runId}}/undo": {
        "POST": Route("undoOciVaultSecretSyncRun", repair.undo, OneRow)
    },
    f"{_ONE}/left-behind": {
        "GET": Route("listOciVaultSecretSyncLeftBehind", repair.get_left_behind, LeftBehindRows)
    },
    f"{_ONE}/cleanup": {"POST": Route("cleanUpOciVaultSecretSync", repair.clean_up, OneRow)},
    _APPS: {
        "GET": Route("listAppConnections", connections.listing, ConnectionRows, ConnectionQuery)
    },
    f"{_APPS}/options": {
        "GET": Route(
            *("listAppConnectionOptions", connections.options, ConnectionOptions, ConnectionQuery)
        )
    },
    CONNECTIONS: {
        "GET": Route("listOciAppConnections", connections.listing, ConnectionRows, ConnectionQuery),
        "POST": Route(
            *("createOciAppConnection", connections.create, OneConnection), body=_NEW_CONNECTION
        ),
    },
    f"{CONNECTIONS}/available": {
        "GET": Route(
            *("listAvailableOciAppConnections", connections.available, AvailableConnections),
            ConnectionQuery,
        )
    },
    f"{CONNECTIONS}/connection-name/{{connectionName}}": {
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


_BY_NAME = {
    "syncId": "By its name a sync is found at …/oci-vault/sync-name/{syncName}?projectId=.",
    "connectionId": "By its name a connection is found at …/connection-name/{connectionName}.",
}


def find(path: str) -> tuple[Methods, dict[str, str]]:
    """Return what can be done at a path and the parameters in it, whatever prefix stands in front.

    Raises Rejected (404) outside of the API; where nothing is known within it, nothing can be done.
    """
    root = API_ROOT if API_ROOT in path else HEALTH_PATH
    if root not in path:
        raise Rejected(404, f"There is nothing at this path; webhooks go to …{WEBHOOK_PATH}.")
    parts = path[path.rfind(root) :].split("/")
    for template, methods in ROUTES.items():
        params = _match(template.split("/"), parts)
        if params is not None:
            return methods, params
    return {}, {}


def choose(path: str, methods: Methods, method: str, params: Mapping[str, str]) -> Route:
    """Return the route of a method. Raises Rejected (400, 404, 405, 422)."""
    if method in methods:
        _check_ids(params)
        return methods[method]
    if methods:
        allowed = ", ".join(sorted(methods))
        raise Rejected(405, f"Use {allowed} here.", headers={"Allow": allowed})
    if f"{_SYNCS}/" in path and f"{_OCI}/" not in path:
        raise Rejected(400, f"This server syncs to OCI Vault only: {_OCI}.")
    raise Rejected(404, f"There is no such route; {DOCUMENT_PATH} lists them.")


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
        if name == "projectId":
            read(ProjectQuery, {name: text})
        if name not in _BY_NAME:
            continue
        try:
            UUID(text)
        except ValueError:
            raise invalid([("uuid_parsing", (name,), f"Invalid uuid. {_BY_NAME[name]}")]) from None
