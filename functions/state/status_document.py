"""The status document of one sync in the store: changed by compare-and-swap, and home of the lease."""

from collections.abc import Callable
from datetime import timedelta
from logging import getLogger

from functions.errors import Conflict
from functions.ports import ABSENT, Clock, ConfigStore
from functions.state.status import Status, parse_status

MAX_CLOCK_SKEW = timedelta(minutes=5)
"""OCI refuses requests of a clock that is further off, so a lease from such a clock is nonsense."""
MAX_SWAPS = 20
log = getLogger(__name__)


def status_object(config_object: str) -> str:
    """Return the name of a sync's status object."""
    return "status/" + config_object.removeprefix("secret-syncs/")


class StatusDocument:
    """Reads and changes one status document; `writer` marks the writes of this invocation."""

    def __init__(self, store: ConfigStore, config_object: str, clock: Clock, writer: str) -> None:
        self._store = store
        self._config_object = config_object
        self._clock = clock
        self._writer = writer
        self._writes = 0
        self._etag: str | None = None
        self.loads = 0
        """How often it was read: again, wherever another status was there than the known one."""
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
        self.loads += 1
        return self.status

    @property
    def is_absent(self) -> bool:
        """Say whether there was no document at all."""
        return self._etag == ABSENT

    @property
    def shows_no_lease(self) -> bool:
        """Say whether a document was read by which nobody is at work; one that is lost tells nothing."""
        return bool(self.loads) and not self.was_lost and self.status.lease is None

    def discard(self) -> None:
        """Delete the document as it was loaded. Raises Conflict where somebody changed it."""
        self._store.delete(status_object(self._config_object), if_match=self._etag)

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
