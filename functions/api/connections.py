"""The management API: OCI connections, and what can be chosen through them."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from datetime import UTC, datetime
from logging import getLogger
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from functions.api.context import ApiContext, ParsedRequest, blaming_request
from functions.errors import Conflict, Refused, Rejected, SyncError
from functions.plan.guards import deletion_time
from functions.plan.oci_connection import (
    KEY_NAME,
    OWN_CONNECTION,
    OWN_CONNECTION_ID,
    Connection,
    Method,
    object_of,
)
from functions.plan.plan import counted
from functions.ports import ABSENT, OciResource
from functions.schemas.answers import (
    AvailableConnection,
    AvailableConnections,
    CompartmentRow,
    ConnectionOption,
    ConnectionOptions,
    ConnectionRow,
    ConnectionRows,
    OneConnection,
    PlaceRow,
    ShownCredentials,
)
from functions.schemas.requests import KeyConnection, OwnConnection, read

KEY_DELETION_DAYS = 7
EPOCH = datetime.fromtimestamp(0, UTC)
log = getLogger(__name__)


def options(_context: ApiContext, request: ParsedRequest) -> ConnectionOptions:
    """Say how OCI can be connected to."""
    methods = [method for method in Method if _is_shown(method, request)]
    return ConnectionOptions(app_connection_options=[ConnectionOption(methods=methods)])


def listing(context: ApiContext, request: ParsedRequest) -> ConnectionRows:
    """List the connections; with method=all also those that sign as the function, itself first."""
    return _rows(context, _shown(context, request))


def available(context: ApiContext, request: ParsedRequest) -> AvailableConnections:
    """List the connections that a sync may name; with method=all also those that sign as the function."""
    rows = [AvailableConnection(name=one.name, id=one.id) for one in _shown(context, request)]
    return AvailableConnections(app_connections=rows)


def _shown(context: ApiContext, request: ParsedRequest) -> list[Connection]:
    every = (OWN_CONNECTION, *context.connections.all())
    return [connection for connection in every if _is_shown(connection.method, request)]


def _is_shown(method: Method, request: ParsedRequest) -> bool:
    """Clients of the reference know access keys only, and typed ones stumble over anything else."""
    return request.query.method == "all" or method == Method.ACCESS_KEY


def get(context: ApiContext, request: ParsedRequest) -> OneConnection:
    """Return a connection."""
    return _one(context, context.connection(request.id)[0])


def get_by_name(context: ApiContext, request: ParsedRequest) -> OneConnection:
    """Return a connection by its name."""
    for connection in (OWN_CONNECTION, *context.connections.all()):
        if connection.name == request.params["connectionName"]:
            return _one(context, connection)
    raise Rejected(404, "Could not find an App Connection with this name")


def create(context: ApiContext, request: ParsedRequest) -> OneConnection:
    """Create a connection after a call that proves that it works; its private key goes to a vault."""
    body = _read(request.body)
    now = context.dispatcher.services.clock.now()
    fields = {"id": context.uuid(), "project_id": body.project_id}
    connection = _described(body, fields | {"created_at": now, "updated_at": now})
    with context.lock(f"connections/{connection.name}"):
        _refuse_taken(context, connection)
        connection = _prove_and_keep(context, connection, body)
        _save(context, connection, ABSENT)
    return _one(context, connection)


def update(context: ApiContext, request: ParsedRequest) -> OneConnection:
    """Change name, description or (as a whole) credentials."""
    before, etag = _changeable(context, request.id)
    given = {key: request.body[key] for key in ("name", "description") if key in request.body}
    kept = {"name": before.name, "description": before.description, "method": before.method.value}
    renews = "credentials" in request.body
    if renews:
        given |= {k: request.body[k] for k in ("credentials", "keyStorage") if k in request.body}
        body: OwnConnection | KeyConnection = _read(kept | given)
    else:
        body = read(OwnConnection, kept | given)
    fields = before.model_dump(exclude={"name", "description", "version", "updated_at"})
    fields |= {"version": before.version + 1, "updated_at": context.dispatcher.services.clock.now()}
    if renews:
        fields |= {"region": None, "private_key_secret_ocid": None}
    connection = _described(body, fields)
    is_renamed = connection.name != before.name
    with context.lock(f"connections/{connection.name}") if is_renamed else nullcontext():
        if is_renamed:
            _refuse_taken(context, connection)
        if renews:
            connection = _prove_and_keep(context, connection, body)
        _save(context, connection, etag, before.private_key_secret_ocid)
    return _one(context, connection)


def delete(context: ApiContext, request: ParsedRequest) -> OneConnection:
    """Delete a connection that no sync uses, and the private key that was stored with it."""
    connection, etag = _changeable(context, request.id)
    configs = context.dispatcher.configs
    users = [
        sync.config.name
        for sync in configs.load(configs.entries())
        if sync.config.connection_id == connection.id
    ]
    if users:
        shown = ", ".join(sorted(users)[:5])
        used = f"This connection is used by {counted(len(users), 'sync')}"
        raise Rejected(400, f"{used}; change that first: {shown}.")
    context.connections.changed()
    try:
        context.dispatcher.services.store.delete(object_of(connection.id), if_match=etag)
    except Conflict:
        raise _lost() from None
    _discard(context, connection.private_key_secret_ocid)
    return _one(context, connection)


def compartments(context: ApiContext, request: ParsedRequest) -> list[CompartmentRow]:
    """List the compartments that a connection sees; the first is the tenancy."""
    with blaming_request():
        places = context.directory(context.connection(request.id)[0], context.gate).compartments()
    return [CompartmentRow(id=place.id, name=place.name) for place in places]


def vaults(context: ApiContext, request: ParsedRequest) -> list[PlaceRow]:
    """List the active vaults of a compartment."""
    with blaming_request():
        directory = context.directory(context.connection(request.id)[0], context.gate)
        return _places(directory.vaults(request.query.compartment_ocid))


def vault_keys(context: ApiContext, request: ParsedRequest) -> list[PlaceRow]:
    """List the enabled keys of a vault."""
    with blaming_request():
        directory = context.directory(context.connection(request.id)[0], context.gate)
        return _places(directory.keys(request.query.compartment_ocid, request.query.vault_ocid))


def _places(places: Sequence[OciResource]) -> list[PlaceRow]:
    return [PlaceRow(id=place.id, display_name=place.name) for place in places]


def _read(body: Mapping[str, Any]) -> OwnConnection | KeyConnection:
    is_own = body.get("method") == Method.RESOURCE_PRINCIPAL
    return read(OwnConnection, body) if is_own else read(KeyConnection, body)


def _described(request: OwnConnection | KeyConnection, fields: Mapping[str, Any]) -> Connection:
    """Return the connection of a request; where it brings a key, its secret is not named yet."""
    own = {"name": request.name, "description": request.description, "method": request.method}
    shown = request.credentials.model_dump(exclude={"private_key"}, exclude_none=True)
    return Connection.model_construct(**{**fields, **own, **shown})


def _prove_and_keep(
    context: ApiContext, connection: Connection, request: OwnConnection | KeyConnection
) -> Connection:
    """Return the connection, proved by a call, with its private key in a vault."""
    key = request.credentials.private_key if isinstance(request, KeyConnection) else None
    try:
        context.directory(connection, context.gate, key).check()
    except Refused as error:
        raise Rejected(400, f"Failed to validate credentials: {error}") from None
    if key is None or not isinstance(request, KeyConnection):
        return connection
    with blaming_request():
        secret = context.private_keys(context.gate).keep(
            f"{KEY_NAME}{context.uuid()}", key, request.key_storage
        )
    return connection.model_copy(update={"private_key_secret_ocid": secret})


def _save(context: ApiContext, connection: Connection, etag: str, old: str | None = None) -> None:
    """Write the connection if nobody else did meanwhile. Raises Rejected (409).

    Of the old and the new private key the one that is not in use afterwards is discarded.
    """
    store, name = context.dispatcher.services.store, object_of(connection.id)
    new = connection.private_key_secret_ocid
    context.connections.changed()
    try:
        store.put(name, connection.to_json(), if_match=etag)
    except Conflict:
        stored = store.get(name)
        if stored is None or stored.body != connection.to_json():
            if new != old:
                _discard(context, new)
            raise _lost() from None
    if new != old:
        _discard(context, old)


def _discard(context: ApiContext, secret_ocid: str | None) -> None:
    """Let a private key go that this API stored; without success it only stays where it is."""
    if secret_ocid is None:
        return
    when = deletion_time(context.dispatcher.services.clock.now(), KEY_DELETION_DAYS)
    try:
        context.private_keys(context.gate).discard(secret_ocid, when)
    except SyncError as error:
        log.warning("the private key %s is left in its vault: %s", secret_ocid, error)


def _changeable(context: ApiContext, connection_id: UUID) -> tuple[Connection, str]:
    if connection_id == OWN_CONNECTION_ID:
        raise Rejected(400, "This connection is the function's own principal; it always exists.")
    return context.connection(connection_id)


def _refuse_taken(context: ApiContext, connection: Connection) -> None:
    others = (OWN_CONNECTION, *context.connections.all())
    if any(o.name == connection.name and o.id != connection.id for o in others):
        raise Rejected(400, f'An App Connection with the name "{connection.name}" already exists')


def _lost() -> Rejected:
    return Rejected(
        409, "Somebody else changed this connection meanwhile; look at it and try again."
    )


def _one(context: ApiContext, connection: Connection) -> OneConnection:
    return OneConnection(app_connection=_rows(context, [connection]).app_connections[0])


def _rows(context: ApiContext, connections: Iterable[Connection]) -> ConnectionRows:
    org = uuid5(NAMESPACE_URL, context.dispatcher.services.store.url)
    return ConnectionRows(app_connections=[_row(connection, org) for connection in connections])


def _row(connection: Connection, org: UUID) -> ConnectionRow:
    shown = {
        field: getattr(connection, field)
        for field in ("user_ocid", "tenancy_ocid", "region", "fingerprint")
    }
    text = "\n".join(str(value) for value in shown.values())
    return ConnectionRow(
        **connection.model_dump(
            include={"id", "name", "description", "method", "version", "project_id"}
        ),
        org_id=org,
        credentials=ShownCredentials(**shown),
        credentials_hash=hashlib.sha256(text.encode()).hexdigest(),
        created_at=connection.created_at or EPOCH,
        updated_at=connection.updated_at or connection.created_at or EPOCH,
    )
