"""Carry out the changes of a plan: side by side, deletions last, one change never half done."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from logging import getLogger

from functions.errors import (
    NameTaken,
    NotFound,
    OutOfTime,
    Refused,
    SyncError,
    Temporary,
    TooManyVersions,
    ValueReused,
    WrongState,
)
from functions.plan.guards import SHORTEST_DELETION
from functions.plan.models import Action, Change, State
from functions.plan.table import Planner
from functions.ports import SecretVault, Task

log = getLogger(__name__)


@dataclass(slots=True)
class Results:
    """What became of the changes, by name."""

    done: dict[str, Action] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    again: dict[str, str] = field(default_factory=dict)
    """Not done, or not known to be done: the next look at the vault tells."""
    ids: dict[str, str] = field(default_factory=dict)
    """The OCIDs of what was created."""
    stopped: OutOfTime | None = None
    is_cut_short: bool = False
    """Whether changes are left because the source changed meanwhile."""

    @property
    def unfinished(self) -> dict[str, str]:
        """Return what must be looked at again: a restored secret is compared once it is ACTIVE."""
        restored = (name for name, action in self.done.items() if action == Action.RESTORE)
        return self.again | dict.fromkeys(restored, "is being restored")

    def was_begun(self, name: str) -> bool:
        """Say whether a call was made for this change."""
        return name in self.done or name in self.errors or name in self.again


@dataclass(frozen=True, slots=True)
class Applier:
    """Makes changes in one vault for one run. `token` names run and pass, see SecretVault.create."""

    vault: SecretVault
    planner: Planner
    compartment_id: str
    token: Callable[[str, str], str]
    deletion_time: datetime
    now: datetime
    is_recent: Callable[[str], bool]
    """Names written not long ago: that a listing does not show them means little."""

    def tasks(self, changes: Sequence[Change], results: Results) -> list[Task]:
        """Return one task a change; each records its result and never raises."""
        return [self._task(change, results) for change in changes]

    def _task(self, change: Change, results: Results) -> Task:
        def task() -> None:
            name = change.name
            if results.stopped:
                return
            try:
                self._make(change, results)
            except OutOfTime as reason:
                results.stopped = reason
            except (WrongState, Temporary) as error:
                results.again[name] = str(error)
            except SyncError as error:
                results.errors[name] = str(error)
            except Exception as error:  # noqa: BLE001 - its text might hold anything
                log.error("unexpected %s while changing %s", type(error).__name__, name)  # noqa: TRY400
                results.again[name] = f"unexpected {type(error).__name__}"
            else:
                results.done[name] = change.action

        return task

    def _make(self, change: Change, results: Results) -> None:
        match change.action:
            case Action.CREATE:
                results.ids[change.name] = self._create(change)
            case Action.UPDATE:
                self._update(change)
            case Action.RESTORE:
                assert change.secret
                self.vault.restore(change.secret)
            case Action.TAG:
                assert change.secret
                assert change.value
                self.vault.tag(change.secret, self.planner.tags(change.name, change.value))
            case Action.DELETE:
                assert change.secret
                # What has no tag of this sync may have become another sync's since it was listed.
                is_strange = not self.planner.is_mine(change.secret)
                self.vault.schedule_deletion(
                    change.secret, self.deletion_time, if_unchanged=is_strange
                )

    def _create(self, change: Change) -> str:
        assert change.value
        tags = self.planner.tags(change.name, change.value)
        token = self.token(change.name, "".join(sorted(tags.values())))
        try:
            return self.vault.create(change.name, change.value.get_secret_value(), tags, token)
        except NameTaken as refusal:
            return self._explain_taken(change, refusal)

    def _explain_taken(self, change: Change, refusal: Refused) -> str:
        """Return the id if the wanted value is there after all; raise WrongState where a new look helps."""
        try:
            other = self.vault.find(change.name)
        except NotFound as hidden:
            other, refusal = None, hidden
        is_deleted = other is not None and other.state == State.DELETED
        if other is not None and other.compartment_id == self.compartment_id and not is_deleted:
            if other.state == State.ACTIVE and self.vault.read(other.id).value == change.value:
                return other.id
            raise WrongState(f"the vault's listing did not show yet that it is {other.state}")
        if (other is None or is_deleted) and self.is_recent(change.name):
            raise WrongState("the vault's listing does not show it yet")
        raise NameTaken(
            "the name is taken by a secret of this vault that the sync's compartment does not list: "
            "it may lie in another compartment, or be deleted with its name still reserved "
            f"({refusal})"
        )

    def _update(self, change: Change) -> None:
        assert change.secret
        assert change.value
        value = change.value.get_secret_value()
        tags = self.planner.tags(change.name, change.value)
        try:
            try:
                self.vault.update(change.secret, value, tags)
            except TooManyVersions:
                if not self.vault.prune_versions(change.secret, self.now + SHORTEST_DELETION):
                    raise
                self.vault.update(change.secret, value, tags)
        except ValueReused:
            if not self.vault.promote(change.secret, value, tags):
                raise


def split(changes: Iterable[Change]) -> tuple[list[Change], list[Change]]:
    """Return what is made first, and the deletions that come last."""
    listed = list(changes)
    return (
        [change for change in listed if change.action != Action.DELETE],
        [change for change in listed if change.action == Action.DELETE],
    )
