"""Finds syncs and what is known of them, for the management API; cached while the container is warm."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID

from functions.calls.parallel import in_parallel
from functions.errors import Conflict, InvalidInput, Rejected
from functions.plan.sync_config import PREFIX, Sync, SyncConfig, project_of, sync_id
from functions.ports import ConfigStore, Entry, Pool
from functions.state.index import Index
from functions.state.memory import memory_object
from functions.state.status import Status, parse_status
from functions.state.status_document import status_object
from functions.state.sync_configs import Configs
from functions.state.verified import verified_object
from functions.state.whole_job import last_job

NEVER_KEPT: dict[str, Any] = {
    "ended_jobs": [],
    "recent": {},
    "origins": {},
    "import_pending": {},
}
"""What a list of syncs does not show need not stay in memory."""

MOST_LOOKS = 3
FEW = 20
"""So many statuses of a project are read one by one: they change too often for their index to know them."""
MAX_LISTED = 2_000
_LOST = "Somebody else changed this sync meanwhile; nothing was done. Look at it and try again."


@dataclass(slots=True)
class ApiCache:
    """What a warm container remembers."""

    names: dict[UUID, str] = field(default_factory=dict)
    statuses: dict[str, tuple[str, Status]] = field(default_factory=dict)
    """By object name: its ETag, and the status."""


@dataclass(frozen=True, slots=True)
class StoredSync:
    """A sync, and when its config object was written."""

    sync: Sync
    modified: datetime | None

    def see(self, status: Status, now: datetime) -> Status:
        """Return the status with an edit of the config that no run has seen yet."""
        seen = status.model_copy()
        seen.see_config(self.sync.etag, self.modified or now)
        return seen


class Listed(NamedTuple):
    """Syncs with their statuses, what is wrong with other configs, and whether there are more."""

    rows: Sequence[tuple[StoredSync, Status]]
    faults: Mapping[str, InvalidInput]
    is_cut: bool


class SyncRepository:
    """The syncs in the store, within one invocation."""

    def __init__(self, store: ConfigStore, pool: Pool, configs: Configs, cache: ApiCache) -> None:
        self._store = store
        self._pool = pool
        self._configs = configs
        self._cache = cache

    def find(self, wanted: UUID) -> StoredSync:
        """Return a sync by its id. Raises Rejected (404), InvalidInput where its config is wrong."""
        known = self._cache.names.get(wanted)
        for entry in self._store.list(known or PREFIX):
            if sync_id(self._store.url, entry.name) == wanted:
                self._cache.names[wanted] = entry.name
                sync = next(iter(self._configs.load([entry])), None) or self._configs.get(
                    entry.name
                )
                if sync:
                    return StoredSync(sync, entry.modified)
        raise Rejected(404, f'Could not find OCI Vault Sync with ID "{wanted}"')

    def named(self, project_id: str, name: str) -> StoredSync:
        """Return a sync by its name. Raises Rejected (404)."""
        for found in self.of_project(project_id):
            if found.sync.config.name == name:
                return found
        raise Rejected(404, "Could not find an OCI Vault Sync with this name")

    def project_ids(self) -> list[str]:
        """Return the ids of the projects that have syncs."""
        found = {project_of(entry.name) for entry in self._configs.entries()}
        return sorted(filter(None, found))

    def of_project(self, project_id: str) -> list[StoredSync]:
        """Return the syncs of a project."""
        return self._load(self._configs.entries(project_id))

    def refuse_taken(self, config: SyncConfig) -> None:
        """Raise Rejected (400) where another sync of the project has the name."""
        if any(f.sync.config.name == config.name for f in self.of_project(config.project_id)):
            raise Rejected(
                400,
                f'A Secret Sync with the name "{config.name}" already exists for the project with ID '
                f'"{config.project_id}"',
            )

    def save(self, sync: Sync, config: SyncConfig, now: datetime) -> StoredSync:
        """Write the config of a sync if nobody else did meanwhile. Raises Conflict."""
        default = None if config.is_being_removed else {"is_being_removed"}
        text = config.model_dump_json(by_alias=True, exclude_none=True, exclude=default, indent=2)
        try:
            etag = self._store.put(sync.object_name, text.encode(), if_match=sync.etag)
        except Conflict:
            stored = self._store.get(sync.object_name)
            if stored is None or stored.body != text.encode():
                raise Conflict(_LOST) from None
            etag = stored.etag
        self._cache.names[sync.id] = sync.object_name
        return StoredSync(sync.model_copy(update={"etag": etag, "config": config}), now)

    def delete(self, sync: Sync) -> None:
        """Delete a sync and what is known of it, if nobody changed it meanwhile. Raises Conflict."""
        try:
            self._store.delete(sync.object_name, if_match=sync.etag)
        except Conflict:
            raise Conflict(_LOST) from None
        self._forget(sync.object_name)

    def finish_deletion(self, wanted: UUID) -> bool:
        """Delete what an interrupted deletion left of a sync; False where there is nothing of it."""
        for entry in self._store.list("status/"):
            name = PREFIX + entry.name.removeprefix("status/")
            if sync_id(self._store.url, name) == wanted and self._store.get(name) is None:
                self._forget(name)
                return True
        return False

    def _forget(self, name: str) -> None:
        """Delete what is known of a sync, its status last: until then a repeated request goes on here.

        Only as it was before a look that finds no config: one that comes back may have a run at once.
        """
        self._store.delete(verified_object(name))
        for _ in range(MOST_LOOKS):
            known = {
                about: self._store.get(about)
                for about in (memory_object(name), status_object(name))
            }
            if self._store.get(name) is not None:
                return
            with suppress(Conflict):  # a run that is on wrote it; it ends, as its config is gone
                for about, stored in known.items():
                    if stored:
                        self._store.delete(about, if_match=stored.etag)
                return

    def status(self, found: StoredSync) -> Status:
        """Return what is known of a sync now."""
        stored = self._store.get(status_object(found.sync.object_name))
        return (parse_status(stored.body) if stored else None) or Status()

    def listed(self, project_id: str | None) -> Listed:
        """Return the first syncs of a project, or of all, with their statuses."""
        prefix = f"{PREFIX}{project_id}/" if project_id else PREFIX
        calls = (
            partial(self._store.list, prefix),
            partial(self._store.list, status_object(prefix)),
        )
        found, statuses = in_parallel(self._pool, calls)
        entries = found[:MAX_LISTED]
        rows = self._load(entries)
        names = {status_object(one.sync.object_name) for one in rows}
        known = self._refresh([entry for entry in statuses if entry.name in names])
        shown = [(one, known.get(status_object(one.sync.object_name), Status())) for one in rows]
        return Listed(shown, self._configs.faults(entries), len(found) > MAX_LISTED)

    def _load(self, entries: Sequence[Entry]) -> list[StoredSync]:
        modified = {entry.name: entry.modified for entry in entries}
        return [
            StoredSync(sync, modified[sync.object_name]) for sync in self._configs.load(entries)
        ]

    def _refresh(self, entries: Sequence[Entry]) -> dict[str, Status]:
        """Return the statuses by object name; read are only those that changed, side by side."""
        held, index = self._cache.statuses, Index(self._store, "statuses", FEW)
        found = index.contents_of(self._changed(entries))
        for entry in entries:
            status = parse_status(found[entry.name].encode()) if entry.name in found else None
            if status:
                held[entry.name] = (entry.etag, status)
        stale = self._changed(entries)
        in_parallel(self._pool, [partial(self._read, entry.name) for entry in stale])
        index.save(
            stale, ((name, etag, one.to_json().decode()) for name, (etag, one) in held.items())
        )
        return {entry.name: held[entry.name][1] for entry in entries if entry.name in held}

    def _changed(self, entries: Sequence[Entry]) -> list[Entry]:
        held = self._cache.statuses
        return [e for e in entries if held.get(e.name, ("", None))[0] != e.etag]

    def _read(self, name: str) -> None:
        stored = self._store.get(name)
        status = parse_status(stored.body) if stored else None
        if stored is None or status is None:
            self._cache.statuses.pop(name, None)
        else:
            last = last_job(status.runs)
            runs = [last.model_copy(update={"errors": {}})] if last else []
            slim = status.model_copy(update={**NEVER_KEPT, "runs": runs})
            self._cache.statuses[name] = (stored.etag, slim)
