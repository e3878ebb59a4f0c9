"""What later runs of a sync must know: an object of its own beside the status, written when it changed."""

from datetime import datetime, timedelta
from logging import getLogger

from pydantic import AwareDatetime, Field, ValidationError

from functions.errors import Conflict, Temporary
from functions.plan.guards import DELETIONS_COUNT_FOR
from functions.plan.kept import KeyMemory
from functions.plan.models import State, VaultSecret
from functions.plan.ownership import DIGEST_TAG
from functions.plan.sync_config import SyncConfig
from functions.plan.written import GOING, UNDERWAY, Written
from functions.ports import ABSENT, ConfigStore
from functions.state.status import Granted, Part, Pending, Status

MAX_MEMORY_BYTES = 2_000_000
STALE_LIST_SECONDS = 300
ASKED_SECONDS = 600
"""A place that was not readable is asked again for a hint after this time; people's jobs always ask."""
ROUND = "round"
"""As `settled_by`."""
_ALL = "*"
"""In a status of version 0.1.0: every name, where the names themselves did not fit."""
_BELOW = " and below"
log = getLogger(__name__)


def memory_object(config_object: str) -> str:
    """Return the name of a sync's memory object."""
    return "memory/" + config_object.removeprefix("secret-syncs/")


class Round(Part):
    """A verification of all names in order, which may take many runs."""

    began_at: AwareDatetime
    config_etag: str
    key_id: str
    cursor: str = ""
    """All names up to this one are equal, repaired or failed."""
    failed: dict[str, str] = Field(default_factory=dict)
    """Why names could not be compared or repaired."""


class Memory(Part):
    """What is known of one sync's keys and names. Every field has a default: unknown means keep."""

    about: str = ""
    """The folder and options that `keys` belong to; another one forgets them."""
    is_of_edit: bool = False
    """Whether the folder was another one before: what is not known was never given by this one."""
    keys: dict[str, KeyMemory] = Field(default_factory=dict)
    """By address: the key alone, unless the sub-folders are synced folder by folder."""
    asked: dict[str, AwareDatetime] = Field(default_factory=dict)
    """When a place was last asked that could not be taken as gone."""
    recent: dict[str, Written] = Field(default_factory=dict)
    """Names that may have been written lately: a listing may not show them as they are."""
    doubted_until: AwareDatetime | None = None
    """Until then any name may have been written lately: which ones is not known."""
    settled: dict[str, str] = Field(default_factory=dict)
    """The end of the digest of what each name is known to hold, written or read by `settled_by`."""
    settled_by: str = ""
    """A job, or the round: it repeats none of these reads and writes."""
    lost: dict[str, AwareDatetime] = Field(default_factory=dict)
    """When the sync took a key away from its bundle, unforced; no longer than a day back."""
    round: Round | None = None
    """The verification that is under way; it belongs to no job."""
    imported: dict[str, list[str]] = Field(default_factory=dict)
    """The names that an import is done with, by the import: a job, or the initial one."""
    import_pending: dict[str, Pending] = Field(default_factory=dict)
    """By name: what an import could not bring into the source."""
    granted: Granted | None = None
    was_too_large: bool = False
    """It was dropped whole: what the sync never wrote is kept until a person forces a plan."""

    def forget_writes(self, now: datetime) -> None:
        """Drop names whose write was so long ago that every listing shows it."""
        fresh = now - timedelta(seconds=STALE_LIST_SECONDS)
        self.recent = {name: one for name, one in self.recent.items() if one.at > fresh}
        if self.doubted_until and self.doubted_until <= now:
            self.doubted_until = None
        asked = now - timedelta(seconds=ASKED_SECONDS)
        self.asked = {place: at for place, at in self.asked.items() if at > asked}
        yesterday = now - DELETIONS_COUNT_FOR
        self.lost = {key: at for key, at in self.lost.items() if at > yesterday}

    def doubt_everything(self, now: datetime) -> None:
        """Take every name for one that was just written."""
        self.doubted_until = now + timedelta(seconds=STALE_LIST_SECONDS)

    def is_shown(self, name: str, row: VaultSecret | None, *, is_mine: bool) -> bool:
        """Say whether a row of a listing, or that there is none, shows what was written lately."""
        written = self.recent.get(name)
        if written is None:
            return self.doubted_until is None
        return written.is_shown_by(row, is_mine=is_mine)

    def take_look(self, name: str, found: VaultSecret | None, now: datetime) -> bool:
        """Take over what a look at a single secret showed, as what a listing must show; say whether.

        Not where a write may still be under way that it did not see.
        """
        doubted_at = (self.doubted_until or now) - timedelta(seconds=STALE_LIST_SECONDS)
        written = self.recent.get(name, Written(at=doubted_at))
        is_early = now - written.at < UNDERWAY
        if (
            found is None
            or found.state not in (State.ACTIVE, *GOING)
            or is_early
            or written.is_twice
        ):
            return False
        digest = found.tags.get(DIGEST_TAG, "")
        is_going = found.state in GOING
        self.recent[name] = written.as_done(
            found.id, digest, is_going=is_going, looks_as_before=True
        )
        return True

    def begin_round(self, began_at: datetime, config_etag: str, key_id: str) -> None:
        """Begin to verify; what was settled before does not count."""
        self.round = Round(began_at=began_at, config_etag=config_etag, key_id=key_id)
        self.settled, self.settled_by = {}, ROUND

    def end_round(self) -> None:
        """Note that all was verified."""
        self.round, self.settled, self.settled_by = None, {}, ""

    def to_json(self, now: datetime) -> bytes:
        """Return the document; dropped whole where it is too large: half of it would mislead."""
        body = self._dump()
        if len(body) <= MAX_MEMORY_BYTES:
            return body
        dropped = Memory(was_too_large=True)
        dropped.doubt_everything(now)
        return dropped._dump()

    def _dump(self) -> bytes:
        return self.model_dump_json(by_alias=True, exclude_defaults=True).encode()


