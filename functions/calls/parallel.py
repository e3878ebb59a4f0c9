"""Calls side by side."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, wait
from logging import getLogger
from typing import TypeVar

from functions.errors import SyncError
from functions.ports import Heartbeat, Pool, Task

T = TypeVar("T")
HEARTBEAT_SECONDS = 1.0
log = getLogger(__name__)


class ThreadPool:
    """Runs tasks in threads that all end before `each` returns: a frozen container keeps none."""

    def __init__(self, workers: int) -> None:
        self._workers = workers

    def each(self, tasks: Iterable[Task], heartbeat: Heartbeat) -> None:
        """Run all tasks, calling `heartbeat` in this thread about once a second."""
        with ThreadPoolExecutor(self._workers, "oci-vault-sync") as executor:
            pending = {executor.submit(task) for task in tasks}
            while pending:
                done, pending = wait(pending, HEARTBEAT_SECONDS)
                for future in done:
                    future.result()
                heartbeat()


def no_heartbeat() -> None:
    """Do nothing: the calls are short."""


def try_in_parallel(
    pool: Pool, calls: Iterable[Callable[[], T]], heartbeat: Heartbeat = no_heartbeat
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
    return [results[number] for number in sorted(results)]


def in_parallel(
    pool: Pool, calls: Iterable[Callable[[], T]], heartbeat: Heartbeat = no_heartbeat
) -> list[T]:
    """Make all calls side by side; return their results, or raise the first error."""
    results: list[T] = []
    for result in try_in_parallel(pool, calls, heartbeat):
        if isinstance(result, SyncError):
            raise result
        results.append(result)
    return results
