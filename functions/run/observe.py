"""Look at both sides of a sync, and plan: everything a run does before it writes."""

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial

from pydantic import SecretBytes

from functions.calls.deadline import Gate
from functions.calls.parallel import in_parallel, try_in_parallel
from functions.errors import (
    ContentRefused,
    Forbidden,
    InvalidInput,
    NotFound,
    SyncError,
    WrongState,
)
from functions.plan.desired import Desired, desired_from
from functions.plan.guards import DELETIONS_COUNT_FOR, guard
from functions.plan.models import Bundle, SourceSecrets, State, VaultSecret
from functions.plan.ownership import CONNECTION_OWNER, DIGEST_TAG, OWNER_TAG
from functions.plan.plan import Plan
from functions.plan.scope import NOWHERE, Scope
from functions.plan.sync_config import Sync
from functions.plan.table import Planner
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

    @cached_property
    def vault(self) -> SecretVault:
        """The vault; opening it may read the sync's connection, so it may raise what that raises."""
        return self._services.vault(self._sync, self._gate)

    @property
    def memory(self) -> Memory:
        """What is known of former runs, once `observe` has read it."""
        return self.document.memory

    def observe(self, status: Status, *, took_over: bool) -> Observed:
        """Read the folder and the memory and list the vault, side by side. Raises what any raises."""
        options = self._sync.config.sync_options
        found: list[SourceSecrets] = []
        listing: list[VaultSecret] = []

        def read() -> None:
            found.append(
                self.source.read(
                    self._sync.config.folder, sub_folders=options.include_all_sub_folders
                )
            )

        def list_vault() -> None:
            listing.extend(self.vault.list())

        def load() -> None:
            now = self._services.clock.now()
            self.document.load(status, self._sync.config, now, took_over=took_over)

        in_parallel(self._services.pool, (read, list_vault, load), self._heartbeat)
        return Observed(found[0], listing)

    def observe_vault(self, status: Status, *, took_over: bool) -> Observed:
        """Read the memory and list the vault, for what does not ask the source. Raises what either raises."""
        listing: list[VaultSecret] = []

        def load() -> None:
            now = self._services.clock.now()
            self.document.load(status, self._sync.config, now, took_over=took_over)

        calls = (lambda: listing.extend(self.vault.list()), load)
        in_parallel(self._services.pool, calls, self._heartbeat)
        return Observed(SourceSecrets(()), listing)

    def list_vault(self) -> Sequence[VaultSecret]:
        """List the vault alone."""
        return in_parallel(self._services.pool, [self.vault.list], self._heartbeat)[0]

    def refresh(
        self, listing: Sequence[VaultSecret], seal: str | None, written_by_this_run: Container[str]
    ) -> Sequence[VaultSecret]:
        """Return the listing with what was written lately read anew: a listing may be stale.

        Nothing is read where the listing shows exactly what the last run left behind. Raises
        WrongState where a secret is hidden: then it is not known whether the listing is right.
        """
        planner = self.planner(listing)
        shown = self._services.digests.seal(self.scope_tags(planner, listing).items())
        if not (self.memory.recent or self.memory.doubted_until) or seal == shown:
            return listing
        index = planner.index(listing)
        doubted = [
            secret
            for name, secret in index.items()
            if self.memory.doubts(name)
            and (name in self.memory.recent or planner.schema.matches(name))
            and name not in written_by_this_run
        ]
        missing = self.memory.recent.keys() - index.keys()
        calls: list[Callable[[], VaultSecret | None]] = [
            *(partial(self.vault.get, secret.id) for secret in doubted),
            *(
                partial(self.vault.find, name)
                for name in sorted(missing)
                if name not in written_by_this_run
            ),
        ]
        home = self._sync.config.destination_config.compartment_ocid
        fresh = {secret.id: secret for secret in listing}
        for result in try_in_parallel(self._services.pool, calls, self._heartbeat):
            if isinstance(result, NotFound):
                raise WrongState(f"a secret is not to be seen: {result}")
            if isinstance(result, SyncError):
                raise result
            if isinstance(result, VaultSecret) and result.compartment_id == home:
                fresh[result.id] = result
        return list(fresh.values())

    def planner(self, listing: Sequence[VaultSecret]) -> Planner:
        """Return the planner; who else lives is asked only where another sync's tag is met."""
        own = str(self._sync.id)
        others = {secret.tags.get(OWNER_TAG, own) for secret in listing} - {own, CONNECTION_OWNER}
        living = self._existing_sync_ids if others else frozenset[str]()
        tags = self._services.secret_tags.merged(self._sync.config.sync_options.tags)
        protected = self._services.protected_ids()
        return Planner(self._sync, self._services.digests, protected, living, tags)

    @cached_property
    def _existing_sync_ids(self) -> frozenset[str]:
        return self._services.existing_sync_ids()

    def read(
        self, secrets: Sequence[VaultSecret]
    ) -> tuple[dict[str, Bundle], dict[str, SyncError]]:
        """Return the contents by name, and why some are not handed out.

        Raises Temporary, OutOfTime, and WrongState where the listing was stale: then nothing is known.
        """
        results = try_in_parallel(
            self._services.pool,
            [partial(self.vault.read, secret.id) for secret in secrets],
            self._heartbeat,
        )
        bundles: dict[str, Bundle] = {}
        errors: dict[str, SyncError] = {}
        for secret, result in zip(secrets, results, strict=True):
            match result:
                case Bundle():
                    bundles[secret.name] = result
                case WrongState():
                    raise WrongState(f"{secret.name} is not ACTIVE any more: {result}")
                case Forbidden() | NotFound() | ContentRefused():
                    errors[secret.name] = result
                case _:
                    raise result
        return bundles, errors

    def read_contents(
        self,
        observed: Observed,
        written_by_this_run: Mapping[str, SecretBytes],
        *,
        verify: bool,
    ) -> Observed:
        """Read the contents that a plan needs. Raises WrongState where the listing was stale."""
        if observed.source.collisions:
            raise InvalidInput(_collision_message(observed.source.collisions))
        planner = self.planner(observed.listing)
        desired = desired_from(observed.source, planner.schema, planner.only)
        must_read = planner.must_read(
            desired,
            observed.listing,
            written_by_this_run=_sure(desired, written_by_this_run),
            unsure=self.memory.import_pending,
            verify=verify or self.memory.was_too_large,
        )
        bundles, refusals = self.read(must_read)
        unreadable = {
            secret.name: f"its content in the vault cannot be read: {refusals[secret.name]}"
            for secret in must_read
            if secret.name in refusals
            and not planner.may_write_unread(secret, desired.values[secret.name])
        }
        return replace(observed, bundles=bundles, unreadable=unreadable)

    def plan(
        self,
        observed: Observed,
        status: Status,
        written_by_this_run: Mapping[str, SecretBytes],
        *,
        may_ask_all: bool,
    ) -> Plan:
        """Return what to do, every guard applied. `may_ask_all`: also places that were asked lately."""
        planner = self.planner(observed.listing)
        desired = desired_from(observed.source, planner.schema, planner.only)
        desired = _without(desired, observed.unreadable)
        sure = _sure(desired, written_by_this_run)
        plan = planner.plan(desired, observed.listing, observed.bundles, sure)
        permitted = permitted_scope(status, planner, observed.listing)
        keeper = Keeper(
            self._sync,
            planner,
            self.source,
            self.memory,
            self.document.asked_before,
            observed.source,
            permitted,
        )
        now = self._services.clock.now()
        ask = partial(keeper.kept, plan, now, may_ask_all=may_ask_all)
        [kept] = in_parallel(self._services.pool, [ask], self._heartbeat)
        return guard(
            plan,
            desired,
            kept=kept,
            deleted_lately=status.deletions_since(now - DELETIONS_COUNT_FOR),
            limit=self._sync.config.sync_options.deletion_guard,
        )

    def scope_tags(self, planner: Planner, listing: Sequence[VaultSecret]) -> dict[str, str]:
        """Return the digests that this listing shows on secrets in scope and nobody else's, by name."""
        return {
            secret.name: secret.tags.get(DIGEST_TAG, "")
            for secret in listing
            if secret.state == State.ACTIVE
            and planner.schema.matches(secret.name)
            and not planner.owned_by_other(secret)
        }


