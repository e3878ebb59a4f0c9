"""Verify in rounds: every content is compared once, in the order of names, in as many runs as it takes.

A round belongs to no job. Its cursor never passes a name that is neither equal nor repaired; what
fails goes on a list, so that it neither stops the round nor is forgotten.
"""

from collections.abc import Collection
from functools import partial
from logging import getLogger

from functions.calls.parallel import try_in_parallel
from functions.errors import SyncError
from functions.plan.guards import SHORTEST_DELETION
from functions.plan.plan import Plan
from functions.run.apply import Results
from functions.run.context import Run
from functions.run.observe import Observed

FIRST_PORTION = 100
LEAST_PORTION = 20
MOST_PORTION = 500
PORTION_SECONDS = 5.0
MANY_VERSIONS = 25
"""Of the 30 that OCI allows. A secret's version number is never less than how many there are."""
log = getLogger(__name__)


class Verification:
    """What one run does of a round."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._size = FIRST_PORTION
        self._began = 0.0
        self.portion: Collection[str] = ()
        """The names that are compared now."""

    def next(self, observed: Observed, plan: Plan, results: Results) -> bool:
        """Move the cursor past the portion at hand, which is settled, and choose the next; False: no more."""
        if not self._run.job.verifies:
            return False
        self._prune(observed, results)
        self._pass(plan, results)
        verification, settled = self._run.memory.round, self._run.settled
        assert verification
        planner = self._run.observer.planner(observed.listing)
        desired = planner.desired(observed.source)
        names = sorted(name for name in desired.values if name > verification.cursor)
        self.portion = [name for name in names if name not in settled][: self._size]
        self._began = self._run.services.clock.monotonic()
        if self.portion:
            return True
        self._run.summary.errors |= {
            name: why for name, why in verification.failed.items() if name in desired.values
        }
        self._run.summary.verified_at = verification.began_at
        self._run.memory.end_round()
        return self._is_due_again(observed, plan, results)

    def _is_due_again(self, observed: Observed, plan: Plan, results: Results) -> bool:
        """Begin another round where the one that was under way began before this job was made."""
        job, began_at = self._run.job, self._run.summary.verified_at
        if job.cause == "tick" or began_at is None or began_at >= job.created_at:
            return False
        self._run.recall()
        return self.next(observed, plan, results)

    def _prune(self, observed: Observed, results: Results) -> None:
        """Delete old versions well before the limit: who writes at the limit may have to wait for it.

        What could not be deleted now is tried by the next verification.
        """
        run, bundles = self._run, observed.bundles
        planner = run.observer.planner(observed.listing)
        full = [
            secret
            for name, secret in planner.index(observed.listing).items()
            if name in self.portion and name in bundles and name not in results.done
            if bundles[name].version >= MANY_VERSIONS and planner.is_mine(secret)
        ]
        if not full:
            return
        when = run.services.clock.now() + SHORTEST_DELETION
        prune = run.observer.vault.prune_versions
        calls = [partial(prune, secret, when, at_least=MANY_VERSIONS) for secret in full]
        for secret, result in zip(
            full, try_in_parallel(run.services.pool, calls, run.renew), strict=True
        ):
            if isinstance(result, SyncError):
                log.warning("old versions of %s stay for now: %s", secret.name, result)

    def _pass(self, plan: Plan, results: Results) -> None:
        verification = self._run.memory.round
        if not (self.portion and verification):
            return
        for name in self.portion:
            why = results.errors.get(name) or plan.errors.get(name)
            if why:
                verification.failed[name] = why
        verification.cursor = max(self.portion)
        self.portion = ()
        self._run.summary.has_progress = True
        seconds = self._run.services.clock.monotonic() - self._began
        rate = self._size / max(seconds, 1.0)
        self._size = max(LEAST_PORTION, min(int(rate * PORTION_SECONDS), MOST_PORTION))
