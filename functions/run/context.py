"""What every kind of job does the same way within a run: keep the lease, observe, apply, wait."""

import hashlib
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import replace
from logging import getLogger

from functions.calls.deadline import Gate
from functions.calls.parallel import in_parallel
from functions.calls.wait import Patience
from functions.errors import Blocked, SyncError, WrongState
from functions.plan.guards import deletion_time
from functions.plan.job import Job
from functions.plan.models import Action, Change, JobKind, VaultSecret
from functions.plan.plan import Plan, join
from functions.plan.scope import Scope, scope_of
from functions.plan.shown import warn_of_strangers
from functions.plan.sync_config import Sync
from functions.plan.table import Planner
from functions.run.apply import Applier, Results, split
from functions.run.keep import keys_after, keys_before
from functions.run.marks import Marks
from functions.run.observe import Observed, Observer, permitted_scope
from functions.run.outcome import RunSummary
from functions.run.services import RunServices
from functions.state.lease import HeldLease
from functions.state.memory import ROUND, Memory, is_valid
from functions.state.status import Status
from functions.state.status_document import StatusDocument

SYNC_KINDS = (JobKind.SYNC, JobKind.VERIFY)
LOOKS_AFTER_RESTORE = 3
FIRST_PORTION = 200
LEAST_PORTION = 20
MOST_PORTION = 1000
PORTION_SECONDS = 10.0
"""So much work is marked at once; what is done is noted at each renewal of the lease, if not before."""
log = getLogger(__name__)


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
        self.settled: dict[str, str] = {}
        """The names that need not be read or written again, see `Memory.settled`."""
        self.is_moved = False
        """Whether the config was edited to another place since the last run."""
        self.scope: Scope | None = None
        """What is permitted from the end of this run on, see `Status.scope`."""
        self.granted: frozenset[str] = frozenset()
        """The keys of the changes that the job's force lets through, see `permitted`."""
        self.early_look: Observed | Exception | None = None
        """How both sides looked, or why not, while the lease was taken; see `run/start.py`."""
        self._heartbeat = heartbeat
        self._passes = 0
        self._portion = FIRST_PORTION
        self._marks: Marks | None = None
        self._refusals: dict[str, str] = {}
        """Why names could not be written since the source was read; they are not tried again."""
        self._doomed: set[str] = set()
        self._patience = Patience(gate)

    @property
    def has_progress(self) -> bool:
        """Whether this run did something that the next attempt need not repeat."""
        return self.summary.has_progress or self.observer.has_learned

    @property
    def memory(self) -> Memory:
        """What is known of former runs, once the first look has read it."""
        return self.observer.memory

    def renew(self) -> None:
        """Keep the lease, and whatever the caller must keep, from running out."""
        self._heartbeat()
        if not self.lease.renew(self.sync, self.services.store):
            return
        if self._marks:
            self._marks.confirm()
        try:
            self.observer.document.save(self.services.clock.now())
        except SyncError as error:  # until it is written, names count as not known
            log.warning("what was written could not be noted yet: %s", error)

    def observe(self) -> Observed:
        """Look at both sides."""
        self.renew()
        self.summary.read_at, self._refusals = self.services.clock.now(), {}
        observed = self.observer.observe(self.document.status, took_over=self.lease.took_over)
        self.recall()
        return observed

    def recall(self) -> None:
        """Take up what an earlier attempt of this job, or of the verification, is done with."""
        memory, job = self.memory, self.job
        key_id = self.services.digests.key_id
        if job.verifies and not is_valid(memory.round, self.sync.etag, key_id):
            began_at = max(self.summary.read_at or job.created_at, job.created_at)
            memory.begin_round(began_at, self.sync.etag, key_id)
        if not job.verifies and memory.round is None and memory.settled_by != job.job_id:
            memory.settled, memory.settled_by = {}, job.job_id
        if memory.settled_by == (ROUND if job.verifies else job.job_id):
            self.settled = memory.settled

    def look_again(self) -> Observed:
        """Look at both sides, for the source changed meanwhile."""
        self.lease.change(lambda status: setattr(status, "rerun", False))
        return self.observe()

    def after(self, observed: Observed, results: Results) -> Observed:
        """Return both sides as they are after changes were made, if any were."""
        if not results.done:
            return observed
        self.renew()
        return replace(observed, listing=self.observer.list_vault())

    def observe_vault(self) -> Observed:
        """Look at the vault alone."""
        self.renew()
        return self.observer.observe_vault(self.document.status, took_over=self.lease.took_over)

    def settle(self, observed: Observed) -> Observed:
        """Return both sides with a listing that is not stale and in which no lifecycle state blocks."""
        while True:
            blocked = self._blocked(observed.listing)
            if not blocked:
                observed = self.observer.refresh(observed, self.settled)
                blocked = self._blocked(observed.listing)
            if not blocked:
                return observed
            observed = self.wait_for(observed, blocked)

    def wait_until_settled(self, observed: Observed, verify: Container[str] = ()) -> Observed:
        """Settle, and read the contents without which nothing can be planned, and those of `verify`."""
        looks_left = LOOKS_AFTER_RESTORE
        while True:
            observed = self.settle(observed)
            try:
                read = self.observer.read_contents(observed, self.settled, verify)
            except WrongState as news:
                observed = self.wait_for(observed, {"a secret": str(news)})
                continue
            # The content of a secret that was just restored may be a moment late.
            late = {
                name: why
                for name, why in read.unreadable.items()
                if self.summary.done.get(name) == Action.RESTORE
            }
            if not late or not looks_left:
                return read
            looks_left -= 1
            observed = self.wait_for(observed, late)

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
            observed, self.document.status, self.settled, may_ask_all=may_ask_all
        )
        # A run that does not come to its end must not forget where the keys that are right come from.
        planner = self.observer.planner(observed.listing)
        self.memory.keys = keys_after(
            self.memory.keys, observed.source, observed.listing, plan, {}, planner
        )
        runs = self.document.status.runs
        deleted = {name for run in runs for name in run.changed.get(Action.DELETE, ())}
        self.summary.take_plan(plan, warn_of_strangers(plan, self.sync.id), deleted)
        return plan

    def apply(self, observed: Observed, changes: Sequence[Change]) -> Results:
        """Make the changes, deletions last. Raises OutOfTime after adding up what was done.

        They are marked in portions: what was marked and not noted as done must be looked up again if
        this run is killed. Between two of them a change of the source is seen.
        """
        results = Results()
        names = {change.name for change in changes}
        results.errors |= {name: why for name, why in self._refusals.items() if name in names}
        first, last = split(change for change in changes if change.name not in self._refusals)
        self._passes += 1
        self.lease.progress = lambda: (len(results.done), len(changes))
        try:
            self._apply(observed, first, results)
            if last and not results.is_cut_short:
                self._apply(observed, last, results)
        finally:
            self.summary.take_results(results)
            self._refusals |= results.errors
            if results.done:
                self._patience.renew()
        return results

    def _apply(self, observed: Observed, changes: Sequence[Change], results: Results) -> None:
        left = list(changes)
        while left:
            portion, left = left[: self._portion], left[self._portion :]
            began = self.services.clock.monotonic()
            applier = self._applier(observed)
            marks = self._marks = Marks.put(
                self.memory, self.settled, portion, applier.planner, results, applier.now
            )
            try:
                self._mark(observed, portion, applier.planner)
                self.services.pool.each(applier.tasks(portion, results), self.renew)
            finally:
                marks.confirm()
                marks.take_back()
                self._marks = None
            if results.stopped:
                raise results.stopped
            seconds = self.services.clock.monotonic() - began
            rate = len(portion) / max(seconds, 1.0)
            self._portion = max(LEAST_PORTION, min(int(rate * PORTION_SECONDS), MOST_PORTION))
            if left and self.has_news:
                results.is_cut_short = True
                return

    @property
    def has_news(self) -> bool:
        """Whether a hint came that this run must follow: force is for the plan as it was."""
        may_follow = self.job.kind in SYNC_KINDS and not self.job.args.force
        return may_follow and self.document.status.rerun

    def _applier(self, observed: Observed) -> Applier:
        config, now, memory = self.sync.config, self.services.clock.now(), self.memory
        recent = memory.recent.keys() - self._refusals.keys()
        return Applier(
            self.observer.vault,
            self.observer.planner(observed.listing),
            config.destination_config.compartment_ocid,
            self._token,
            deletion_time(now, config.sync_options.deletion_days),
            now,
            lambda name: name in recent or memory.doubted_until is not None,
        )

    def _mark(self, observed: Observed, changes: Sequence[Change], planner: Planner) -> None:
        """Write down what is about to be written, before it is."""
        memory, now = self.memory, self.services.clock.now()
        doomed = {change.name for change in changes if change.action == Action.DELETE}
        # What a person agreed to is no sign of a wipe.
        new = 0 if self.job.args.force else len(doomed - self._doomed)
        self._doomed |= doomed
        if not self.job.args.force:
            memory.lost |= {key: now for change in changes for key in change.lost_keys}
        memory.keys = keys_before(memory.keys, observed.source, changes, planner)

        def note(status: Status) -> None:
            status.count_deletions(new, now)
            # From the first write on the sync's own tags do not tell a new sync from a lost status.
            permitted = permitted_scope(status, planner, observed.listing)
            status.scope = permitted or scope_of(self.sync.config)

        self.save_memory(note, lambda: self.lease.check_config(self.sync, self.services.store))

    def save_memory(
        self, mutate: Callable[[Status], None] = lambda _: None, *beside: Callable[[], object]
    ) -> None:
        """Write the memory and prove that the lease is held, all at once. Raises LeaseLost, Temporary."""
        now = self.services.clock.now()
        calls = (lambda: self.lease.change(mutate), lambda: self.observer.document.save(now))
        in_parallel(self.services.pool, (*calls, *beside))

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
