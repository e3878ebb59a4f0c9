"""Whether another outside call may start: the one place that knows deadline and lease."""

from dataclasses import dataclass, field

from functions.errors import DeadlineReached, LeaseLost
from functions.ports import Clock

CALL_TIMEOUT_SECONDS = 10.0
LEASE_MARGIN_SECONDS = 5.0


@dataclass
class Gate:
    """Guards each outside call of an invocation or run. Times are of `clock.monotonic()`, in seconds.

    A call is given `CALL_TIMEOUT_SECONDS` at most (a call of the source perhaps more), so that it has
    ended before the deadline and, where a lease is held, five seconds before another run may take it.
    """

    clock: Clock
    deadline: float
    lease_until: float | None = None
    closed_because: Exception | None = field(default=None)

    def seconds_left(self) -> float:
        """Return the seconds until the deadline, never below 0."""
        return max(0.0, self.deadline - self.clock.monotonic())

    def check(self) -> None:
        """Raise DeadlineReached, LeaseLost or the reason given to `close` where no call may start."""
        if self.closed_because is not None:
            raise self.closed_because
        now = self.clock.monotonic()
        if now >= self.deadline:
            raise DeadlineReached("The time of this invocation is used up.")
        if (
            self.lease_until is not None
            and self.lease_until - now < CALL_TIMEOUT_SECONDS + LEASE_MARGIN_SECONDS
        ):
            raise LeaseLost("The lease of this run could not be renewed in time.")

    def close(self, reason: Exception) -> None:
        """Let no further call start; the first reason given is kept."""
        self.closed_because = self.closed_because or reason

    def pause(self, seconds: float) -> bool:
        """Sleep `seconds` if that ends before the deadline; say whether it did."""
        if seconds >= self.seconds_left():
            return False
        self.clock.sleep(seconds)
        return True
