"""Trying a call again, and pacing the calls to a service that refuses too many."""

import threading
from collections import deque
from collections.abc import Callable
from typing import TypeVar

from functions.core.errors import DeadlineReached, OutOfTime, SyncError, Temporary, Throttled
from functions.core.gate import Gate
from functions.core.ports import Clock

T = TypeVar("T")

MOST_TRIES = 6
FIRST_DELAY_SECONDS = 0.1
LONGEST_DELAY_SECONDS = 5.0
WINDOW_SECONDS = 1.0
CUT = 0.9
DEEPEST_CUT = 0.5
GROWTH_PER_SECOND = 1.05
FAR_ABOVE_USE = 4.0
SLOWEST_PER_SECOND = 1.0
LONGEST_HALT_SECONDS = 60.0


class Pace:
    """Keeps the calls of one family below the rate at which the service begins to refuse.

    There is no limit until the first refusal. Then calls start at even intervals, at a rate that
    follows what the service accepted in the second before, grows slowly, and is forgotten once it
    has grown far above what was in use when it was set.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._answers: deque[float] = deque()
        self._rate: float | None = None
        self._rate_at_cut = 0.0
        self._cut_at = 0.0
        self._grown_at = 0.0
        self._next_slot = 0.0

    def reserve(self) -> float:
        """Reserve the next slot; return the seconds until it."""
        with self._lock:
            now = self._clock.monotonic()
            self._grow(now)
            slot = max(now, self._next_slot)
            if self._rate is not None:
                self._next_slot = slot + 1 / self._rate
            return slot - now

    def answered(self) -> None:
        """Note a call that the service did not refuse for its rate."""
        with self._lock:
            now = self._clock.monotonic()
            self._answers.append(now)
            self._forget(now)

    def refused(self, retry_after_seconds: float | None) -> None:
        """Note a call refused for its rate; calls in flight together count as one refusal."""
        with self._lock:
            now = self._clock.monotonic()
            asked = min(retry_after_seconds or 0.0, LONGEST_HALT_SECONDS)
            self._next_slot = max(self._next_slot, now + asked)
            if self._rate is not None and now - self._cut_at < WINDOW_SECONDS:
                return
            self._forget(now)
            accepted = len(self._answers) / WINDOW_SECONDS
            floor = DEEPEST_CUT * (self._rate or 0.0)
            self._rate = max(CUT * accepted, floor, SLOWEST_PER_SECOND)
            self._rate_at_cut = self._rate
            self._cut_at = self._grown_at = now

    def _grow(self, now: float) -> None:
        if self._rate is None:
            return
        self._rate *= GROWTH_PER_SECOND ** (now - self._grown_at)
        self._grown_at = now
        if self._rate > FAR_ABOVE_USE * self._rate_at_cut:
            self._rate = None

    def _forget(self, now: float) -> None:
        while self._answers and self._answers[0] <= now - WINDOW_SECONDS:
            self._answers.popleft()


class Retrying:
    """Tries calls again while the gate lets them start."""

    def __init__(self, gate: Gate, random: Callable[[], float]) -> None:
        self._gate = gate
        self._random = random

    def call(
        self, attempt: Callable[[], T], pace: Pace | None = None, *, is_repeatable: bool = True
    ) -> T:
        """Return what `attempt` returns; while it raises Temporary, wait and try again.

        A call that is not repeatable is tried again only where the other side refused it for its
        rate: after any other failure it may have been carried out.

        OutOfTime means that no attempt was made: once one was, its Temporary is raised instead.
        """
        pace = pace or Pace(self._gate.clock)
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

    def _wait_for_turn(self, pace: Pace) -> None:
        self._gate.check()
        seconds = pace.reserve()
        if seconds:
            if not self._gate.pause(seconds):
                raise DeadlineReached("The time of this invocation is used up.")
            self._gate.check()

    def _delay(self, tries: int, error: Temporary) -> float:
        backoff = min(LONGEST_DELAY_SECONDS, FIRST_DELAY_SECONDS * 2.0 ** (tries - 1))
        return max(backoff * (0.5 + self._random() / 2), error.retry_after_seconds or 0.0)
