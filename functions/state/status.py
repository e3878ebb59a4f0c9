"""The status document of a sync: what happened, who works on it, and what must be looked at again."""

from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from pydantic import AwareDatetime, ConfigDict, Field, ValidationError

from functions.plan.guards import DELETIONS_COUNT_FOR
from functions.plan.models import Action, JobKind
from functions.plan.scope import Scope
from functions.plan.sync_config import Camel, DestinationConfig

MAX_RUNS = 20
MAX_RUN_ERRORS = 50
MAX_CHANGED_NAMES = 200
MAX_FORMER_PLACES = 5
MAX_ENDED_JOBS = 50
MAX_MESSAGE_CHARACTERS = 1024
MAX_STATUS_BYTES = 64_000
LONGEST_WAIT_SECONDS = 3600
UNDERWAY_SECONDS = 60
HOUR = timedelta(hours=1)


class Phase(StrEnum):
    """How far a job came, in the words of the secret-sync API."""

    PENDING = "pending"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class Part(Camel):
    """A part of a document: changed in place, and what a later version wrote is ignored."""

    model_config = ConfigDict(extra="ignore", frozen=False)


class Untold(Part):
    """News that people were not told yet."""

    has_failed: bool
    """Else it works again."""
    kind: JobKind


class Progress(Part):
    """The last sync, import or removal."""

    status: Phase | None = None
    job_id: str | None = None
    message: str | None = None
    at: AwareDatetime | None = None
    """When it last succeeded."""
    is_failing: bool = False
    """Whether its last job failed, so that its next success is news."""
    untold: Untold | None = None


class Lease(Part):
    """Who works on the sync, and until when nobody else may."""

    run: str
    expires_at: AwareDatetime
    done: int = 0
    """How many of the changes of its plan are made, out of `total`."""
    total: int = 0


class Pending(Part):
    """Why a vault secret could not be imported, and whether the source had its key at that time."""

    why: str = ""
    was_in_source: bool = False
    digest: str | None = None
    """Of the source's value at that time: another value ends the hold."""


class Deletions(Part):
    """How many secrets a run was about to delete, unforced."""

    at: AwareDatetime
    count: int


class Granted(Part):
    """The names that a forced plan may touch, kept until its job ended: it may take several runs."""

    fingerprint: str
    names: list[str]


class RunRecord(Part):
    """One finished run."""

    id: str
    job_id: str
    kind: JobKind
    cause: str
    started_at: AwareDatetime
    seconds: float
    outcome: str
    message: str | None = None
    by: str | None = None
    """Who asked: the name of an API token, or the OCID that IAM authenticated."""
    counts: dict[str, int] = Field(default_factory=dict)
    changed: dict[str, list[str]] = Field(default_factory=dict)
    """Names by action: of deletions all, of the others the first ones."""
    drift: list[str] = Field(default_factory=list)
    stops: list[str] = Field(default_factory=list)
    """The guards that kept it from writing."""
    errors: dict[str, str] = Field(default_factory=dict)
    before: dict[str, int] = Field(default_factory=dict)
    """How many names earlier attempts of its job changed, by action."""


class Place(Part):
    """Where a sync writes to."""

    destination: DestinationConfig
    connection_id: UUID | None = None

    def is_same(self, other: "Place") -> bool:
        """Say whether both are one compartment of one vault: a key or connection leaves nothing behind."""
        mine, theirs = self.destination, other.destination
        return (mine.vault_ocid, mine.compartment_ocid) == (
            theirs.vault_ocid,
            theirs.compartment_ocid,
        )


