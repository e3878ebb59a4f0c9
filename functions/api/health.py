"""Whether all is well; who asks needs no token, so what is found is remembered for a while."""

from collections.abc import Callable, Mapping
from logging import getLogger

from functions.calls.parallel import try_in_parallel
from functions.errors import Rejected, SyncError
from functions.ports import Clock, Pool
from functions.schemas.answers import Health

HEALTH_SECONDS = 15.0
"""How long an answer is remembered: else anybody could have the outside called."""

HealthChecks = Mapping[str, Callable[[], object]]
"""By the name of what is checked: a call that raises SyncError if it is not well."""

log = getLogger(__name__)


class HealthCheck:
    """Checks what the function depends on, for the life of the container."""

    def __init__(self, clock: Clock, pool: Pool) -> None:
        self._clock = clock
        self._pool = pool
        self._unwell: list[str] = []
        self._checked_at = float("-inf")

    def answer(self, checks: HealthChecks) -> Health:
        """Return if every check passed lately. Raises Rejected (503) that names those that did not."""
        now = self._clock.monotonic()
        if now - self._checked_at >= HEALTH_SECONDS:
            self._unwell, self._checked_at = self._failed(checks), now
        if self._unwell:
            raise Rejected(503, f"Not healthy: {', '.join(self._unwell)}.")
        return Health()

    def _failed(self, checks: HealthChecks) -> list[str]:
        results = try_in_parallel(self._pool, checks.values())
        failed = []
        for name, result in zip(checks, results, strict=True):
            if isinstance(result, SyncError):
                log.warning("not healthy: %s: %s", name, result)
                failed.append(name)
        return failed
