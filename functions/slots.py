"""The places of the detached workers: a lease object each, so that no more than so many run."""

from datetime import timedelta
from logging import getLogger

from pydantic import AwareDatetime, ValidationError

from functions.core.config import Camel
from functions.core.errors import Conflict, SyncError
from functions.core.ports import ABSENT, Clock, ConfigStore
from functions.ledger import is_running

SLOT_SECONDS = 120
RENEW_AFTER_SECONDS = 30.0

log = getLogger(__name__)


class _Place(Camel):
    worker: str
    expires_at: AwareDatetime


class Slot:
    """One of `workers/1…n`, held by compare-and-swap and kept while the worker works."""

    def __init__(self, store: ConfigStore, clock: Clock, name: str, worker: str, etag: str) -> None:
        self._store = store
        self._clock = clock
        self._name = name
        self._worker = worker
        self._etag = etag
        self._renewed_at = clock.monotonic()
        self.is_lost = False
        """Whether another worker has this place now."""

    @classmethod
    def take(cls, store: ConfigStore, clock: Clock, worker: str, slots: int) -> "Slot | None":
        """Take a free place; None if all are taken."""
        names = (f"workers/{number}" for number in range(1, slots + 1))
        places = (cls.take_place(store, clock, name, worker) for name in names)
        return next((place for place in places if place), None)

    @classmethod
    def take_place(cls, store: ConfigStore, clock: Clock, name: str, worker: str) -> "Slot | None":
        """Take the place of this object name; None if it is taken."""
        stored = store.get(name)
        if stored and _is_live(stored.body, clock):
            return None
        etag = _write(store, name, _body(worker, clock), stored.etag if stored else ABSENT)
        return cls(store, clock, name, worker, etag) if etag else None

    def keep(self) -> None:
        """Renew the place when it is time to. Never raises: the job at hand goes on in any case."""
        now = self._clock.monotonic()
        if self.is_lost or now - self._renewed_at < RENEW_AFTER_SECONDS:
            return
        try:
            etag = _write(self._store, self._name, _body(self._worker, self._clock), self._etag)
        except SyncError:
            return
        self._etag, self._renewed_at, self.is_lost = etag or "", now, etag is None

    def free(self) -> None:
        """Give the place up. Never raises: what the place was needed for is done."""
        try:
            self._store.delete(self._name, if_match=self._etag)
        except SyncError as error:
            log.warning("%s is not given up, it runs out by itself: %s", self._name, error)


def _write(store: ConfigStore, name: str, body: bytes, etag: str) -> str | None:
    """Return the new ETag, None where another worker was first; a lost answer is no such case."""
    try:
        return store.put(name, body, if_match=etag)
    except Conflict:
        stored = store.get(name)
        return stored.etag if stored and stored.body == body else None


def _body(worker: str, clock: Clock) -> bytes:
    place = _Place(worker=worker, expires_at=clock.now() + timedelta(seconds=SLOT_SECONDS))
    return place.model_dump_json(by_alias=True).encode()


def _is_live(body: bytes, clock: Clock) -> bool:
    try:
        place = _Place.model_validate_json(body)
    except ValidationError:
        return False
    return is_running(place.expires_at, clock.now(), SLOT_SECONDS)
