"""What runs need of the outside world: one Protocol each.

`sources`, `stores`, `vault`, `cloud` and `calls` implement them; the docstrings here count there too.
"""

from codecs import BOM_UTF8
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from pydantic import SecretStr

from functions.errors import InvalidInput
from functions.plan.kept import Missing
from functions.plan.models import Bundle, Folder, SourceSecrets, VaultSecret
from functions.plan.sync_config import DestinationConfig


class Clock(Protocol):
    """Time, passed in so that tests own it."""

    def now(self) -> datetime:
        """Return the time of day in UTC."""

    def monotonic(self) -> float:
        """Return seconds that never run backwards."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


@dataclass(frozen=True, slots=True)
class SourceEnvironment:
    """An environment of a project."""

    slug: str
    name: str


@dataclass(frozen=True, slots=True)
class SourceProject:
    """A project of the secret manager; without a name and environments where it does not tell."""

    id: str
    name: str | None = None
    environments: tuple[SourceEnvironment, ...] | None = None


class SecretSource(Protocol):
    """A folder of the secret manager."""

    def read(self, folder: Folder, *, sub_folders: bool, by_folder: bool = False) -> SourceSecrets:
        """Return what the folder holds, imports merged and references expanded.

        Raises SourceMissing, SourceMasked, Unauthorized, Forbidden, Temporary. Never returns an
        empty answer for a folder that does not exist. A key that several of the (sub-)folders hold is
        in `collisions` only: no rule says which counts. Unless `by_folder`: then each sub-folder's keys
        are told apart, those that it imports too.
        """

    def why_kept(self, folder: Folder, missing: Missing, *, may_ask: bool) -> str | None:
        """Say why a key that is not shown any more may still be there; None where it is known to be gone.

        Also None where another place gives it that counts before the former one. Without `may_ask` only
        import lists are asked, no place.
        """

    def write(
        self, folder: Folder, values: Mapping[str, str], *, replace: bool
    ) -> Mapping[str, str]:
        """Create `values` in the folder (update them with `replace`); return refusals: key -> why."""

    def projects(self, known: Iterable[str]) -> Sequence[SourceProject]:
        """Return the projects that can be chosen, those of `known` ids in any case."""

    def folders(self, folder: Folder) -> Sequence[str] | None:
        """Return the paths of a folder's direct sub-folders; None where the source has no folders.

        Of a folder that does not exist an empty list is no proof that it does.
        """

    def ping(self) -> None:
        """Prove that the source answers and accepts this identity; raises as `read`."""


class SecretVault(Protocol):
    """The secrets of one compartment in one OCI vault.

    Every method may raise OutOfTime (no call was made), Temporary (after its own retries), Forbidden
    and NotFound (OCI does not tell the two apart).
    """

    def list(self) -> Sequence[VaultSecret]:
        """Return every secret of the compartment and vault, in all lifecycle states, all pages."""

    def find(self, name: str) -> VaultSecret | None:
        """Look a name up in the whole vault, whatever the compartment; None where it is not seen.

        Raises NotFound where there is one that may not be looked at.
        """

    def get(self, secret_id: str) -> VaultSecret:
        """Return one secret as it is now."""

    def read(self, secret_id: str) -> Bundle:
        """Return the current content. Raises WrongState where it has none yet.

        Raises Forbidden, NotFound or ContentRefused where it is not handed out.
        """

    def create(self, name: str, value: bytes, tags: Mapping[str, str], token: str) -> str:
        """Create a secret; return its id. `token` makes a repeated request harmless.

        Raises NameTaken, InvalidInput.
        """

    def update(self, secret: VaultSecret, value: bytes, tags: Mapping[str, str]) -> None:
        """Write a new version and merge `tags` into its tags, in one call where the service allows it.

        Raises WrongState, TooManyVersions, ValueReused, InvalidInput.
        """

    def tag(self, secret: VaultSecret, tags: Mapping[str, str | None]) -> None:
        """Merge `tags` into the secret's free-form tags (None removes one); no new version."""

    def restore(self, secret: VaultSecret) -> None:
        """Cancel the deletion of a secret that is PENDING_DELETION. Raises WrongState."""

    def schedule_deletion(
        self, secret: VaultSecret, when: datetime, *, if_unchanged: bool = False
    ) -> None:
        """Schedule the deletion of an ACTIVE secret. Raises WrongState.

        `if_unchanged`: only if it still has the tags and the compartment of `secret`; else WrongState too.
        """

    def prune_versions(self, secret: VaultSecret, when: datetime, *, at_least: int = 0) -> int:
        """Schedule the oldest DEPRECATED of so many versions for deletion; return how many."""

    def promote(self, secret: VaultSecret, value: bytes, tags: Mapping[str, str]) -> bool:
        """Make the newest version that holds `value` the current one; False if there is none.

        Where the current version holds it, only its tags are mended.
        """


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of a listing of the config store."""

    name: str
    etag: str
    modified: datetime | None
    size: int
    """In bytes."""


MAX_OBJECT_BYTES = 64 * 1024
CHUNK_BYTES = 4096
"""Small, as a chunk may be compressed: no more is unpacked at once than a container can bear."""


@dataclass(frozen=True, slots=True)
class Stored:
    """An object of the config store. One that is too large is not read: its body is empty."""

    body: bytes
    etag: str
    is_too_large: bool = False

    @classmethod
    def of(cls, chunks: Iterable[bytes], etag: str, max_bytes: int = MAX_OBJECT_BYTES) -> "Stored":
        """Take an object in, no further than `max_bytes`."""
        body = bytearray()
        for chunk in chunks:
            body += chunk
            if len(body) > max_bytes:
                return cls(b"", etag, is_too_large=True)
        return cls(bytes(body), etag)

    def whole(self, name: str) -> bytes:
        """Return the content, without the mark that some editors put before UTF-8.

        Raises InvalidInput where the object is too large.
        """
        if self.is_too_large:
            raise InvalidInput(f"{name}: is larger than {MAX_OBJECT_BYTES} bytes")
        return self.body.removeprefix(BOM_UTF8)


ABSENT = ""
"""As `if_match`: the object must not exist yet. (No store has an empty ETag.)"""


class ConfigStore(Protocol):
    """A small object store with compare-and-swap. Names are relative to the configured prefix."""

    url: str

    def list(self, prefix: str) -> Sequence[Entry]:
        """Return all objects whose name begins with `prefix`, sorted by name."""

    def get(self, name: str, *, max_bytes: int = MAX_OBJECT_BYTES) -> Stored | None:
        """Return the object, or None where there is none; a larger one is not read."""

    def put(self, name: str, body: bytes, *, if_match: str | None = None) -> str:
        """Write and return the new ETag. `if_match`: an ETag, ABSENT, or None to overwrite.

        Raises Conflict where the object is not as expected. After a lost answer this may be one's own
        write: read back and look for one's own mark.
        """

    def delete(self, name: str, *, if_match: str | None = None) -> None:
        """Delete; an absent object is no error. Raises Conflict."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message as received: hidden from others until its visibility ends."""

    body: str
    receipt: str
    delivery_count: int


