"""Leases: the right to work on a sync, and the places of detached workers."""

from collections.abc import Callable
from datetime import datetime, timedelta
from logging import getLogger

from pydantic import AwareDatetime, ValidationError

from functions.calls.deadline import Gate
from functions.errors import ConfigChanged, Conflict, LeaseLost, Paused, SyncError
from functions.plan.sync_config import Camel, Sync
from functions.ports import ABSENT, Clock, ConfigStore
from functions.state.status import Lease, Status
from functions.state.status_document import MAX_CLOCK_SKEW, StatusDocument
from functions.state.stop import check_not_paused

LEASE_SECONDS = 45.0
RENEW_AFTER_SECONDS = 15.0
SLOT_SECONDS = 120
SLOT_RENEW_AFTER_SECONDS = 30.0
log = getLogger(__name__)


class HeldLease:
    """The right to work on a sync, renewed by whoever calls `keep` often enough."""

    def __init__(self, document: StatusDocument, run: str, clock: Clock, gate: Gate) -> None:
        self._document = document
        self._run = run
        self._clock = clock
        self._gate = gate
        self._renewed_at = 0.0
        self.took_over = False
        self.progress: Callable[[], tuple[int, int]] = lambda: (0, 0)
        """How many changes of how many are made; noted with whatever the holder writes."""

    def take(self, begin: Callable[[Status], None], *, mark_rerun: bool) -> bool:
        """Take the lease, applying `begin` in the same write. False: another run holds it.

        With `mark_rerun` the other run is then told to start over when it is through.
        """
        held = False

        def mutate(status: Status) -> bool:
            nonlocal held
            now = self._clock.now()
            held = self._is_held_by_another(status, now)
            if held:
                must_mark = mark_rerun and not status.rerun
                status.rerun = status.rerun or mark_rerun
                return must_mark
            self.took_over = status.lease is not None and status.lease.run != self._run
            status.lease = self._lease(now)
            begin(status)
            return True

        asked_at = self._clock.monotonic()
        self._document.change(mutate)
        if not held:
            self._hold_since(asked_at)
        return not held

    def renew(self, sync: Sync, store: ConfigStore) -> bool:
        """Renew the lease if it is time to, and say whether; if it fails no further vault call starts.

        Never raises: the gate closes instead, at once where the lease is lost, the config changed
        or everything is paused.
        """
        asked_at = self._clock.monotonic()
        if self._gate.lease_until is None:
            return False  # it is only being taken
        if self._gate.closed_because or asked_at - self._renewed_at < RENEW_AFTER_SECONDS:
            return False
        try:
            check_not_paused(store)
            self.check_config(sync, store)
            self.change(lambda status: setattr(status, "lease", self._lease(self._clock.now())))
        except (LeaseLost, ConfigChanged, Paused) as reason:
            self._gate.close(reason)
        except SyncError as error:
            log.warning("the lease could not be renewed yet: %s", error)
        else:
            self._hold_since(asked_at)
            return True
        return False

    def check_config(self, sync: Sync, store: ConfigStore) -> None:
        """Raise ConfigChanged unless the config is still the one that this run follows."""
        stored = store.get(sync.object_name)
        if stored is None or stored.etag != sync.etag:
            raise ConfigChanged(f"{sync.object_name} was changed while its run was on.")

    def change(self, mutate: Callable[[Status], None]) -> Status:
        """Change the document as the holder. Raises LeaseLost where another run took over."""

        def guarded(status: Status) -> bool:
            if status.lease is None or status.lease.run != self._run:
                raise LeaseLost("Another run took over.")
            mutate(status)
            if status.lease is not None:
                status.lease.done, status.lease.total = self.progress()
            return True

        return self._document.change(guarded)

    def _is_held_by_another(self, status: Status, now: datetime) -> bool:
        if status.lease is None or status.lease.run == self._run:
            return False
        return is_running(status.lease.expires_at, now, LEASE_SECONDS)

    def _lease(self, now: datetime) -> Lease:
        return Lease(run=self._run, expires_at=now + timedelta(seconds=LEASE_SECONDS))

    def _hold_since(self, asked_at: float) -> None:
        self._renewed_at = asked_at
        self._gate.lease_until = asked_at + LEASE_SECONDS


def is_running(expires_at: datetime, now: datetime, lease_seconds: float) -> bool:
    """Say whether a lease of that length still runs; one that seems to run for longer is not believed."""
    ahead = expires_at - now
    return timedelta(0) < ahead <= MAX_CLOCK_SKEW + timedelta(seconds=lease_seconds)


class _Place(Camel):
    worker: str
    expires_at: AwareDatetime


class ObjectLease:
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
    def take(
        cls, store: ConfigStore, clock: Clock, worker: str, slots: int
    ) -> "ObjectLease | None":
        """Take a free place; None if all are taken."""
        names = (f"workers/{number}" for number in range(1, slots + 1))
        places = (cls.take_object(store, clock, name, worker) for name in names)
        return next((place for place in places if place), None)

    @classmethod
    def take_object(
        cls, store: ConfigStore, clock: Clock, name: str, worker: str
    ) -> "ObjectLease | None":
        """Take the place of this object name; None if it is taken."""
        stored = store.get(name)
        if stored and _is_live(stored.body, clock):
            return None
        etag = _write(store, name, _body(worker, clock), stored.etag if stored else ABSENT)
        return cls(store, clock, name, worker, etag) if etag else None

    def renew(self) -> None:
        """Renew the place when it is time to. Never raises: the job at hand goes on in any case."""
        now = self._clock.monotonic()
        if self.is_lost or now - self._renewed_at < SLOT_RENEW_AFTER_SECONDS:
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