def is_valid(verification: Round | None, config_etag: str, key_id: str) -> bool:
    """Say whether a verification may go on: with another config or key it begins again."""
    if verification is None:
        return False
    return (verification.config_etag, verification.key_id) == (config_etag, key_id)


def _about(config: SyncConfig) -> str:
    """Return what `Memory.keys` belong to."""
    below = _BELOW if config.sync_options.include_all_sub_folders else ""
    below += ", folder by folder" if config.is_by_folder else ""
    return _folder(config) + below


def _folder(config: SyncConfig) -> str:
    return f"{config.environment}:{config.secret_path}"


class MemoryDocument:
    """Reads and writes the memory of one sync. Whoever writes it holds the sync's lease."""

    def __init__(self, store: ConfigStore, config_object: str) -> None:
        self._store = store
        self._object = memory_object(config_object)
        self._etag: str | None = None
        self._saved = b""
        self.memory = Memory()
        self.asked_before: frozenset[str] = frozenset()
        """The places that an earlier run asked lately."""

    @property
    def is_loaded(self) -> bool:
        """Whether it was read."""
        return self._etag is not None

    def load(self, status: Status, config: SyncConfig, now: datetime, *, took_over: bool) -> None:
        """Read the memory; `took_over`: another run may have written until a moment ago."""
        found, etag = self._read()
        memory = found or _from_status(status, config)
        if found is None and took_over:
            memory.doubt_everything(now)  # what the other run was writing was not noted, or lost
        # A container of version 0.1.0 may work on the sync too, for as long as a deployment takes.
        fresh = now - timedelta(seconds=STALE_LIST_SECONDS)
        legacy = {name: Written(at=at) for name, at in status.recent.items() if at > fresh}
        memory.recent = legacy | memory.recent
        if _ALL in memory.recent:
            memory.doubt_everything(memory.recent.pop(_ALL).at)
        if took_over:
            memory.recent = {
                name: one if one.id else one.model_copy(update={"at": now})
                for name, one in memory.recent.items()
            }
        memory.forget_writes(now)
        self._saved = memory.to_json(now) if found else b""
        if memory.about != _about(config):
            memory.is_of_edit = memory.about.partition(_BELOW)[0] not in ("", _folder(config))
            memory.about, memory.keys = _about(config), {}
        self.memory, self.asked_before, self._etag = memory, frozenset(memory.asked), etag

    def save(self, now: datetime) -> None:
        """Write the memory if it changed. Raises Temporary where another run wrote it meanwhile."""
        body = self.memory.to_json(now)
        if self._etag is None or body == self._saved:  # what was never read is not replaced
            return
        try:
            self._etag = self._store.put(self._object, body, if_match=self._etag)
        except Conflict:
            stored = self._store.get(self._object, max_bytes=MAX_MEMORY_BYTES)
            if stored is None or stored.body != body:
                raise Temporary(f"{self._object} was changed by another run.") from None
            self._etag = stored.etag  # it is one's own write, of which the answer got lost
        self._saved = body

    def _read(self) -> tuple[Memory | None, str]:
        stored = self._store.get(self._object, max_bytes=MAX_MEMORY_BYTES)
        if stored is None:
            return None, ABSENT
        try:
            return Memory.model_validate_json(stored.body), stored.etag
        except ValidationError:
            log.error(  # noqa: TRY400 - its text might hold anything
                "memory object is not readable, rebuilding it: %s", self._object
            )
            return None, stored.etag


def _from_status(status: Status, config: SyncConfig) -> Memory:
    """Return what a status of version 0.1.0 knows; it stays there for containers of that version."""
    memory = Memory(granted=status.granted, about=_about(config))
    memory.was_too_large = _ALL in status.import_pending
    memory.import_pending = {n: why for n, why in status.import_pending.items() if n != _ALL}
    memory.keys = {
        key: KeyMemory(origin=origin, references=None)
        for origin, names in status.origins.items()
        for name in names or ()
        if (key := config.names.strip(name)) is not None
    }
    if status.wrote_at and not status.recent:
        memory.doubt_everything(status.wrote_at)  # there was a memory, and it is lost
    return memory
