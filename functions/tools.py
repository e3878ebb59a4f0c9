"""What jobs and runs are given of the outside world, and how they call it side by side."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import TypeVar
from uuid import UUID

from functions.core.config import Sync
from functions.core.digest import Digests
from functions.core.errors import SyncError
from functions.core.gate import Gate
from functions.core.ports import (
    Clock,
    ConfigStore,
    Idle,
    Notifier,
    Pool,
    SecretSource,
    SecretVault,
    Task,
)


@dataclass(frozen=True, slots=True)
class Tools:
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
    living_ids: Callable[[], frozenset[str]]
    """Ids of the syncs that have a status document."""

    def mark(self) -> str:
        """Return a new mark, by which a writer knows its own writes again."""
        return f"{self.random.getrandbits(64):016x}"

    def uuid(self) -> UUID:
        """Return a new random UUID."""
        return UUID(int=self.random.getrandbits(128), version=4)


T = TypeVar("T")


def gather(pool: Pool, calls: Sequence[Callable[[], T]], idle: Idle) -> list[T | SyncError]:
    """Make all calls side by side; return each result, or the error in its place."""
    results: dict[int, T | SyncError] = {}
    crashes: list[Exception] = []

    def task(number: int, call: Callable[[], T]) -> Task:
        def run() -> None:
            try:
                results[number] = call()
            except SyncError as error:
                results[number] = error
            except Exception as error:  # noqa: BLE001 - raised again below, in the caller's thread
                crashes.append(error)

        return run

    pool.each([task(*pair) for pair in enumerate(calls)], idle)
    if crashes:
        raise crashes[0]
    return [results[number] for number in range(len(calls))]


def meanwhile(pool: Pool, call: Callable[[], T], idle: Idle) -> T:
    """Make one call that may take long, with `idle` in this thread; raise what it raises."""
    (result,) = gather(pool, [call], idle)
    if isinstance(result, SyncError):
        raise result
    return result
