"""The sync configs in the store, cached by ETag while the container is warm."""

import json
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import partial
from logging import getLogger
from pathlib import PurePath

from functions.calls.parallel import try_in_parallel
from functions.errors import InvalidInput, NotFound, SyncError
from functions.plan.sync_config import PREFIX, Sync, parse_sync, sync_id
from functions.ports import Clock, ConfigStore, Entry, Pool
from functions.state.index import Index
from functions.state.status import Phase, Status, shorten
from functions.state.status_document import StatusDocument

log = getLogger(__name__)

FEW = 8
"""So many configs of a project are read side by side, which takes no longer than to read their index."""
ConfigCache = dict[str, tuple[str, Sync | InvalidInput]]
"""By object name: its ETag, and the config or what is wrong with it."""


class Configs:
    """Reads configs; one that is wrong is reported and never stops the others."""

    def __init__(self, store: ConfigStore, pool: Pool, clock: Clock, cache: ConfigCache) -> None:
        self._store = store
        self._pool = pool
        self._clock = clock
        self._cache = cache
        self._index = Index(store, "configs", FEW)

    def entries(self, project_id: str | None = None) -> Sequence[Entry]:
        """Return the config objects of one project, or all: not folders, nor notes for people."""
        prefix = PREFIX if project_id is None else f"{PREFIX}{project_id}/"
        found = [entry for entry in self._store.list(prefix) if entry.name.endswith(".json")]
        there = {entry.name for entry in found}
        for name in [name for name in self._cache if name.startswith(prefix)]:
            if name not in there:
                del self._cache[name]
        return found

    def known(self, name: str) -> Sync | None:
        """Return a config as this container read it last; it may have changed since."""
        _, known = self._cache.get(name, ("", None))
        return known if isinstance(known, Sync) else None

    def known_of(self, project_id: str) -> list[Sync]:
        """Return the configs of a project as this container read them last."""
        names = [name for name in self._cache if name.startswith(f"{PREFIX}{project_id}/")]
        return [sync for sync in map(self.known, names) if sync]

    def forget(self) -> None:
        """Forget what was read."""
        self._cache.clear()

    def load(self, entries: Iterable[Entry]) -> list[Sync]:
        """Return the configs that are in order; read are only those that changed."""
        wanted = list(entries)
        self._take_from_index(wanted)
        stale = self._changed(wanted)
        for result in try_in_parallel(self._pool, [partial(self._read, e.name) for e in stale]):
            if isinstance(result, SyncError) and not isinstance(result, InvalidInput):
                raise result
        self._index.save(
            stale,
            (
                (name, etag, sync.config.model_dump_json(by_alias=True, exclude_unset=True))
                for name, (etag, sync) in self._cache.items()
                if isinstance(sync, Sync)
            ),
        )
        cached = (self._cache.get(entry.name, ("", None))[1] for entry in wanted)
        return [sync for sync in cached if isinstance(sync, Sync)]

    def _take_from_index(self, wanted: Sequence[Entry]) -> None:
        found = self._index.contents_of(self._changed(wanted))
        for entry in wanted:
            if entry.name in found:
                with suppress(InvalidInput):  # it is read and reported like any other
                    body = found[entry.name].encode()
                    sync = parse_sync(self._store.url, entry.name, entry.etag, body)
                    self._cache[entry.name] = (entry.etag, sync)

    def _changed(self, entries: Iterable[Entry]) -> list[Entry]:
        return [e for e in entries if self._cache.get(e.name, ("", None))[0] != e.etag]

    def faults(self, entries: Iterable[Entry]) -> dict[str, InvalidInput]:
        """Return what is wrong with which of the configs that were loaded."""
        known = {entry.name: self._cache.get(entry.name, ("", None))[1] for entry in entries}
        return {name: it for name, it in known.items() if isinstance(it, InvalidInput)}

    def get(self, name: str) -> Sync | None:
        """Return a config as it is now, None where there is none. Raises InvalidInput."""
        return self._read(name)

    def find(self, name_or_id: str) -> Sync:
        """Return the config with this id or name. Raises NotFound, InvalidInput."""
        entries = self.entries()
        syncs = self.load(entries)
        found = [s for s in syncs if name_or_id in (str(s.id), s.config.name)]
        if not found:
            for name, fault in self.faults(entries).items():
                if name_or_id in self._names_of(name):
                    raise fault
            raise NotFound(f'There is no sync with the name or id "{name_or_id[:64]}".')
        if len(found) > 1:
            ids = ", ".join(f"{sync.id} in {sync.config.project_id}" for sync in found[:5])
            raise InvalidInput(f"More than one sync has this name; give an id: {ids}.")
        return found[0]

    def _names_of(self, object_name: str) -> set[str]:
        """Return what a config that is wrong may be called by: its id, its file, the name that it says."""
        names = {str(sync_id(self._store.url, object_name)), PurePath(object_name).stem}
        stored = self._store.get(object_name)
        with suppress(ValueError, RecursionError, AttributeError):
            names.add(str(json.loads(stored.body if stored else b"").get("name")))
        return names

    def _read(self, name: str) -> Sync | None:
        stored = self._store.get(name)
        if stored is None:
            self._cache.pop(name, None)
            return None
        etag, known = self._cache.get(name, ("", None))
        if known is None or etag != stored.etag:
            try:
                known = parse_sync(self._store.url, name, stored.etag, stored.whole(name))
                if "/" in (known.config.sync_options.key_schema or ""):
                    log.warning("%s: no key is written: its keySchema holds a slash", name)
            except InvalidInput as error:
                known = error
                self._report(name, stored.etag, error)
            self._cache[name] = (stored.etag, known)
        if isinstance(known, InvalidInput):
            raise known
        return known

    def _report(self, name: str, etag: str, error: InvalidInput) -> None:
        """Log what is wrong, and write it to the status once."""
        log.error("a sync config is wrong: %s", error)
        text = shorten(str(error))

        def mutate(status: Status) -> bool:
            if status.sync.message == text and status.config_etag == etag:
                return False
            status.see_config(etag, self._clock.now())
            status.sync.status, status.sync.message = Phase.FAILED, text
            return True

        try:
            document = StatusDocument(self._store, name, self._clock, f"config-{etag}")
            document.change(mutate)
        except SyncError as trouble:
            log.warning("the status of %s could not be written: %s", name, trouble)
