"""The OCI connections in the store, cached by ETag while the container is warm."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from logging import getLogger
from uuid import UUID

from functions.calls.parallel import try_in_parallel
from functions.errors import InvalidInput, SyncError
from functions.plan.oci_connection import (
    OWN_CONNECTION,
    PREFIX,
    Connection,
    object_of,
    parse_connection,
)
from functions.ports import ABSENT, Clock, ConfigStore, Entry, Pool

LISTED_EVERY_SECONDS = 60.0
_SECRET_OCID = re.compile(rb"ocid1\.vaultsecret\.[A-Za-z0-9._-]+")
log = getLogger(__name__)


@dataclass(slots=True)
class ConnectionCache:
    """What a warm container knows of the connections."""

    objects: dict[str, tuple[str, Connection | InvalidInput]] = field(default_factory=dict)
    """By object name: its ETag, and the connection or what is wrong with it."""
    keys: dict[str, frozenset[str]] = field(default_factory=dict)
    """By object name: the vault secrets that are named in it."""
    listing: Sequence[Entry] = ()
    listed_at: float = float("-inf")


class Connections:
    """Reads connections; one that is wrong is reported and never stops the others."""

    def __init__(
        self, store: ConfigStore, pool: Pool, clock: Clock, cache: ConnectionCache
    ) -> None:
        self._store = store
        self._pool = pool
        self._clock = clock
        self._cache = cache
        self._names = {OWN_CONNECTION.id: OWN_CONNECTION.name}

    def all(self) -> list[Connection]:
        """Return the stored connections, as they are now."""
        entries = [entry for entry in self._store.list(PREFIX) if entry.name.endswith(".json")]
        known = self._cache.objects
        stale = [e.name for e in entries if known.get(e.name, ("", None))[0] != e.etag]
        for result in try_in_parallel(self._pool, [partial(self._read, name) for name in stale]):
            if isinstance(result, SyncError) and not isinstance(result, InvalidInput):
                raise result
        self._cache.listing, self._cache.listed_at = entries, self._clock.monotonic()
        return self._listed()

    def find(self, connection_id: UUID) -> tuple[Connection, str] | None:
        """Return a connection as it is now and its ETag. Raises InvalidInput."""
        if connection_id == OWN_CONNECTION.id:
            return OWN_CONNECTION, ABSENT
        return self._read(object_of(connection_id))

    def name_of(self, connection_id: UUID) -> str:
        """Return the name of a connection, of up to a minute ago, or "missing"; a miss is looked up once."""
        for look in (self._recent, self.all):
            if connection_id not in self._names:
                self._names |= {one.id: one.name for one in look()}
        return self._names.setdefault(connection_id, "missing")

    def changed(self) -> None:
        """Note that this container changed a connection: what is remembered does not count."""
        self._cache.listed_at = float("-inf")

    def private_keys(self) -> frozenset[str]:
        """Return the ids of the secrets that hold private keys, of up to a minute ago.

        Those of connections that are wrong too: a slip in a region must not cost a key.
        """
        self._recent()
        keys = self._cache.keys
        return frozenset(key for e in self._cache.listing for key in keys.get(e.name, ()))

    def _recent(self) -> list[Connection]:
        age = self._clock.monotonic() - self._cache.listed_at
        return self.all() if age > LISTED_EVERY_SECONDS else self._listed()

    def _listed(self) -> list[Connection]:
        known = (self._cache.objects.get(entry.name, ("", None)) for entry in self._cache.listing)
        return [connection for _, connection in known if isinstance(connection, Connection)]

    def _read(self, name: str) -> tuple[Connection, str] | None:
        stored = self._store.get(name)
        if stored is None:
            self._cache.objects.pop(name, None)
            self._cache.keys.pop(name, None)
            return None
        etag, known = self._cache.objects.get(name, ("", None))
        if known is None or etag != stored.etag:
            self._cache.keys[name] = frozenset(
                found.decode() for found in _SECRET_OCID.findall(stored.body)
            )
            try:
                known = parse_connection(name, stored.whole(name))
            except InvalidInput as error:
                log.error("a connection is wrong: %s", error)  # noqa: TRY400 - it says it all
                known = error
            self._cache.objects[name] = (stored.etag, known)
        if isinstance(known, InvalidInput):
            raise known
        return known, stored.etag