def permitted_scope(
    status: Status, planner: Planner, listing: Sequence[VaultSecret]
) -> Scope | None:
    """Return what the sync may do to secrets that it never wrote, None: whatever its config says.

    Where it wrote secrets but nothing is known of a run, its status was lost: then nothing is permitted.
    """
    if status.scope is None and status.is_blank and any(map(planner.is_mine, listing)):
        return NOWHERE
    return status.scope


def _sure(desired: Desired, written_by_this_run: Mapping[str, SecretBytes]) -> list[str]:
    """Return the names that this run wrote itself, with the value that is still wanted."""
    return [n for n, value in written_by_this_run.items() if desired.values.get(n) == value]


def _without(desired: Desired, unreadable: Mapping[str, str]) -> Desired:
    values = {name: value for name, value in desired.values.items() if name not in unreadable}
    return replace(desired, values=values, errors={**desired.errors, **unreadable})


def _collision_message(collisions: Mapping[str, Sequence[str]]) -> str:
    shown = [f'"{key}" in {" and ".join(paths)}' for key, paths in sorted(collisions.items())[:5]]
    more = f" and {len(collisions) - 5} more" if len(collisions) > 5 else ""  # noqa: PLR2004
    return (
        "The vault is one flat list, so each name can be used only once. These keys are in more "
        f"than one folder: {'; '.join(shown)}{more}. Rename them, or sync the folders apart."
    )
