"""The status document of one sync in the store: changed by compare-and-swap, and home of the lease."""

from collections.abc import Callable
from datetime import datetime, timedelta
from logging import getLogger

from functions.core.config import Sync
from functions.core.errors import ConfigChanged, Conflict, LeaseLost, SyncError
from functions.core.gate import Gate
from functions.core.ports import ABSENT, Clock, ConfigStore
from functions.core.status import Lease, Status, parse_status

LEASE_SECONDS = 45.0
RENEW_AFTER_SECONDS = 15.0
MAX_CLOCK_SKEW = timedelta(minutes=5)
"""OCI refuses requests of a clock that is further off, so a lease from such a clock is nonsense."""
MAX_SWAPS = 20

log = getLogger(__name__)


def status_object(config_object: str) -> str:
    """Return the name of a sync's status object."""
    return "status/" + config_object.removeprefix("secret-syncs/")


def verified_object(config_object: str) -> str:
    """Return the name of the empty object that tells when a sync was last verified."""
    return "verified/" + config_object.removeprefix("secret-syncs/").removesuffix(".json")


class Ledger:
    """Reads and changes one status document; `writer` marks the writes of this invocation."""

    def __init__(self, store: ConfigStore, config_object: str, clock: Clock, writer: str) -> None:
        self._store = store
        self._config_object = config_object
        self._clock = clock
        self._writer = writer
        self._writes = 0
        self._etag: str | None = None
        self.status = Status()
        self.was_lost = False
        """Whether there was no readable document: then nothing is known of former runs."""

    def load(self) -> Status:
        """Read the document; nonsense is reported and replaced by an empty one."""
        stored = self._store.get(status_object(self._config_object))
        status = parse_status(stored.body) if stored else None
        if stored and status is None:
            log.error("status object is not readable, rebuilding it: %s", self._config_object)
        self._etag = stored.etag if stored else ABSENT
        self.was_lost = status is None
        self.status = status or Status()
        self.status.forget_future(self._clock.now() + MAX_CLOCK_SKEW)
        return self.status

    def change(self, mutate: Callable[[Status], bool]) -> Status:
        """Apply `mutate` to the newest document and write it, unless it answers False.

        Raises Conflict only if others keep winning; whatever `mutate` raises; Temporary.
        """
        for _ in range(MAX_SWAPS):
            if self._etag is None:
                self.load()
            draft = self.status.copied()
            if not mutate(draft):
                return self.status
            self._writes += 1
            draft.writer = f"{self._writer}:{self._writes}"
            if self._swap(draft):
                return self.status
        raise Conflict(f"{self._config_object}: the status is changed by too many at once")

    def _swap(self, draft: Status) -> bool:
        name = status_object(self._config_object)
        try:
            self._etag = self._store.put(name, draft.to_json(), if_match=self._etag)
        except Conflict:
            return self.load().writer == draft.writer
        self.status = draft
        return True


class HeldLease:
    """The right to work on a sync, renewed by whoever calls `keep` often enough."""

    def __init__(self, ledger: Ledger, run: str, clock: Clock, gate: Gate) -> None:
        self._ledger = ledger
        self._run = run
        self._clock = clock
        self._gate = gate
        self._renewed_at = 0.0
        self.took_over = False

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
        self._ledger.change(mutate)
        if not held:
            self._hold_since(asked_at)
        return not held

    def keep(self, sync: Sync, store: ConfigStore) -> None:
        """Renew the lease if it is time to; where that fails no further vault call starts.

        Never raises: the gate closes instead, at once where the lease or the config is lost.
        """
        asked_at = self._clock.monotonic()
        if self._gate.closed_because or asked_at - self._renewed_at < RENEW_AFTER_SECONDS:
            return
        try:
            self.check_config(sync, store)
            self.change(lambda status: setattr(status, "lease", self._lease(self._clock.now())))
        except (LeaseLost, ConfigChanged) as reason:
            self._gate.close(reason)
        except SyncError as error:
            log.warning("the lease could not be renewed yet: %s", error)
        else:
            self._hold_since(asked_at)

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
            return True

        return self._ledger.change(guarded)

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
