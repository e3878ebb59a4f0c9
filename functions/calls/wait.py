"""Waiting for what gets on by itself, such as a lifecycle state: the one polling loop."""

from collections.abc import Callable
from typing import TypeVar

from functions.calls.deadline import Gate

PAUSE_SHARE = 0.1
SHORTEST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 5.0
PATIENCE_SECONDS = 60.0
"""How long is waited without progress before the rest is left to a later run."""

T = TypeVar("T")


class Patience:
    """Pauses for a share of what was waited so far, until the patience or the invocation's time is up."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._since = gate.clock.monotonic()

    def renew(self) -> None:
        """Count the wait from now: something got on."""
        self._since = self._gate.clock.monotonic()

    def pause(self) -> bool:
        """Pause; False where there is no time left to."""
        waited = self._gate.clock.monotonic() - self._since
        pause = min(max(PAUSE_SHARE * waited, SHORTEST_PAUSE_SECONDS), LONGEST_PAUSE_SECONDS)
        return waited <= PATIENCE_SECONDS and self._gate.pause(pause)

    def until(self, look: Callable[[], T | None]) -> T | None:
        """Call `look` until it finds something; None where there is no time left to."""
        while (found := look()) is None and self.pause():
            pass
        return found
