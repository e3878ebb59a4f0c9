"""What every kind of job does the same way within a run: keep the lease, apply, settle."""

import hashlib
from collections.abc import Callable, Mapping, Sequence

from pydantic import SecretBytes

from functions.calls.deadline import Gate
from functions.plan.guards import deletion_time
from functions.plan.job import Job
from functions.plan.models import Action, Change, VaultSecret
from functions.plan.sync_config import Sync
from functions.plan.table import Planner
from functions.run.apply import Applier, Results, split
from functions.run.observe import Observed, Observer
from functions.run.outcome import RunSummary, join
from functions.run.services import RunServices
from functions.state.lease import HeldLease
from functions.state.status import Status
from functions.state.status_document import StatusDocument

PAUSE_SHARE = 0.15
SHORTEST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 5.0
PATIENCE_SECONDS = 60.0
"""How long a run waits without progress before it leaves the rest to a later one."""


class Blocked(Exception):
    """Lifecycle states, or refusals that may pass, keep the run from its end."""


class Run:
    """One job in progress. `heartbeat` is called now and then from the calling thread."""

    def __init__(
        self,
        job: Job,
        sync: Sync,
        services: RunServices,
        gate: Gate,
        document: StatusDocument,
        heartbeat: Callable[[], None],
    ) -> None:
        self.job = job
        self.sync = sync
        self.services = services
        self.gate = gate
        self.document = document
        self.run_id = f"{services.random.getrandbits(128):032x}"
        self.lease = HeldLease(document, self.run_id, services.clock, gate)
        self.summary = RunSummary(self.run_id, services.clock.now())
        self.observer = Observer(sync, services, gate, self.renew)
        self.written_by_this_run: dict[str, SecretBytes] = {}
        """What this run wrote itself: it need not be read again."""
        self.remember: Callable[[Status], None] = lambda _: None
        """What a concluded job notes in the status besides its outcome."""
        self._heartbeat = heartbeat
        self._passes = 0
        self._refused: set[str] = set()
        self._progress_at = services.clock.monotonic()

    def renew(self) -> None:
        """Keep the lease, and whatever the caller must keep, from running out."""
        self._heartbeat()
        self.lease.renew(self.sync, self.services.store)

    def observe(self) -> Observed:
        """Look at both sides."""
        self.renew()
        self.summary.read_at = self.services.clock.now()
        return self.observer.observe()

    def apply(self, planner: Planner, changes: Sequence[Change]) -> Results:
        """Make the changes, deletions last. Raises OutOfTime after adding up what was done."""
        results = Results()
        if not changes:
            return results
        self._passes += 1
        now = self.services.clock.now()
        names = [change.name for change in changes]
        known = self.document.status.recent
        recent = {name: at for name, at in known.items() if name not in self._refused}

        def remember(status: Status) -> None:
            status.remember_writes(names, now)
            # A create that is repeated counts from its first time, or a name that somebody else
            # holds out of sight would be taken for a stale listing without end.
            status.recent |= {
                change.name: recent[change.name]
                for change in changes
                if change.action == Action.CREATE and change.name in recent
            }

        self.lease.change(remember)
        config = self.sync.config
        applier = Applier(
            self.observer.vault,
            planner,
            config.destination_config.compartment_ocid,
            self._token,
            deletion_time(now, config.sync_options.deletion_days),
            now,
            recent,
        )
        first, last = split(changes)
        try:
            self.services.pool.each(applier.tasks(first, results), self.renew)
            if last and not results.stopped:
                self.lease.check_config(self.sync, self.services.store)
                self.services.pool.each(applier.tasks(last, results), self.renew)
        finally:
            self.summary.take_results(results)
        self._refused |= results.errors.keys()
        self.written_by_this_run |= {
            change.name: change.value
            for change in changes
            if change.value
            and change.action in (Action.CREATE, Action.UPDATE, Action.TAG)
            and change.name in results.done
        }
        if results.done:
            self._progress_at = self.services.clock.monotonic()
        if results.stopped:
            raise results.stopped
        return results

    def settle(self, listing: Sequence[VaultSecret]) -> Sequence[VaultSecret]:
        """Return a listing that is not stale and in which no lifecycle state blocks."""
        while True:
            blocked = self._blocked(listing)
            if not blocked:
                listing = self.observer.refresh(
                    listing, self.document.status, self.written_by_this_run
                )
                blocked = self._blocked(listing)
            if not blocked:
                return listing
            listing = self.wait(blocked)

    def _blocked(self, listing: Sequence[VaultSecret]) -> dict[str, str]:
        blocked = self.observer.planner(listing).blocked(listing)
        return {secret.name: f"is {secret.state}" for secret in blocked}

    def wait(self, why: Mapping[str, str]) -> Sequence[VaultSecret]:
        """Pause a while and list the vault again. Raises Blocked where time or patience is up."""
        waited = self.services.clock.monotonic() - self._progress_at
        pause = min(max(PAUSE_SHARE * waited, SHORTEST_PAUSE_SECONDS), LONGEST_PAUSE_SECONDS)
        if waited > PATIENCE_SECONDS or not self.gate.pause(pause):
            raise Blocked(self._waiting_message(why))
        self.renew()
        return self.observer.list_vault()

    def _waiting_message(self, why: Mapping[str, str]) -> str:
        text = f"Waiting for OCI Vault: {join([f'{name} {what}' for name, what in why.items()])}."
        schema = self.observer.planner(()).schema
        if any(map(schema.matches, why)):
            return text
        return f'{text} Only other secrets block; syncOptions.blockingScope "schema" ignores them.'

    def _token(self, name: str, digest: str) -> str:
        parts = "\0".join((self.run_id, str(self._passes), name, digest))
        return hashlib.sha256(parts.encode()).hexdigest()
