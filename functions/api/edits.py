"""The management API: creating, changing and deleting syncs.

The config object is what counts: it is written first, by compare-and-swap, and what follows from it
is made up for by the next tick if this call does not come that far.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from http import HTTPStatus
from logging import getLogger
from typing import Any

from pydantic.alias_generators import to_camel

from functions.api.context import ApiContext, ParsedRequest
from functions.api.source import NOT_THERE
from functions.api.syncs import refuse_leaving, start
from functions.errors import Paused, Rejected, SourceMissing, SyncError, Temporary
from functions.plan.job import Args
from functions.plan.models import JobKind
from functions.plan.oci_connection import OWN_CONNECTION_ID
from functions.plan.requested import editable, merged, unknown_fields, unknown_options
from functions.plan.sync_config import PREFIX, Sync, SyncConfig, sync_id
from functions.ports import ABSENT
from functions.schemas.answers import Deleted, OneRow, Planned, Row
from functions.schemas.requests import invalid, read
from functions.state.status import Status
from functions.state.sync_repository import StoredSync

IGNORED = {"App", "ID", "method", "projectId", "destination"} | {
    to_camel(name) for name in Row.model_fields
}
"""What clients of the reference always send, and what they may have read before."""
MAX_WARNINGS = 20
MAX_COMPARED = 2_000
log = getLogger(__name__)


def create(context: ApiContext, request: ParsedRequest) -> OneRow:
    """Create a sync, and sync at once if auto-sync is on."""
    sync, warnings = _new(context, request)
    warnings += _foresee(context, sync, request.query.plan)
    with context.lock(f"syncs/{sync.config.project_id}/{sync.config.name}"):
        context.syncs.refuse_taken(sync.config)
        found = context.syncs.save(sync, sync.config, context.now())
    return _follow_up(context, found, warnings)


def plan(context: ApiContext, request: ParsedRequest) -> Planned:
    """Say what a sync would do if it were created so, or if `syncId` were changed so; nothing is stored."""
    sync, warnings = _new(context, request)
    if request.query.sync_id:
        stored = context.syncs.find(request.query.sync_id).sync
        sync = stored.model_copy(update={"config": sync.config})
    planned = context.plan(sync)
    return Planned(plan=planned.model_copy(update={"warnings": [*warnings, *planned.warnings]}))


def update(context: ApiContext, request: ParsedRequest) -> OneRow:
    """Change a sync, and sync at once if auto-sync is on. What is absent stays, null sets the default."""
    before = context.syncs.find(request.id).sync
    refuse_leaving(before)
    fields = before.config.model_dump(mode="json", by_alias=True)
    with _blaming_what_is_stored():
        config, warnings = _config(request.body, merged(fields, editable(request.body)))
    _check(context, config, before.config)
    sync = before.model_copy(update={"config": config})
    if request.query.plan or _reach(config) != _reach(before.config):
        warnings += _foresee(context, sync, request.query.plan)
    is_renamed = config.name != before.config.name
    lock = context.lock(f"syncs/{config.project_id}/{config.name}")
    with lock if is_renamed else nullcontext():
        if is_renamed:
            context.syncs.refuse_taken(config)
        found = context.syncs.save(sync, config, context.now())
    return _follow_up(context, found, warnings)


def delete(context: ApiContext, request: ParsedRequest) -> Deleted:
    """Delete a sync; with removeSecrets=true its secrets first, and itself only if that succeeded."""
    with_secrets = request.query.remove_secrets == "true"
    try:
        found = context.dispatcher.unless_paused(lambda: context.syncs.find(request.id))
    except Rejected as absent:
        is_absent = absent.status == HTTPStatus.NOT_FOUND and not with_secrets
        if not (is_absent and context.syncs.finish_deletion(request.id)):
            raise
        return Deleted(secret_sync=None, warnings=["What was left of this sync is deleted."])
    if with_secrets:
        return Deleted(secret_sync=_delete_with_secrets(context, found).secret_sync)
    status = context.syncs.status(found)
    context.syncs.delete(found.sync)
    return Deleted(secret_sync=context.one(found, status).secret_sync)


def _delete_with_secrets(context: ApiContext, found: StoredSync) -> OneRow:
    sync = found.sync
    if not sync.config.is_being_removed:
        config = sync.config.model_copy(update={"is_being_removed": True})
        found = context.syncs.save(sync, config, context.now())
    return context.one(found, _run(context, found, JobKind.REMOVE, Args(delete_config=True)))


def _new(context: ApiContext, request: ParsedRequest) -> tuple[Sync, list[str]]:
    if request.body.get("destination", "oci-vault") != "oci-vault":
        raise Rejected(400, "This server syncs to OCI Vault only: the destination is oci-vault.")
    project = {name: request.body[name] for name in ("projectId",) if name in request.body}
    config, warnings = _config(request.body, project | editable(request.body))
    _check(context, config, None)
    name = f"{PREFIX}{config.project_id}/{context.uuid()}.json"
    identity = sync_id(context.dispatcher.services.store.url, name)
    return Sync(id=identity, object_name=name, etag=ABSENT, config=config), warnings


def _config(body: Mapping[str, Any], fields: Mapping[str, Any]) -> tuple[SyncConfig, list[str]]:
    """Return the config of these fields, and what the request said in vain. Raises Rejected (422)."""
    unknown = unknown_options(editable(body))
    if unknown:
        raise invalid([("unrecognized_keys", place, why) for place, why in unknown])
    config = read(SyncConfig, fields)
    if config.connection_id == OWN_CONNECTION_ID:
        config = config.model_copy(update={"connection_id": None})
    return config, unknown_fields(body, IGNORED)


@contextmanager
def _blaming_what_is_stored() -> Iterator[None]:
    """Turn a rule about several options, some of which the request left as they are, into a 400."""
    try:
        yield
    except Rejected as error:
        if all(
            issue["path"] == ["syncOptions"] and issue["code"] == "custom" for issue in error.issues
        ):
            raise Rejected(400, str(error)) from None
        raise


def _reach(config: SyncConfig) -> SyncConfig:
    """Return the config without what is only for people."""
    return config.model_copy(update={"name": "", "description": None})


def _foresee(context: ApiContext, sync: Sync, expected: str | None) -> list[str]:
    """Return what a plan warns of. Raises Rejected (409) where it is not the expected one."""
    try:
        planned = context.plan(sync, verify=expected is not None)
    except SyncError as error:
        if expected:
            raise
        log.warning("a changed sync could not be planned, its run will tell: %s", error)
        return []
    context.refuse_other(planned, expected)
    return planned.warnings


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


def _follow_up(context: ApiContext, found: StoredSync, warnings: list[str]) -> OneRow:
    """Sync if auto-sync is on, and tell which other syncs may get in the way.

    The config is written: what fails from here on is made up for by a tick.
    """
    status = Status()
    try:
        warnings += context.dispatcher.unless_paused(lambda: _collisions(context, found.sync))
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
    vault, names = own.destination_config.vault_ocid, own.names
    rivals = [
        other.config
        for other in configs.load(entries)
        if other.id != sync.id
        and other.config.destination_config.vault_ocid == vault
        and other.config.names.overlaps(names)
    ]
    return [
        f'The sync "{rival.name}" of project {rival.project_id} writes to the same vault, and its '
        "names may be the same: neither touches what the other wrote. Give each a keySchema of its "
        "own."
        for rival in rivals[:MAX_WARNINGS]
    ]
