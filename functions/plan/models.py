"""The nouns of a sync: folder, origin, source secret, vault secret, lifecycle state, change, kind of job."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from pydantic import SecretBytes, SecretStr

from functions.plan.bundle import KeyChanges

Place = tuple[str, str]
"""An environment and a folder path of the source's project."""


def parse_place(text: str) -> Place:
    """Return the place that is written as `environment:path`."""
    environment, _, path = text.partition(":")
    return environment, path


class State(StrEnum):
    """Lifecycle states of a vault secret, as the OCI SDK spells them."""

    CREATING = "CREATING"
    ACTIVE = "ACTIVE"
    UPDATING = "UPDATING"
    DELETING = "DELETING"
    DELETED = "DELETED"
    SCHEDULING_DELETION = "SCHEDULING_DELETION"
    PENDING_DELETION = "PENDING_DELETION"
    CANCELLING_DELETION = "CANCELLING_DELETION"
    FAILED = "FAILED"
    UNKNOWN = "UNKNOWN"
    """A state that this version does not know; it blocks, as a state in transition does."""


BLOCKING = frozenset(
    {
        State.CREATING,
        State.UPDATING,
        State.DELETING,
        State.SCHEDULING_DELETION,
        State.CANCELLING_DELETION,
        State.UNKNOWN,
    }
)


@dataclass(frozen=True, slots=True)
class Folder:
    """Where secrets live in the source. `path` is absolute, without a trailing slash but for the root."""

    project_id: str
    environment: str
    path: str

    def below(self, path: str) -> "Folder":
        """Return the sub-folder of this relative path, itself where that is empty."""
        return replace(self, path=f"{self.path.rstrip('/')}/{path}") if path else self


@dataclass(frozen=True, slots=True)
class Origin:
    """How a key reaches a folder if it is not the folder's own: an import or a sub-folder."""

    kind: str
    """`import`, `folder`, or `sub-folder import`, whose importing folder the source does not tell."""
    environment: str
    path: str

    def __str__(self) -> str:
        return f"{self.kind} {self.environment}:{self.path}"

    @property
    def place(self) -> Place:
        """The place that it names."""
        return self.environment, self.path

    @classmethod
    def parse(cls, text: str) -> "Origin":
        """Return the origin that `str` made this text of."""
        head, _, path = text.partition(":")  # a path may hold blanks, a kind may too
        kind, _, environment = head.rpartition(" ")
        return cls(kind, environment, path)


@dataclass(frozen=True, slots=True)
class SourceSecret:
    """One key of the source; `origin` is None where the folder holds it itself.

    `references` were followed in its text: `env:path KEY` -> the `env:path` that gave the target, which may
    have imported it (then with the end of its id); None where there is no such target: it is left as text.
    """

    key: str
    value: SecretStr
    origin: Origin | None = None
    references: Mapping[str, str | None] = field(default_factory=dict)
    tags: frozenset[str] | None = None
    """None: the source does not tell."""
    folder: str = ""
    """Path of its sub-folder, below the folder that was read; told where folders are told apart."""
    id: str = ""
    """Of what an import gives, where the source tells: the import may have it from one of several others."""

    @property
    def address(self) -> str:
        """Where it is, see `address_of`."""
        return address_of(self.folder, self.key)


def address_of(folder: str, key: str) -> str:
    """Return a key's address: the key, after the path of its sub-folder if it is in one."""
    return f"{folder}/{key}" if folder else key


@dataclass(frozen=True, slots=True)
class SourceSecrets:
    """What a folder holds, merged and expanded.

    `errors` are keys, by address, that exist but whose value is not known (duplicate, unreadable
    reference): they are neither written nor deleted. `collisions` maps a key to the sub-folders that all
    hold it.
    """

    secrets: tuple[SourceSecret, ...]
    errors: Mapping[str, str] = field(default_factory=dict)
    origins: frozenset[Origin] = frozenset()
    collisions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class VaultSecret:
    """One secret as the vault lists it; never its value.

    `managed_by` says why it belongs to somebody else for good: replication, rotation, auto-generation.
    """

    id: str
    name: str
    state: State
    tags: Mapping[str, str] = field(default_factory=dict)
    compartment_id: str = ""
    time_of_deletion: datetime | None = None
    managed_by: str | None = None
    defined_tags: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Bundle:
    """The current content of a vault secret."""

    value: SecretBytes
    version: int


class Action(StrEnum):
    """What is done to one vault secret. TAG mends this sync's own tags without a new version."""

    CREATE = "create"
    UPDATE = "update"
    RESTORE = "restore"
    TAG = "tag"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Change:
    """One step of a plan. `held` names the guard that keeps it from being done without `force`."""

    action: Action
    name: str
    secret: VaultSecret | None = None
    value: SecretBytes | None = None
    held: str | None = None
    keys: KeyChanges | None = None
    """Of a bundle that is created or updated: which keys it is about."""

    @property
    def lost_keys(self) -> tuple[str, ...]:
        """The keys that it takes away from a bundle."""
        return self.keys.lost if self.keys else ()

    @property
    def is_loss(self) -> bool:
        """Whether it takes away a secret, or may take away keys of a bundle."""
        may_lose_keys = self.keys is not None and (bool(self.keys.lost) or not self.keys.is_known)
        return self.action == Action.DELETE or may_lose_keys


class JobKind(StrEnum):
    """What a job does."""

    SYNC = "sync"
    VERIFY = "verify"
    IMPORT = "import"
    REMOVE = "remove"
    UNDO = "undo"
    CLEANUP = "cleanup"
