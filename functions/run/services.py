"""What jobs and runs are given of the outside world, and how they call it side by side."""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from uuid import UUID

from functions.calls.deadline import Gate
from functions.plan.ownership import Digests
from functions.plan.sync_config import Sync
from functions.ports import Clock, ConfigStore, Notifier, Pool, SecretSource, SecretVault
from functions.secret_tags import SecretTags
from functions.state.status_document import StatusDocument


@dataclass(frozen=True, slots=True)
class RunServices:
    """What jobs and runs need of the outside world, for one invocation."""

    clock: Clock
    random: Random
    store: ConfigStore
    pool: Pool
    digests: Digests
    notifier: Notifier
    source: Callable[[Gate], SecretSource]
    vault: Callable[[Sync, Gate], SecretVault]
    protected_ids: Callable[[], frozenset[str]]
    """Ids of vault secrets that hold this function's own credentials."""
    existing_sync_ids: Callable[[], frozenset[str]]
    """Ids of the syncs that have a status document."""
    secret_tags: SecretTags = field(default_factory=SecretTags)
    """What every secret gets besides the sync's own tags."""

    def writer_id(self) -> str:
        """Return a new mark, by which a writer knows its own writes again."""
        return f"{self.random.getrandbits(64):016x}"

    def uuid(self) -> UUID:
        """Return a new random UUID."""
        return UUID(int=self.random.getrandbits(128), version=4)

    def document(self, config_object: str, writer: str) -> StatusDocument:
        """Return the status document of a sync; `writer` marks what is written to it."""
        return StatusDocument(self.store, config_object, self.clock, writer)
