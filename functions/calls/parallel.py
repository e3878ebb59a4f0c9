"""Calls side by side."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from logging import getLogger
from typing import TypeVar

from functions.errors import SyncError
from functions.ports import Heartbeat, Pool, Task

HEARTBEAT_SECONDS = 1.0
log = getLogger(__name__)


class ThreadPool:
    """Runs tasks in threads that all end before `each` returns: a frozen container keeps none."""

    def __init__(self, workers: int) -> None:
        self._workers = workers

    def each(self, tasks: Iterable[Task], heartbeat: Heartbeat) -> None:
        """Run all tasks, calling `idle` in this thread about once a second."""
        with ThreadPoolExecutor(self._workers, "oci-vault-sync") as executor:
            pending = {executor.submit(task) for task in tasks}
            while pending:
                done, pending = wait(pending, HEARTBEAT_SECONDS)
                for future in done:
                    future.result()
                heartbeat()


T = TypeVar("T")


def try_in_parallel(
    pool: Pool, calls: Sequence[Callable[[], T]], heartbeat: Heartbeat
) -> list[T | SyncError]:
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

    pool.each([task(*pair) for pair in enumerate(calls)], heartbeat)
    if crashes:
        raise crashes[0]
    return [results[number] for number in range(len(calls))]


def run_in_parallel(pool: Pool, call: Callable[[], T], heartbeat: Heartbeat) -> T:
    """Make one call that may take long, with `idle` in this thread; raise what it raises."""
    (result,) = try_in_parallel(pool, [call], heartbeat)
    if isinstance(result, SyncError):
        raise result
    return result