@dataclass(frozen=True, slots=True)
class QueueDepth:
    """How many messages wait, are being worked on, and were given up."""

    visible: int
    in_flight: int
    dead: int


class JobQueue(Protocol):
    """OCI Queue: at least once, in no certain order."""

    def put(self, bodies: Sequence[str]) -> None:
        """Store messages; returns only when all are stored."""

    def receive(self, limit: int, hide_seconds: int) -> Sequence[Delivery]:
        """Return up to `limit` (≤ 20) visible messages at once, hidden for `hide_seconds`."""

    def hide(self, receipt: str, seconds: int) -> str:
        """Set how long the message stays hidden from now; return the receipt to use from then on.

        Raises NotFound where the receipt is void (the message is visible again or gone).
        """

    def delete(self, receipt: str) -> None:
        """Delete a message; a void receipt is no error."""

    def depth(self) -> QueueDepth:
        """Return the queue's statistics (approximate)."""


class Notifier(Protocol):
    """Where people and dashboards hear of runs. Never raises."""

    def notify(self, subject: str, text: str) -> bool:
        """Publish a notice to the configured topic; False where it has to be tried again later."""

    def count(self, metrics: Mapping[str, float], dimensions: Mapping[str, str]) -> None:
        """Add to the configured custom metrics."""


class Invoker(Protocol):
    """Starts this function again, detached."""

    def start(self, body: Mapping[str, object]) -> None:
        """Start a detached invocation. Raises Temporary, Refused."""


@dataclass(frozen=True, slots=True)
class OciResource:
    """A compartment, vault or key that an OCI connection reaches."""

    id: str
    name: str


class OciDirectory(Protocol):
    """What an OCI connection can do. Every method may raise Refused and Temporary."""

    def check(self) -> None:
        """Prove by a call that OCI accepts the connection."""

    def compartments(self) -> Sequence[OciResource]:
        """Return the tenancy and its active compartments."""

    def vaults(self, compartment_ocid: str) -> Sequence[OciResource]:
        """Return the active vaults of a compartment."""

    def keys(self, compartment_ocid: str, vault_ocid: str) -> Sequence[OciResource]:
        """Return the enabled keys of a vault."""

    def faults(self, destination: DestinationConfig) -> Sequence[str]:
        """Say what is wrong with compartment, vault and key, as far as the connection sees them."""


class PrivateKeyStore(Protocol):
    """Keeps private keys of connections as secrets in OCI Vault."""

    def keep(self, name: str, private_key: SecretStr, where: DestinationConfig | None) -> str:
        """Store a key, beside the function's credentials where nothing else is said; return its id.

        Returns only when the key can be read, so that a run need not wait for it.
        """

    def discard(self, secret_ocid: str, when: datetime) -> None:
        """Schedule the deletion of a key that `keep` stored; any other secret is left alone."""


class Pool(Protocol):
    """Runs tasks side by side."""

    def each(self, tasks: "Iterable[Task]", heartbeat: "Heartbeat") -> None:
        """Run all tasks, calling `heartbeat` in the caller's thread every second or so; return after all."""


class Task(Protocol):
    """One piece of work; it never raises."""

    def __call__(self) -> None:
        """Do it."""


class Heartbeat(Protocol):
    """What the coordinating thread does while it waits."""

    def __call__(self) -> None:
        """Do it."""
