"""Trying a call again, and pacing the calls to a service that refuses too many."""

from collections.abc import Callable
from typing import TypeVar

from functions.calls.deadline import Gate
from functions.calls.pace import AdaptiveRate
from functions.errors import DeadlineReached, OutOfTime, SyncError, Temporary, Throttled

T = TypeVar("T")
MOST_TRIES = 6
FIRST_DELAY_SECONDS = 0.1
LONGEST_DELAY_SECONDS = 5.0
MOST_DOUBLINGS = 10
LONGEST_ASKED_SECONDS = 3600.0


class Retrying:
    """Tries calls again while the gate lets them start."""

    def __init__(self, gate: Gate, random: Callable[[], float]) -> None:
        self._gate = gate
        self._random = random

    def check(self) -> None:
        """Raise OutOfTime where no call may start."""
        self._gate.check()

    def call(
        self,
        attempt: Callable[[], T],
        pace: AdaptiveRate | None = None,
        *,
        is_repeatable: bool = True,
    ) -> T:
        """Return what `attempt` returns; while it raises Temporary, wait and try again.

        A call that is not repeatable is tried again only where the other side refused it for its
        rate: after any other failure it may have been carried out.

        OutOfTime means that no attempt was made: once one was, its Temporary is raised instead.
        """
        pace = pace or AdaptiveRate(self._gate.clock)
        last: Temporary | None = None
        failures = refusals = 0
        while True:
            try:
                self._wait_for_turn(pace)
            except OutOfTime:
                if last is None:
                    raise
                raise last from None
            try:
                result = attempt()
            except Throttled as error:
                pace.refused(error.retry_after_seconds)
                refusals += 1
                last = error
            except Temporary as error:
                failures += 1
                if failures == MOST_TRIES or not is_repeatable:
                    raise
                last = error
            except SyncError:
                pace.answered()
                raise
            else:
                pace.answered()
                return result
            if not self._gate.pause(self._delay(failures + refusals, last)):
                raise last

    def _wait_for_turn(self, pace: AdaptiveRate) -> None:
        self._gate.check()
        seconds = pace.reserve()
        if seconds:
            if not self._gate.pause(seconds):
                raise DeadlineReached("The time of this invocation is used up.")
            self._gate.check()

    def _delay(self, tries: int, error: Temporary) -> float:
        doublings = min(tries - 1, MOST_DOUBLINGS)
        backoff = min(LONGEST_DELAY_SECONDS, FIRST_DELAY_SECONDS * 2.0**doublings)
        return max(backoff * (0.5 + self._random() / 2), error.retry_after_seconds or 0.0)


def asked_seconds(retry_after: str | None) -> float | None:
    """Return how long a Retry-After header asks to wait, an hour at most; None where it says no number."""
    try:
        seconds = float(retry_after or "")
    except ValueError:
        return None
    return min(seconds, LONGEST_ASKED_SECONDS) if seconds >= 0 else None
