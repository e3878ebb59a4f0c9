"""Why changes are held back: what they follow from may only be unreadable, or an import left it open."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property, partial

from pydantic import SecretBytes

from functions.plan.bundle import key_of, name_of
from functions.plan.kept import FROM_SOURCE, KeyMemory, lost_reference, missing
from functions.plan.key_changes import parts_of
from functions.plan.models import Action, Change, SourceSecret, SourceSecrets, VaultSecret
from functions.plan.ownership import DIGEST_TAG
from functions.plan.plan import Plan, join
from functions.plan.scope import Scope, scope_of, why_held
from functions.plan.sync_config import Sync
from functions.plan.table import Planner
from functions.plan.written import short
from functions.ports import SecretSource
from functions.state.memory import Memory
from functions.state.status import Pending

_NOT_IMPORTED = "its value could not be imported into the source"


def _because(entry: Pending) -> str:
    return f" ({entry.why})" if entry.why else ""


@dataclass(frozen=True)
class Keeper:
    """What one plan may not do unless a person forces it."""

    sync: Sync
    planner: Planner
    source: SecretSource
    memory: Memory
    asked_before: frozenset[str]
    found: SourceSecrets
    permitted: Scope | None
    values: Mapping[str, SecretBytes] = field(default_factory=dict)
    """See Desired.parts; asked for of a bundle only."""

    def kept(self, plan: Plan, now: datetime, *, may_ask_all: bool) -> dict[str, str]:
        """Return why which names stay as they are; asks the source what became of what is not shown."""
        reasons: dict[str, str] = {}
        for change in plan.changes:
            why = self._why_kept(change, now, may_ask_all=may_ask_all)
            if why:
                reasons[change.name] = why
        return reasons

    def unproven(self, plan: Plan, now: datetime, *, may_ask_all: bool) -> frozenset[str]:
        """Return the keys that another place gives now, with the same value, unless the former is gone.

        Where they come from stays as it is known: it is the former place that their next value is judged by.
        """
        changed = {change.name for change in plan.changes if change.action in FROM_SOURCE}
        return frozenset(
            secret.address
            for secret in self.found.secrets
            if (known := self.memory.keys.get(secret.address))
            and known != _key_memory(secret)
            and self.planner.schema.render(secret.address) not in changed
            and self._missing(
                Change(Action.UPDATE, self.planner.schema.part(secret.address)),
                now,
                may_ask_all=may_ask_all,
            )
        )

    def hidden(self, addresses: Iterable[str], now: datetime) -> dict[str, str]:
        """Return why which keys may only hide in the source: nothing of the vault must take their place."""
        part, errors = self.planner.schema.part, self.found.errors
        whys = {
            at: errors.get(at)
            or self._unread(Change(Action.CREATE, part(at)), now, may_ask_all=True)
            for at in addresses
        }
        return {address: why for address, why in whys.items() if why}

    def _why_kept(self, change: Change, now: datetime, *, may_ask_all: bool) -> str | None:
        unread = partial(self._unread, now=now, may_ask_all=may_ask_all)
        bundle = self.planner.schema.bundle
        if bundle is None or change.action in (Action.RESTORE, Action.TAG):
            return self._pending(change, unread) or self._not_permitted(change) or unread(change)
        whole = self._loss(change) or self._not_permitted(change)
        if whole:
            return whole
        parts = [*parts_of(change, bundle, self.values, self.memory.keys)]
        if not parts and change.action == Action.DELETE:
            return unread(change)  # what it held is not known
        for part in parts:
            why = self._pending(part, unread) or unread(part)
            if why:
                return f"{key_of(part.name)}: {why}"
        return None

    def _unread(self, change: Change, now: datetime, *, may_ask_all: bool) -> str | None:
        """Say why a change may only follow from something that cannot be read any more."""
        name = change.name
        lost = lost_reference(change, self._secrets.get(name), self._known(name))
        return lost or self._missing(change, now, may_ask_all=may_ask_all)

    def _loss(self, change: Change) -> str | None:
        """Say why a bundle is not written that holds keys of somebody else which the source lacks."""
        strange = [key for key in change.lost_keys if key not in self.memory.keys]
        if strange and change.secret and not self.planner.is_mine(change.secret):
            return (
                f"this sync never wrote it, and the source lacks {join(strange, ', ')}: import it, or "
                "force the plan"
            )
        return None

    def _pending(self, change: Change, unread: Callable[[Change], str | None]) -> str | None:
        if change.action not in (Action.UPDATE, Action.DELETE):
            return None
        entry = self.memory.import_pending.get(change.name)
        if entry and change.action == Action.DELETE:
            return f"{_NOT_IMPORTED}{_because(entry)}; import it again, or force the plan"
        # A value that only follows from what cannot be read is no change.
        if entry and entry.was_in_source and (why := unread(change)):
            return why
        if entry and entry.was_in_source and not self._has_changed(change, entry):
            return (
                f"{_NOT_IMPORTED}{_because(entry)}; the source counts again once its value there "
                "changes, or after an import that prioritizes the source"
            )
        if self.memory.was_too_large and change.secret and not self.planner.is_mine(change.secret):
            return "it is not known any more whether it was imported into the source"
        return None

    def _has_changed(self, change: Change, entry: Pending) -> bool:
        """Say whether the source's value is another one than that which an import could not replace.

        A digest that is not known, or of a former key, tells nothing: then the value of today counts.
        """
        assert change.value
        name, value = change.name, change.value
        is_another = entry.digest and self.planner.is_another(entry.digest, name, value)
        if is_another:
            del self.memory.import_pending[name]  # for good, even if it should change back
        elif is_another is not False:
            entry.digest = self.planner.tags(name, value)[DIGEST_TAG]
        return bool(is_another)

    def _not_permitted(self, change: Change) -> str | None:
        permitted, config = self.permitted, self.sync.config
        if permitted is None or change.secret is None or self.planner.is_mine(change.secret):
            return None
        if self._known(change.name) and permitted.covers(scope_of(config), change.name):
            return None  # it held what the source said, though no tag tells
        return why_held(change, permitted, config)

    def _missing(self, change: Change, now: datetime, *, may_ask_all: bool) -> str | None:
        config, schema, name = self.sync.config, self.planner.schema, change.name
        is_mine = change.secret is not None and self.planner.is_mine(change.secret)
        address = self._addresses.get(name) or key_of(name) or schema.strip(name) or name
        below, key = schema.split(address)
        place = (config.environment, config.folder.below(below).path)
        secret, known = self._secrets.get(name), self._known(name)
        if known is None and secret is not None and self.memory.is_of_edit:
            return None  # no place of this folder gave it before
        for one in missing(change, key, secret, known, place, is_mine=is_mine):
            giver = str(one.giver or "any place")
            may_ask = may_ask_all or giver not in self.asked_before
            why = self.source.why_kept(config.folder, one, may_ask=may_ask)
            if why:
                self.memory.asked.setdefault(giver, now)
                return why
        return None

    def _known(self, name: str) -> KeyMemory | None:
        return self._memory.get(name)

    @cached_property
    def _memory(self) -> Mapping[str, KeyMemory]:
        return {self.planner.schema.part(at): one for at, one in self.memory.keys.items()}

    @cached_property
    def _addresses(self) -> Mapping[str, str]:
        shown = (secret.address for secret in self.found.secrets)
        return {self.planner.schema.part(at): at for at in (*self.memory.keys, *shown)}

    @cached_property
    def _secrets(self) -> Mapping[str, SourceSecret]:
        return {self.planner.schema.part(one.address): one for one in self.found.secrets}


def keys_before(
    known: Mapping[str, KeyMemory],
    found: SourceSecrets,
    changes: Iterable[Change],
    planner: Planner,
) -> dict[str, KeyMemory]:
    """Return what is true of each key whether the changes that are about to be made succeed or not.

    What is written follows from the place that gives the key now: the former is gone, or counts less. Nobody
    asked that of what is only restored. Only references in the present text hold a key, so that more of them
    do no harm.
    """
    merged = dict(known)
    names = {change.name for change in changes if change.action in FROM_SOURCE}
    for address, new in learned_from(found, planner, lambda part: name_of(part) in names).items():
        old = known.get(address, new)
        references = (
            None if old.references is None else {**old.references, **(new.references or {})}
        )
        giver = new if new.origin else old
        merged[address] = giver.model_copy(update={"references": references})
    return merged


def keys_after(
    known: Mapping[str, KeyMemory],
    source: SourceSecrets,
    listing: Sequence[VaultSecret],
    plan: Plan,
    done: Mapping[str, Action],
    planner: Planner,
) -> dict[str, KeyMemory]:
    """Return what is known of each key after a run; what was held back or failed keeps what it has.

    So does what was restored: its value was not compared yet.
    """
    schema = planner.schema
    undone = plan.errors.keys() | {
        change.name
        for change in plan.changes
        if change.name not in done or change.action == Action.RESTORE
    }
    wanted = {schema.part(at) for at in (*source.errors, *(s.address for s in source.secrets))}
    standing = wanted | planner.index(listing).keys()
    kept = {
        address: one
        for address, one in known.items()
        if schema.part(address) in standing or schema.render(address) in undone
    }
    learned = learned_from(source, planner, lambda part: name_of(part) not in undone)
    return kept | {at: one for at, one in learned.items() if at not in plan.unproven}


def learned_from(
    found: SourceSecrets, planner: Planner, is_meant: Callable[[str], bool]
) -> dict[str, KeyMemory]:
    """Return where keys come from now, by address: of what is synced those parts that are meant."""
    parts, part = planner.desired(found).parts, planner.schema.part
    return {
        secret.address: _key_memory(secret)
        for secret in found.secrets
        if part(secret.address) in parts and is_meant(part(secret.address))
    }


def _key_memory(secret: SourceSecret) -> KeyMemory:
    return KeyMemory(
        origin=secret.origin and str(secret.origin),
        id=short(secret.id),
        references={ref: place for ref, place in secret.references.items() if place},
    )
