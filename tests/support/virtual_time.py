"""Time that passes only when somebody sleeps."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from itertools import count

from greenlet import getcurrent, greenlet

START = datetime(2026, 1, 1, tzinfo=UTC)


class VirtualClock:
    """A clock for one thread: `sleep` returns at once, later."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        return START + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds


class VirtualWorld(VirtualClock):
    """A clock for many tasks at once: who sleeps lets the others go on until then."""

    def __init__(self) -> None:
        super().__init__()
        self._waiting: list[tuple[float, int, greenlet]] = []
        self._order = count()

    def sleep(self, seconds: float) -> None:
        self._wait(getcurrent(), seconds)
        self._hub.switch()

    def run(self, *tasks: Callable[[], None]) -> None:
        """Run tasks side by side until all have ended."""
        self._hub = getcurrent()
        for task in tasks:
            self._wait(greenlet(task), 0)
        while self._waiting:
            self.seconds, _, task = heappop(self._waiting)
            task.switch()

    def _wait(self, task: greenlet, seconds: float) -> None:
        heappush(self._waiting, (self.seconds + seconds, next(self._order), task))
