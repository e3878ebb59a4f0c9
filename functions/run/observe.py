"""Look at both sides of a sync, and plan: everything a run does before it writes."""

from collections.abc import Callable, Collection, Container, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from functions.calls.deadline import Gate
from functions.calls.parallel import in_parallel, try_in_parallel
from functions.errors import (
    ContentRefused,
    Forbidden,
    NotFound,
    SyncError,
    WrongState,
)
from functions.plan.bundle import name_of
from functions.plan.desired import Desired, refuse_collisions
from functions.plan.guards import DELETIONS_COUNT_FOR, guard
from functions.plan.key_changes import with_keys
from functions.plan.models import Bundle, SourceSecrets, VaultSecret
from functions.plan.ownership import CONNECTION_OWNER, DIGEST_TAG, OWNER_TAG
from functions.plan.plan import Plan
from functions.plan.scope import NOWHERE, Scope
from functions.plan.sync_config import Sync
from functions.plan.table import Planner
from functions.plan.written import short
from functions.ports import Heartbeat, SecretVault
from functions.run.keep import Keeper
from functions.run.services import RunServices
from functions.state.memory import Memory, MemoryDocument
from functions.state.status import Status


@dataclass(frozen=True, slots=True)
class Observed:
    """Both sides, as one look found them."""

    source: SourceSecrets
    listing: Sequence[VaultSecret]
    bundles: Mapping[str, Bundle] = field(default_factory=dict)
    """The contents that were read, by name."""
    unreadable: Mapping[str, str] = field(default_factory=dict)
    """Why names stay as they are whose contents could not be read."""


