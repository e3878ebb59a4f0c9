"""What happens to calls on their way: the log of calls, faults made to order, rate limits."""

import math
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from functions.ports import Clock
from infra.local.http import Answer, Failure


@dataclass(frozen=True, slots=True)
class Call:
    """One call that arrived. `name_or_id` is the secret's name where the call is about a secret."""

    operation: str
    name_or_id: str
    at_monotonic: float


@dataclass(slots=True)
class Fault:
    """Something that goes wrong with calls of `operation` (`*`: of all).

    It strikes `times` times, beginning with the `nth` call that matches after the rule was added.
    With `status` the call is answered so and not carried out. `drop="request"` ends the connection
    before the call is carried out, `drop="answer"` after it; `garble` makes another answer of the
    call's own.
    """

    operation: str
    status: int | None = None
    code: str = "InternalServerError"
    message: str = "A fault that a test asked for."
    headers: Mapping[str, str] = field(default_factory=dict)
    drop: Literal["request", "answer"] | None = None
    garble: Callable[[Answer], Answer] | None = None
    delay_seconds: float = 0.0
    nth: int = 1
    times: float = math.inf
    when: Callable[[Call], bool] | None = None
    matched: int = field(default=0, init=False)

    def strikes(self, call: Call) -> bool:
        """Count the call if it matches, and say whether it is struck."""
        if self.operation not in ("*", call.operation) or (self.when and not self.when(call)):
            return False
        self.matched += 1
        return self.nth <= self.matched < self.nth + self.times

    def before_work(self) -> None:
        """Refuse the call or end its connection."""
        if self.drop == "request":
            raise ConnectionAbortedError
        if self.status is not None:
            raise Failure(self.status, self.code, self.message, self.headers)

    def after_work(self) -> None:
        """Lose the answer."""
        if self.drop == "answer":
            raise ConnectionAbortedError


class Faults(list[Fault]):
    """The rules in force; tests append to it, and clear it."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()

    def striking(self, call: Call) -> Iterable[Fault]:
        """Return the rules that strike this call."""
        with self._lock:
            return [fault for fault in self if fault.strikes(call)]


class RateLimits(dict[str, float]):
    """Calls a second by family (list, read, bundle, write, queue, objects, …): buckets of one second."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets: dict[str, tuple[float, float]] = {}

    def take(self, family: str) -> None:
        """Count a call, or refuse it with 429."""
        if family not in self:
            return
        rate, now = self[family], self._clock.monotonic()
        size = max(1.0, rate)
        with self._lock:
            level, at = self._buckets.get(family, (size, now))
            level = min(size, level + (now - at) * rate)
            if level < 1:
                raise Failure(429, "TooManyRequests", "User-rate limit exceeded.")
            self._buckets[family] = (level - 1, now)
