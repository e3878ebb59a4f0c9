"""Look at both sides of a sync, and plan: everything a run does before it writes."""

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial

from pydantic import SecretBytes

from functions.calls.deadline import Gate
from functions.calls.parallel import gather, meanwhile
from functions.errors import InvalidInput, NotFound, SyncError, WrongState
from functions.plan.desired import Wanted, want
from functions.plan.guards import guard
from functions.plan.models import ALL, Action, Bundle, Origin, SourceSecrets, State, VaultSecret
from functions.plan.ownership import CONNECTION_OWNER, DIGEST_TAG, OWNER_TAG
from functions.plan.plan import Plan
from functions.plan.sync_config import Sync
from functions.plan.table import Planner
from functions.ports import Idle, SecretVault
from functions.run.services import Tools
from functions.state.status import Status


@dataclass(frozen=True, slots=True)
class Seen:
    """Both sides, as one look found them."""

    source: SourceSecrets
    listing: Sequence[VaultSecret]


class Viewer:
    """Reads the source and the vault of one sync, in one run."""

    def __init__(self, sync: Sync, tools: Tools, gate: Gate, idle: Idle) -> None:
        self._sync = sync
        self._tools = tools
        self._idle = idle
        self._gate = gate
        self.source = tools.source(gate)

    @cached_property
    def vault(self) -> SecretVault:
        """The vault; opening it may read the sync's connection, so it may raise what that raises."""
        return self._tools.vault(self._sync, self._gate)

    def look(self) -> Seen:
        """Read the folder and list the vault, side by side. Raises what either raises."""
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

        for result in gather(self._tools.pool, (read, list_vault), self._idle):
            if isinstance(result, SyncError):
                raise result
        return Seen(found[0], listing)

    def list_vault(self) -> Sequence[VaultSecret]:
        """List the vault alone."""
        return meanwhile(self._tools.pool, self.vault.list, self._idle)

    def refresh(
        self, listing: Sequence[VaultSecret], status: Status, trusted: Container[str]
    ) -> Sequence[VaultSecret]:
        """Return the listing with what was written lately read anew: a listing may be stale.

        Nothing is read where the listing shows exactly what the last run left behind. Raises
        WrongState where a secret is hidden: then it is not known whether the listing is right.
        """
        planner = self.planner(listing)
        shown = self._tools.digests.seal(self.scope_tags(planner, listing).items())
        if not status.recent or status.seal == shown:
            return listing
        index = planner.index(listing)
        is_all = ALL in status.recent
        doubted = [
            secret
            for name, secret in index.items()
            if (name in status.recent or (is_all and planner.schema.matches(name)))
            and name not in trusted
        ]
        missing = status.recent.keys() - index.keys() - {ALL}
        calls: list[Callable[[], VaultSecret | None]] = [
            *(partial(self.vault.get, secret.id) for secret in doubted),
            *(partial(self.vault.find, name) for name in sorted(missing) if name not in trusted),
        ]
        home = self._sync.config.destination_config.compartment_ocid
        fresh = {secret.id: secret for secret in listing}
        for result in gather(self._tools.pool, calls, self._idle):
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
        living = self._living_ids if others else frozenset[str]()
        return Planner(self._sync, self._tools.digests, self._tools.protected_ids(), living)

    @cached_property
    def _living_ids(self) -> frozenset[str]:
        return self._tools.living_ids()

    def read(self, secrets: Sequence[VaultSecret]) -> tuple[dict[str, Bundle], dict[str, str]]:
        """Return the contents by name, and why some could not be read.

        Raises Temporary, OutOfTime, and WrongState where the listing was stale: then nothing is known.
        """
        results = gather(
            self._tools.pool,
            [partial(self.vault.read, secret.id) for secret in secrets],
            self._idle,
        )
        bundles: dict[str, Bundle] = {}
        errors: dict[str, str] = {}
        for secret, result in zip(secrets, results, strict=True):
            match result:
                case Bundle():
                    bundles[secret.name] = result
                case WrongState():
                    raise WrongState(f"{secret.name} is not ACTIVE any more: {result}")
                case NotFound():
                    errors[secret.name] = f"its content in the vault cannot be read: {result}"
                case _:
                    raise result
        return bundles, errors

    def plan(
        self,
        seen: Seen,
        status: Status,
        *,
        verify: bool,
        trusted: Mapping[str, SecretBytes],
    ) -> tuple[Planner, Plan]:
        """Return what to do, every guard applied. `trusted` is what this run wrote itself."""
        planner = self.planner(seen.listing)
        wanted = want(seen.source, planner.schema)
        pending = status.import_pending
        if seen.source.collisions:
            raise InvalidInput(_tell_collisions(seen.source.collisions))
        sure = [name for name, value in trusted.items() if wanted.values.get(name) == value]
        doubtful = planner.doubtful(
            wanted, seen.listing, trusted=sure, unsure=pending, verify=verify or ALL in pending
        )
        bundles, unreadable = self.read(doubtful)
        wanted = _without(wanted, unreadable)
        plan = planner.plan(wanted, seen.listing, bundles, sure)
        guarded = guard(
            plan,
            wanted,
            lost=self._lost(plan, seen.source, status),
            pending=[
                name
                for name, entry in pending.items()
                if entry.was_in_source or name not in wanted.values
            ],
        )
        return planner, guarded

    def scope_tags(self, planner: Planner, listing: Sequence[VaultSecret]) -> dict[str, str]:
        """Return the digests that this listing shows on secrets in scope and nobody else's, by name."""
        return {
            secret.name: secret.tags.get(DIGEST_TAG, "")
            for secret in listing
            if secret.state == State.ACTIVE
            and planner.schema.matches(secret.name)
            and not planner.foreign(secret)
        }

    def _lost(
        self, plan: Plan, source: SourceSecrets, status: Status
    ) -> dict[str, list[str] | None]:
        """Return the names of imports and sub-folders that vanished without the source saying so."""
        if not any(change.action == Action.DELETE for change in plan.changes):
            return {}
        here = {str(origin) for origin in source.origins}
        folder = self._sync.config.folder

        def ask() -> dict[str, list[str] | None]:
            return {
                origin: names
                for origin, names in status.origins.items()
                if origin not in here and not self.source.is_gone(folder, Origin.parse(origin))
            }

        return meanwhile(self._tools.pool, ask, self._idle)


def _without(wanted: Wanted, unreadable: Mapping[str, str]) -> Wanted:
    values = {name: value for name, value in wanted.values.items() if name not in unreadable}
    return replace(wanted, values=values, errors={**wanted.errors, **unreadable})


def _tell_collisions(collisions: Mapping[str, Sequence[str]]) -> str:
    shown = [f'"{key}" in {" and ".join(paths)}' for key, paths in sorted(collisions.items())[:5]]
    more = f" and {len(collisions) - 5} more" if len(collisions) > 5 else ""  # noqa: PLR2004
    return (
        "The vault is one flat list, so each name can be used only once. These keys are in more "
        f"than one folder: {'; '.join(shown)}{more}. Rename them, or sync the folders apart."
    )
