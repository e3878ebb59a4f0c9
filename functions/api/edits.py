"""The management API: creating, changing and deleting syncs.

The config object is what counts: it is written first, by compare-and-swap, and what follows from it
is made up for by the next tick if this call does not come that far.
"""

from collections.abc import Mapping
from logging import getLogger
from typing import Any

from pydantic.alias_generators import to_camel

from functions.api.answers import OneRow
from functions.api.context import ApiContext, ParsedRequest
from functions.api.requests import read
from functions.api.source import NOT_THERE
from functions.api.syncs import refuse_leaving, start
from functions.errors import Conflict, Paused, Rejected, SourceMissing, SyncError, Temporary
from functions.plan.job import Args
from functions.plan.models import JobKind
from functions.plan.naming import KeySchema
from functions.plan.oci_connection import OWN_CONNECTION_ID
from functions.plan.sync_config import PREFIX, Sync, SyncConfig, sync_id
from functions.ports import ABSENT
from functions.state.status import Status
from functions.state.status_document import status_object, verified_object
from functions.state.sync_repository import StoredSync

EDITABLE = {"isEnabled"} | {
    to_camel(name) for name in SyncConfig.model_fields.keys() - {"project_id", "is_being_removed"}
}
"""What a request may say of a sync besides its project."""
MAX_WARNINGS = 20
MAX_COMPARED = 2_000
log = getLogger(__name__)


def create(context: ApiContext, request: ParsedRequest) -> OneRow:
    """Create a sync, and sync at once if auto-sync is on."""
    if request.body.get("destination", "oci-vault") != "oci-vault":
        raise Rejected(400, "This server syncs to OCI Vault only: the destination is oci-vault.")
    config = _config(
        {key: request.body[key] for key in (*EDITABLE, "projectId") if key in request.body}
    )
    _check(context, config, None)
    name = f"{PREFIX}{config.project_id}/{context.uuid()}.json"
    with context.lock(f"syncs/{config.project_id}/{config.name}"):
        _refuse_taken(context, config)
        found = _save(context, config, name, ABSENT)
    context.cache.names[found.sync.id] = name
    return _follow_up(context, found)


def update(context: ApiContext, request: ParsedRequest) -> OneRow:
    """Change a sync, and sync at once if auto-sync is on. `syncOptions` is replaced as a whole."""
    sync = context.syncs.find(request.id).sync
    refuse_leaving(sync)
    given = {key: request.body[key] for key in EDITABLE if key in request.body}
    before = sync.config.model_dump(mode="json", by_alias=True)
    if "isEnabled" in given:
        del before["isAutoSyncEnabled"]
    config = _config(before | given)
    _check(context, config, sync.config)
    if config.name == sync.config.name:
        found = _save(context, config, sync.object_name, sync.etag)
    else:
        with context.lock(f"syncs/{config.project_id}/{config.name}"):
            _refuse_taken(context, config)
            found = _save(context, config, sync.object_name, sync.etag)
    return _follow_up(context, found)


def delete(context: ApiContext, request: ParsedRequest) -> OneRow:
    """Delete a sync; with removeSecrets=true its secrets first, and itself only if that succeeded."""
    found = context.dispatcher.unless_paused(lambda: context.syncs.find(request.id))
    if request.query.remove_secrets == "true":
        return _delete_with_secrets(context, found)
    status, store = context.syncs.status(found), context.dispatcher.services.store
    name = found.sync.object_name
    try:
        store.delete(name, if_match=found.sync.etag)
    except Conflict:
        raise _lost() from None
    store.delete(verified_object(name))
    store.delete(status_object(name))
    return context.one(found, status)


def _delete_with_secrets(context: ApiContext, found: StoredSync) -> OneRow:
    sync = found.sync
    if not sync.config.is_being_removed:
        config = sync.config.model_copy(update={"is_being_removed": True})
        found = _save(context, config, sync.object_name, sync.etag)
    return context.one(found, _run(context, found, JobKind.REMOVE, Args(delete_config=True)))


def _config(fields: Mapping[str, Any]) -> SyncConfig:
    config = read(SyncConfig, fields)
    if config.connection_id == OWN_CONNECTION_ID:
        return config.model_copy(update={"connection_id": None})
    return config


