"""What every kind of job does the same way within a run: keep the lease, observe, apply, wait."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from pydantic import SecretBytes

from functions.calls.deadline import Gate
from functions.calls.parallel import in_parallel
from functions.calls.wait import Patience
from functions.errors import Blocked, WrongState
from functions.plan.guards import deletion_time
from functions.plan.job import Job
from functions.plan.models import Action, Change, VaultSecret
from functions.plan.plan import Plan, join
from functions.plan.scope import Scope, scope_of
from functions.plan.shown import warn_of_strangers
from functions.plan.sync_config import Sync
from functions.run.apply import Applier, Results, split
from functions.run.keep import keys_before
from functions.run.observe import Observed, Observer, permitted_scope
from functions.run.outcome import RunSummary
from functions.run.services import RunServices
from functions.state.lease import HeldLease
from functions.state.status import Pending, Status
from functions.state.status_document import StatusDocument


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
        self.scope: Scope | None = None
        """What is permitted from the end of this run on, see `Status.scope`."""
        self.seal: str | None = None
        """What a concluded job left behind, see `Status.seal`."""
        self.granted: frozenset[str] = frozenset()
        """The keys of the changes that the job's force lets through, see `permitted`."""
        self._heartbeat = heartbeat
        self._passes = 0
        self._refused: set[str] = set()
        self._doomed: set[str] = set()
        self._patience = Patience(gate)

    def renew(self) -> None:
        """Keep the lease, and whatever the caller must keep, from running out."""
        self._heartbeat()
        self.lease.renew(self.sync, self.services.store)

    def observe(self) -> Observed:
        """Look at both sides."""
        self.renew()
        self.summary.read_at = self.services.clock.now()
        return self.observer.observe(self.document.status, took_over=self.lease.took_over)

    def observe_vault(self) -> Observed:
        """Look at the vault alone."""
        self.renew()
        return self.observer.observe_vault(self.document.status, took_over=self.lease.took_over)

    def settle(self, observed: Observed) -> Observed:
        """Return both sides with a listing that is not stale and in which no lifecycle state blocks."""
        while True:
            blocked = self._blocked(observed.listing)
            if not blocked:
                seal, written = self.document.status.seal, self.written_by_this_run
                fresh = self.observer.refresh(observed.listing, seal, written)
                observed = replace(observed, listing=fresh)
                blocked = self._blocked(fresh)
            if not blocked:
                return observed
            observed = self.wait_for(observed, blocked)

    def wait_until_settled(self, observed: Observed) -> Observed:
        """Settle, and read the contents without which nothing can be planned."""
        while True:
            observed = self.settle(observed)
            try:
                return self.observer.read_contents(
                    observed, self.written_by_this_run, verify=self.job.verifies
                )
            except WrongState as news:
                observed = self.wait_for(observed, {"a secret": str(news)})

    def wait_for(self, observed: Observed, why: Mapping[str, str]) -> Observed:
        """Pause a while and list the vault again. Raises Blocked where time or patience is up."""
        if not self._patience.pause():
            raise Blocked(self._waiting_message(why))
        self.renew()
        return replace(observed, listing=self.observer.list_vault())

    def plan(self, observed: Observed) -> Plan:
        """Plan, every guard applied."""
        may_ask_all = not self.job.is_coalescable or self.job.cause == "tick"
        plan = self.observer.plan(
            observed, self.document.status, self.written_by_this_run, may_ask_all=may_ask_all
        )
        runs = self.document.status.runs
        deleted = {name for run in runs for name in run.changed.get(Action.DELETE, ())}
        self.summary.take_plan(plan, warn_of_strangers(plan, self.sync.id), deleted)
        return plan

    def apply(self, observed: Observed, changes: Sequence[Change]) -> Results:
        """Make the changes, deletions last. Raises OutOfTime after adding up what was done."""
        results = Results()
        if not changes:
            return results
        self._passes += 1
        self.lease.progress = lambda: (len(results.done), len(changes))
        applier = self._applier(observed)
        self._mark(observed, changes)
        first, last = split(changes)
        try:
            self.services.pool.each(applier.tasks(first, results), self.renew)
            if last and not results.stopped:
                self.lease.check_config(self.sync, self.services.store)
                self.services.pool.each(applier.tasks(last, results), self.renew)
        finally:
            self.summary.take_results(results)
        self._refused |= results.errors.keys()
        self.written_by_this_run |= results.written(changes)
        if results.done:
            self._patience.renew()
        if results.stopped:
            raise results.stopped
        return results

    def _applier(self, observed: Observed) -> Applier:
        config, now, memory = self.sync.config, self.services.clock.now(), self.observer.memory
        recent = memory.recent.keys() - self._refused
        return Applier(
            self.observer.vault,
            self.observer.planner(observed.listing),
            config.destination_config.compartment_ocid,
            self._token,
            deletion_time(now, config.sync_options.deletion_days),
            now,
            lambda name: name in recent or memory.doubted_until is not None,
        )

    def _mark(self, observed: Observed, changes: Sequence[Change]) -> None:
        """Note what is about to be written, before it is.

        A create that is repeated counts from its first time, or a name that somebody else holds out of
        sight would be taken for a stale listing without end.
        """
        memory, now = self.observer.memory, self.services.clock.now()
        first = {name: at for name, at in memory.recent.items() if name not in self._refused}
        memory.recent |= {
            change.name: first.get(change.name, now) if change.action == Action.CREATE else now
            for change in changes
        }
        doomed = {change.name for change in changes if change.action == Action.DELETE}
        # What a person agreed to is no sign of a wipe.
        new = 0 if self.job.args.force else len(doomed - self._doomed)
        self._doomed |= doomed
        planner = self.observer.planner(observed.listing)
        memory.keys = keys_before(memory.keys, observed.source, changes, planner)
        self.seal = None

        permitted = permitted_scope(self.document.status, planner, observed.listing)

        def mark(status: Status) -> None:
            status.seal = None
            # From the first write on the sync's own tags do not tell a new sync from a lost status.
            status.scope = permitted or scope_of(self.sync.config)
            status.count_deletions(new, now)

        self.save_memory(mark)

    def save_memory(self, mutate: Callable[[Status], None] = lambda _: None) -> None:
        """Write the memory and, beside it, prove that the lease is held. Raises LeaseLost, Temporary."""
        now = self.services.clock.now()
        write = (lambda: self.lease.change(mutate), lambda: self.observer.document.save(now))
        in_parallel(self.services.pool, write)

    def remember_pending(self, pending: Mapping[str, Pending]) -> None:
        """Add what an import could not bring into the source."""
        self.observer.memory.import_pending |= pending
        self.save_memory()

    def _blocked(self, listing: Sequence[VaultSecret]) -> dict[str, str]:
        blocked = self.observer.planner(listing).blocked(listing)
        return {secret.name: f"is {secret.state}" for secret in blocked}

    def _waiting_message(self, why: Mapping[str, str]) -> str:
        text = f"Waiting for OCI Vault: {join([f'{name} {what}' for name, what in why.items()])}."
        schema = self.observer.planner(()).schema
        if any(map(schema.matches, why)):
            return text
        return f'{text} Only other secrets block; syncOptions.blockingScope "schema" ignores them.'

    def _token(self, name: str, digest: str) -> str:
        parts = "\0".join((self.run_id, str(self._passes), name, digest))
        return hashlib.sha256(parts.encode()).hexdigest()
