"""The rate of calls that a service allows."""

import threading
from collections import deque

from functions.ports import Clock

WINDOW_SECONDS = 1.0
CUT = 0.9
DEEPEST_CUT = 0.5
GROWTH_PER_SECOND = 1.05
GROWTH_PER_CALL = 1.004
FAR_ABOVE_USE = 4.0
SLOWEST_PER_SECOND = 1.0
LONGEST_HALT_SECONDS = 60.0
REMEMBERED_SECONDS = 600.0


class AdaptiveRate:
    """Keeps the calls of one family below the rate at which the service begins to refuse.

    There is no limit until the first refusal. Then calls start at even intervals, at a rate that
    follows what the service accepted in the second before, and grows slowly. It is forgotten once it
    has grown far above what was in use when it was set, and ten minutes after the last refusal.
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
            if now - self._cut_at >= REMEMBERED_SECONDS:
                self._rate = None
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
            self._grow(now)

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
            self._next_slot = max(self._next_slot, now + 1 / self._rate)

    def _grow(self, now: float) -> None:
        """Grow with time, but no more than a little a call: a slow service, too, refuses few."""
        if self._rate is None:
            return
        seconds = min(now - self._grown_at, WINDOW_SECONDS)
        self._rate *= min(GROWTH_PER_SECOND**seconds, GROWTH_PER_CALL)
        self._grown_at = now
        if self._rate > FAR_ABOVE_USE * self._rate_at_cut:
            self._rate = None

    def _forget(self, now: float) -> None:
        while self._answers and self._answers[0] <= now - WINDOW_SECONDS:
            self._answers.popleft()