def _check(context: ApiContext, config: SyncConfig, before: SyncConfig | None) -> None:
    """Raise Rejected where folder or connection do not exist; only what changed is looked up."""
    if config.connection_id and (not before or before.connection_id != config.connection_id):
        context.connection(config.connection_id)
    if before and before.folder == config.folder:
        return
    try:
        context.source().read(config.folder, sub_folders=False)
    except SourceMissing as missing:
        raise Rejected(400, NOT_THERE[missing.field]) from None
    except SyncError as error:
        log.warning("the folder of a sync could not be looked at, its run will tell: %s", error)


def _refuse_taken(context: ApiContext, config: SyncConfig) -> None:
    if any(f.sync.config.name == config.name for f in context.syncs.of_project(config.project_id)):
        raise Rejected(
            400,
            f'A Secret Sync with the name "{config.name}" already exists for the project with ID '
            f'"{config.project_id}"',
        )


def _save(context: ApiContext, config: SyncConfig, name: str, etag: str) -> StoredSync:
    """Write the config if nobody else did meanwhile. Raises Rejected (409)."""
    services = context.dispatcher.services
    default = None if config.is_being_removed else {"is_being_removed"}
    body = config.model_dump_json(by_alias=True, exclude_none=True, exclude=default, indent=2)
    try:
        new = services.store.put(name, body.encode(), if_match=etag)
    except Conflict:
        stored = services.store.get(name)
        if stored is None or stored.body != body.encode():
            raise _lost() from None
        new = stored.etag
    identity = sync_id(services.store.url, name)
    sync = Sync(id=identity, object_name=name, etag=new, config=config)
    return StoredSync(sync, services.clock.now())


def _lost() -> Rejected:
    return Rejected(
        409,
        "Somebody else changed this sync meanwhile; nothing was done. Look at it and try again.",
    )


def _follow_up(context: ApiContext, found: StoredSync) -> OneRow:
    """Sync if auto-sync is on, and tell which other syncs may get in the way.

    The config is written: what fails from here on is made up for by a tick.
    """
    warnings, status = [], Status()
    try:
        warnings = context.dispatcher.unless_paused(lambda: _collisions(context, found.sync))
        if found.sync.config.is_auto_sync_enabled:
            status = _run(context, found, JobKind.SYNC, Args())
        else:
            status = _note(context, found)
    except Paused as pause:
        warnings.append(f"Nothing is synced yet. {pause}")
    except SyncError as error:
        log.warning("%s is written, a tick sees to the rest: %s", found.sync.object_name, error)
    return context.one(found, status, warnings)


def _note(context: ApiContext, found: StoredSync) -> Status:
    services = context.dispatcher.services

    def note(status: Status) -> bool:
        status.see_config(found.sync.etag, services.clock.now())
        return True

    document = services.document(found.sync.object_name, str(context.uuid()))
    return document.change(note)


def _run(context: ApiContext, found: StoredSync, kind: JobKind, args: Args) -> Status:
    dispatcher = context.dispatcher
    job = dispatcher.job(found.sync, kind, "api", args)
    document = dispatcher.services.document(found.sync.object_name, job.job_id)
    try:
        dispatcher.put([job], before=[document.load])
    except Temporary as error:
        log.warning("a sync was changed; a tick follows up what now fails: %s", error)
    return start(context, found, job, document)


def _collisions(context: ApiContext, sync: Sync) -> list[str]:
    """Say which other syncs may want the same names in the same vault."""
    configs, own = context.dispatcher.configs, sync.config
    entries = configs.entries()
    if len(entries) > MAX_COMPARED:
        entries = configs.entries(own.project_id)
    schema = KeySchema(own.sync_options.key_schema, own.environment)
    vault = own.destination_config.vault_ocid
    rivals = [
        other.config
        for other in configs.load(entries)
        if other.id != sync.id
        and other.config.destination_config.vault_ocid == vault
        and KeySchema(other.config.sync_options.key_schema, other.config.environment).overlaps(
            schema
        )
    ]
    return [
        f'The sync "{rival.name}" of project {rival.project_id} writes to the same vault, and its '
        "names may be the same: neither touches what the other wrote. Give each a keySchema of its "
        "own."
        for rival in rivals[:MAX_WARNINGS]
    ]