class Observer:
    """Reads the source and the vault of one sync, in one run."""

    def __init__(self, sync: Sync, services: RunServices, gate: Gate, heartbeat: Heartbeat) -> None:
        self._sync = sync
        self._services = services
        self._heartbeat = heartbeat
        self._gate = gate
        self.source = services.source(gate)
        self.document = MemoryDocument(services.store, sync.object_name)
        self.has_learned = False
        """Whether something was looked up or read that need not be again."""
        # No `cached_property`: in Python 3.11 all instances share its lock while one waits for an answer.
        self._vault: SecretVault | None = None
        self._existing_sync_ids: frozenset[str] | None = None

    @property
    def vault(self) -> SecretVault:
        """The vault; opening it may read the sync's connection, so it may raise what that raises."""
        if self._vault is None:
            self._vault = self._services.vault(self._sync, self._gate)
        return self._vault

    @property
    def memory(self) -> Memory:
        """What is known of former runs, once `observe` has read it."""
        return self.document.memory

    def observe(
        self, status: Status, *, took_over: bool, meanwhile: Sequence[Callable[[], None]] = ()
    ) -> Observed:
        """Read the folder and the memory and list the vault, side by side. Raises what any raises."""
        options = self._sync.config.sync_options
        found: list[SourceSecrets] = []
        listing: list[VaultSecret] = []

        def read() -> None:
            found.append(
                self.source.read(
                    self._sync.config.folder,
                    sub_folders=options.include_all_sub_folders,
                    by_folder=self._sync.config.is_by_folder,
                )
            )

        def list_vault() -> None:
            listing.extend(self.vault.list())

        # Nobody else writes the memory while the lease is held.
        load = partial(self._load, status, took_over=took_over)
        calls = (read, list_vault) if self.document.is_loaded else (read, list_vault, load)
        in_parallel(self._services.pool, (*meanwhile, *calls), self._heartbeat)
        return Observed(found[0], listing)

    def _load(self, status: Status, *, took_over: bool) -> None:
        """Read the memory, if the lease still holds afterwards: else it may be another run's by now."""
        now = self._services.clock.now()
        self.document.load(status, self._sync.config, now, took_over=took_over)
        try:
            self._gate.check()
        except SyncError:
            self.forget()  # so that it is not written either
            raise

    def forget(self) -> None:
        """Forget what was read of the memory: it is read again by the next look."""
        self.document = MemoryDocument(self._services.store, self._sync.object_name)

    def observe_vault(self, status: Status, *, took_over: bool) -> Observed:
        """Read the memory and list the vault, for what does not ask the source. Raises what either raises."""
        listing: list[VaultSecret] = []

        def list_vault() -> None:
            listing.extend(self.vault.list())

        load = partial(self._load, status, took_over=took_over)
        calls = (list_vault,) if self.document.is_loaded else (list_vault, load)
        in_parallel(self._services.pool, calls, self._heartbeat)
        return Observed(SourceSecrets(()), listing)

    def list_vault(self) -> Sequence[VaultSecret]:
        """List the vault alone."""
        return in_parallel(self._services.pool, [self.vault.list], self._heartbeat)[0]

    def refresh(self, observed: Observed, settled: Mapping[str, str]) -> Observed:
        """Look up what was written lately and the listing may not show as it is: it may be stale.

        Raises WrongState where a secret is hidden: then it is not known whether the listing is right.
        """
        planner, memory = self.planner(observed.listing), self.memory
        if not (memory.recent or memory.doubted_until):
            return observed
        index, rows = (
            planner.index(observed.listing),
            {short(row.id): row for row in observed.listing},
        )
        sure = self._sure(planner.desired(observed.source), settled, planner)

        def is_shown(name: str) -> bool:
            written = memory.recent.get(name)
            row = index.get(name) or (rows.get(written.id) if written else None)
            return memory.is_shown(name, row, is_mine=row is not None and planner.is_mine(row))

        names = set(memory.recent)
        if memory.doubted_until:
            names |= {name for name in index if planner.schema.matches(name)}
        doubted = [name for name in sorted(names - sure) if not is_shown(name)]
        calls: list[Callable[[], VaultSecret | None]] = [
            partial(self.vault.get, index[name].id)
            if name in index
            else partial(self.vault.find, name)
            for name in doubted
        ]
        home = self._sync.config.destination_config.compartment_ocid
        fresh = {secret.id: secret for secret in observed.listing}
        results = try_in_parallel(self._services.pool, calls, self._heartbeat)
        now = self._services.clock.now()
        for name, result in zip(doubted, results, strict=True):
            if not isinstance(result, SyncError):
                self.has_learned |= memory.take_look(name, result, now)
                if result is not None and result.compartment_id == home:
                    fresh[result.id] = result
        for result in results:
            if isinstance(result, NotFound):
                raise WrongState(f"a secret is not to be seen: {result}")
            if isinstance(result, SyncError):
                raise result
        return replace(observed, listing=list(fresh.values()))

    def planner(self, listing: Sequence[VaultSecret], names: Container[str] = ()) -> Planner:
        """Return the planner; who else lives is asked only where a name at hand has another sync's tag.

        These are the names in scope, and `names`.
        """
        schema, own = self._sync.config.names, str(self._sync.id)
        owners = {
            secret.tags[OWNER_TAG]
            for secret in listing
            if OWNER_TAG in secret.tags and (schema.matches(secret.name) or secret.name in names)
        }
        if owners - {own, CONNECTION_OWNER} and self._existing_sync_ids is None:
            self._existing_sync_ids = self._services.existing_sync_ids()
        living = self._existing_sync_ids or frozenset()
        tags = self._services.secret_tags.merged(self._sync.config.sync_options.tags)
        protected = self._services.protected_ids()
        return Planner(self._sync, self._services.digests, protected, living, tags)

    def read(
        self, secrets: Sequence[VaultSecret]
    ) -> tuple[dict[str, Bundle], dict[str, SyncError], SyncError | None]:
        """Return the contents by name, why some are not handed out, and what kept others from it.

        The last is Temporary, OutOfTime, or WrongState where the listing was stale.
        """
        results = try_in_parallel(
            self._services.pool,
            [partial(self.vault.read, secret.id) for secret in secrets],
            self._heartbeat,
        )
        bundles: dict[str, Bundle] = {}
        errors: dict[str, SyncError] = {}
        failure: SyncError | None = None
        for secret, result in zip(secrets, results, strict=True):
            match result:
                case Bundle():
                    bundles[secret.name] = result
                case WrongState():
                    news = WrongState(f"{secret.name} is not ACTIVE any more: {result}")
                    failure = failure or news
                case Forbidden() | NotFound() | ContentRefused():
                    errors[secret.name] = result
                case _:
                    failure = failure or result
        return bundles, errors, failure

    def read_contents(
        self, observed: Observed, settled: dict[str, str], verify: Container[str]
    ) -> Observed:
        """Read the contents that a plan needs, and of `verify`; what is equal becomes settled.

        Raises WrongState where the listing was stale, Temporary, OutOfTime.
        """
        planner = self.planner(observed.listing)
        desired = planner.desired(observed.source)
        refuse_collisions(observed.source, desired)
        must_read = planner.must_read(
            desired,
            observed.listing,
            settled=self._sure(desired, settled, planner) | observed.unreadable.keys(),
            unsure={name_of(part) for part in self.memory.import_pending},
            verify=desired.values if self.memory.was_too_large else verify,
        )
        bundles, refusals, failure = self.read(must_read)
        for secret in (one for one in must_read if one.name in bundles):
            value = desired.values[secret.name]
            # A tag that is to be mended must not be taken for settled before it is.
            if bundles[secret.name].value == value and not planner.must_mend(secret, value):
                settled[secret.name] = short(planner.tags(secret.name, value)[DIGEST_TAG])
                self.has_learned = True
        if failure:
            raise failure
        unreadable = {
            secret.name: f"its content in the vault cannot be read: {refusals[secret.name]}"
            for secret in must_read
            if secret.name in refusals
            and not planner.may_write_unread(secret, desired.values[secret.name])
        }
        return replace(observed, bundles=bundles, unreadable={**observed.unreadable, **unreadable})

    def plan(
        self,
        observed: Observed,
        status: Status,
        settled: Mapping[str, str],
        *,
        may_ask_all: bool,
        adopted: Collection[str] = (),
    ) -> Plan:
        """Return what to do, every guard applied.

        `may_ask_all`: also places that were asked lately. `adopted`: names that an import takes first.
        """
        planner = self.planner(observed.listing)
        desired = planner.desired(observed.source).without(observed.unreadable)
        sure = self._sure(desired, settled, planner)
        plan = planner.plan(desired, observed.listing, observed.bundles, sure)
        plan = with_keys(plan, desired, observed.bundles, planner).after_import(adopted)
        permitted = permitted_scope(status, planner, observed.listing)
        keeper = Keeper(
            self._sync,
            planner,
            self.source,
            self.memory,
            self.document.asked_before,
            observed.source,
            permitted,
            desired.parts,
        )
        now = self._services.clock.now()

        def ask() -> tuple[dict[str, str], frozenset[str]]:
            kept = keeper.kept(plan, now, may_ask_all=may_ask_all)
            return kept, keeper.unproven(plan, now, may_ask_all=may_ask_all)

        [(kept, unproven)] = in_parallel(self._services.pool, [ask], self._heartbeat)
        return guard(
            replace(plan, unproven=unproven),
            desired,
            kept=kept,
            deleted_lately=status.deletions_since(now - DELETIONS_COUNT_FOR),
            lost_lately=self.memory.lost,
            limit=self._sync.config.sync_options.deletion_guard,
        )

    def _sure(self, desired: Desired, settled: Mapping[str, str], planner: Planner) -> set[str]:
        """Return the names that are settled with the value that is still desired."""
        return {
            name
            for name, digest in settled.items()
            if name in desired.values
            and short(planner.tags(name, desired.values[name])[DIGEST_TAG]) == digest
        }


def permitted_scope(
    status: Status, planner: Planner, listing: Sequence[VaultSecret]
) -> Scope | None:
    """Return what the sync may do to secrets that it never wrote, None: whatever its config says.

    Where it wrote secrets but nothing is known of a run, its status was lost: then nothing is permitted.
    """
    if status.is_blank and any(map(planner.is_mine, listing)):
        return NOWHERE
    return status.scope