class Status(Part):
    """What is known of one sync. Every field has a default: a lost document is rebuilt by running."""

    writer: str = ""
    """Marks each write, so that a 412 on one's own lost answer is recognised."""
    version: int = 1
    config_etag: str = ""
    created_at: AwareDatetime | None = None
    updated_at: AwareDatetime | None = None
    sync: Progress = Field(default_factory=Progress)
    import_: Progress = Field(default_factory=Progress, alias="import")
    remove: Progress = Field(default_factory=Progress)
    lease: Lease | None = None
    rerun: bool = False
    is_paused: bool = False
    """After a manual removal: ticks leave the sync alone until a source event or a manual sync."""
    is_import_done: bool = False
    scope: Scope | None = None
    """What is permitted since the last concluded run; None: whatever the config says."""
    began_blank: bool = False
    """Whether nothing was known of the sync when this document began; else 0.1.0 wrote it."""
    import_pending: dict[str, Pending] = Field(default_factory=dict)
    """This and the next three are of version 0.1.0: only read; the memory holds them now."""
    origins: dict[str, list[str] | None] = Field(default_factory=dict)
    recent: dict[str, AwareDatetime] = Field(default_factory=dict)
    deletions: list[Deletions] = Field(default_factory=list)
    """By the hour, no longer than a day back."""
    granted: Granted | None = None
    read_at: AwareDatetime | None = None
    """When the last concluded run began to read the source."""
    verified_at: AwareDatetime | None = None
    wrote_at: AwareDatetime | None = None
    retry_at: AwareDatetime | None = None
    """When the job that waits on the queue is due again, None where none waits."""
    ended_jobs: list[str] = Field(default_factory=list)
    runs: list[RunRecord] = Field(default_factory=list)
    orphaned_at: AwareDatetime | None = None
    """When a tick found that the config is gone."""
    place: Place | None = None
    """Where the last run wrote to."""
    former_places: list[Place] = Field(default_factory=list)
    """Where earlier runs wrote to, before the config was edited; the newest first."""

    @property
    def is_blank(self) -> bool:
        """Say whether it is not known if the sync ever wrote: it is new, or its status was lost."""
        return self.scope is None and (self.began_blank or not self.config_etag)

    def progress(self, kind: JobKind) -> Progress:
        """Return the part that a job of this kind reports to."""
        parts = {JobKind.IMPORT: self.import_, JobKind.REMOVE: self.remove}
        return parts.get(kind, self.sync)

    def see_place(self, place: Place) -> bool:
        """Note where a run writes to; say whether an edit of the config moved it."""
        is_moved = self.place is not None and not self.place.is_same(place)
        former = [self.place, *self.former_places] if self.place else self.former_places
        others = [
            one
            for number, one in enumerate(former)
            if not any(map(one.is_same, (place, *former[:number])))
        ]
        self.place, self.former_places = place, others[:MAX_FORMER_PLACES]
        return is_moved

    def is_waiting(self, now: datetime) -> bool:
        """Say whether a job on the queue is due again soon, or was so recently that it may be on its way."""
        if self.retry_at is None:
            return False
        ahead_seconds = (self.retry_at - now) / timedelta(seconds=1)
        return -UNDERWAY_SECONDS < ahead_seconds <= LONGEST_WAIT_SECONDS

    def count_deletions(self, count: int, now: datetime) -> None:
        """Note that so many secrets are about to be deleted."""
        kept = [one for one in self.deletions if now - one.at < DELETIONS_COUNT_FOR]
        if kept and count and now - kept[-1].at < HOUR:
            kept[-1] = Deletions(at=kept[-1].at, count=kept[-1].count + count)
        elif count:
            kept.append(Deletions(at=now, count=count))
        self.deletions = kept

    def deletions_since(self, since: datetime) -> int:
        """Return how many secrets were deleted since then, unforced."""
        return sum(one.count for one in self.deletions if one.at > since)

    def forget_future(self, limit: datetime) -> None:
        """Drop times that cannot be: trusting them would hold back every later run."""
        self.read_at, self.verified_at, self.wrote_at = (
            None if at and at > limit else at
            for at in (self.read_at, self.verified_at, self.wrote_at)
        )
        self.deletions = [one for one in self.deletions if one.at <= limit]

    def begin_again(self) -> None:
        """Forget that there were runs: a config that comes back under an orphaned status is a new sync."""
        self.began_blank = False  # its tags in the vault are no sign that something was lost
        self.orphaned_at = self.scope = None  # `place` stays: what it left there is still its own
        self.is_import_done = self.is_paused = False
        self.sync, self.import_, self.remove = Progress(), Progress(), Progress()

    def is_paused_for(self, etag: str) -> bool:
        """Say whether ticks leave the config alone: an edit after the removal is a wish to sync."""
        return self.is_paused and self.config_etag == etag

    def see_config(self, etag: str, now: datetime) -> None:
        """Note an edit of the config, however it was made."""
        if self.config_etag == etag:
            return
        self.began_blank |= not self.config_etag
        self.is_paused = False
        self.version += bool(self.config_etag)
        self.created_at = self.created_at or now
        self.config_etag, self.updated_at = etag, now

    def add_run(self, record: RunRecord) -> None:
        """Keep the run; only the newest keep their details, and at most so many."""
        record.errors = dict(sorted(record.errors.items())[:MAX_RUN_ERRORS])
        record.drift = record.drift[:MAX_RUN_ERRORS]
        record.changed = {
            action: names if action == Action.DELETE else names[:MAX_CHANGED_NAMES]
            for action, names in record.changed.items()
        }
        self.runs = [record, *self.runs][:MAX_RUNS]

    def copied(self) -> "Status":
        """Return a copy that shares nothing, several times faster than a deep copy does."""
        return Status.model_validate_json(self._dump())

    def to_json(self) -> bytes:
        """Return the document; details of old runs, then old runs, are dropped until it is small enough."""
        for run in reversed(self.runs):
            if len(self._dump()) <= MAX_STATUS_BYTES:
                break
            run.errors, run.drift = {}, []
            run.changed = {a: names for a, names in run.changed.items() if a == Action.DELETE}
        while self.runs and len(self._dump()) > MAX_STATUS_BYTES:
            self.runs.pop()
        return self._dump()

    def _dump(self) -> bytes:
        return self.model_dump_json(by_alias=True, exclude_defaults=True).encode()


def parse_status(body: bytes) -> Status | None:
    """Read a status document; None where it is nonsense and must be rebuilt."""
    try:
        return Status.model_validate_json(body)
    except ValidationError:
        return None


def shorten(message: str) -> str:
    """Cut a message to what the API promises."""
    if len(message) <= MAX_MESSAGE_CHARACTERS:
        return message
    return message[: MAX_MESSAGE_CHARACTERS - 3] + "..."
