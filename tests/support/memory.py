"""The outside world in memory: `functions/ports.py` by plain calls that never fail by chance."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count

from pydantic import SecretStr

from functions.errors import Conflict, NotFound, SourceMissing
from functions.plan.kept import Missing
from functions.plan.models import Folder, Origin, SourceSecret, SourceSecrets
from functions.ports import ABSENT, MAX_OBJECT_BYTES, Clock, Delivery, Entry, QueueDepth, Stored


@dataclass(slots=True)
class MemoryStore:
    """An object store."""

    url: str
    clock: Clock
    objects: dict[str, tuple[Stored, datetime]] = field(default_factory=dict)
    _numbers: "count[int]" = field(default_factory=lambda: count(1))

    def list(self, prefix: str) -> Sequence[Entry]:
        """Return all objects whose name begins with `prefix`, sorted by name."""
        return [
            Entry(name, stored.etag, modified)
            for name, (stored, modified) in sorted(self.objects.items())
            if name.startswith(prefix)
        ]

    def get(self, name: str, *, max_bytes: int = MAX_OBJECT_BYTES) -> Stored | None:
        """Return the object, or None where there is none."""
        if name not in self.objects:
            return None
        stored, _ = self.objects[name]
        return Stored.of([stored.body], stored.etag, max_bytes)

    def put(self, name: str, body: bytes, *, if_match: str | None = None) -> str:
        """Write and return the new ETag. Raises Conflict."""
        self._expect(name, if_match)
        etag = f"{next(self._numbers)}"
        self.objects[name] = Stored(body, etag), self.clock.now()
        return etag

    def delete(self, name: str, *, if_match: str | None = None) -> None:
        """Delete; an absent object is no error. Raises Conflict."""
        if name in self.objects:
            self._expect(name, if_match)
            del self.objects[name]

    def _expect(self, name: str, if_match: str | None) -> None:
        stored = self.get(name)
        if if_match not in (None, stored.etag if stored else ABSENT):
            raise Conflict(f"object {name}: it is not in the expected state")


@dataclass(slots=True)
class _Message:
    number: int
    body: str
    visible_at: datetime
    deliveries: int = 0

    @property
    def receipt(self) -> str:
        return f"{self.number}-{self.deliveries}"


@dataclass(slots=True)
class MemoryQueue:
    """A queue. A message that becomes visible after `max_deliveries` goes to the dead letters."""

    clock: Clock
    max_deliveries: int
    messages: list[_Message] = field(default_factory=list)
    dead: list[_Message] = field(default_factory=list)
    _numbers: "count[int]" = field(default_factory=lambda: count(1))

    def put(self, bodies: Sequence[str]) -> None:
        """Store messages."""
        now = self.clock.now()
        self.messages += [_Message(next(self._numbers), body, now) for body in bodies]

    def receive(self, limit: int, hide_seconds: int) -> Sequence[Delivery]:
        """Return visible messages, hidden for `hide_seconds`."""
        visible = self._visible()[:limit]
        for message in visible:
            message.deliveries += 1
            message.visible_at = self.clock.now() + timedelta(seconds=hide_seconds)
        return [Delivery(m.body, m.receipt, m.deliveries) for m in visible]

    def hide(self, receipt: str, seconds: int) -> str:
        """Set how long the message stays hidden from now. Raises NotFound."""
        message = self._held(receipt)
        if message is None:
            raise NotFound(f"receipt {receipt} is void")
        message.visible_at = self.clock.now() + timedelta(seconds=seconds)
        return receipt

    def delete(self, receipt: str) -> None:
        """Delete a message; a void receipt is no error."""
        message = self._held(receipt)
        if message:
            self.messages.remove(message)

    def depth(self) -> QueueDepth:
        """Return the queue's statistics."""
        visible = len(self._visible())
        return QueueDepth(visible, len(self.messages) - visible, len(self.dead))

    def _visible(self) -> list[_Message]:
        now = self.clock.now()
        visible = [m for m in self.messages if m.visible_at <= now]
        spent = [m for m in visible if m.deliveries >= self.max_deliveries]
        for message in spent:
            self.messages.remove(message)
            self.dead.append(message)
        return [m for m in visible if m.deliveries < self.max_deliveries]

    def _held(self, receipt: str) -> _Message | None:
        now = self.clock.now()
        held = (m for m in self.messages if m.receipt == receipt and m.visible_at > now)
        return next(held, None)


@dataclass(slots=True)
class MemorySource:
    """Folders of keys, one level of imports. `revision` counts the changes.

    `hidden` are folders that may not be read any more, `errors` keys whose value cannot be told.
    """

    folders: dict[Folder, dict[str, str]] = field(default_factory=dict)
    imports: dict[Folder, list[Folder]] = field(default_factory=dict)
    hidden: set[Folder] = field(default_factory=set)
    errors: set[tuple[Folder, str]] = field(default_factory=set)
    revision: int = 0

    def read(self, folder: Folder, *, sub_folders: bool) -> SourceSecrets:
        """Return what the folder holds, its own keys before imported ones."""
        if folder not in self.folders:
            raise SourceMissing(f"The source has no folder {folder.path}.")
        found = {key: SourceSecret(key, SecretStr(v)) for key, v in self.folders[folder].items()}
        collisions: dict[str, tuple[str, ...]] = {}
        origins = {_origin("import", other): other for other in self.imports.get(folder, ())}
        if sub_folders:
            below = [f for f in self.folders if f.path.startswith(folder.path.rstrip("/") + "/")]
            origins |= {_origin("folder", other): other for other in below}
        readable = {origin: other for origin, other in origins.items() if other not in self.hidden}
        for origin, other in readable.items():
            for key, value in self.folders[other].items():
                if key in found and origin.kind == "folder":
                    collisions[key] = (*collisions.get(key, ()), other.path)
                found.setdefault(key, SourceSecret(key, SecretStr(value), origin))
        errors = {key: "its value cannot be read" for f, key in self.errors if f == folder}
        secrets = tuple(secret for key, secret in found.items() if key not in errors)
        return SourceSecrets(secrets, errors, frozenset(readable), collisions)

    def why_kept(self, folder: Folder, missing: Missing, *, may_ask: bool) -> str | None:
        """Say why a key may still be there: its import or sub-folder is listed, and hidden or has it."""
        imported = {_origin("import", other): other for other in self.imports.get(folder, ())}
        listed = imported | {_origin("folder", other): other for other in self.folders}
        for giver in imported if missing.giver is None else {missing.giver} & listed.keys():
            there = listed[giver]
            if there in self.hidden or missing.key in self.folders[there]:
                return f"the {giver} is not readable any more"
        return None

    def write(
        self, folder: Folder, values: Mapping[str, str], *, replace: bool
    ) -> Mapping[str, str]:
        """Create `values` in the folder, with `replace` also update them; return refusals."""
        held = self.folders[folder]
        refused = (
            {} if replace else {k: "is there" for k, v in values.items() if held.get(k, v) != v}
        )
        held.update({key: value for key, value in values.items() if key not in refused})
        self.revision += 1
        return refused

    def ping(self) -> None:
        """Answer."""


@dataclass(slots=True)
class MemoryNotifier:
    """Keeps what people were told."""

    notices: list[str] = field(default_factory=list)

    def notify(self, subject: str, text: str) -> bool:
        """Keep a notice."""
        self.notices.append(subject)
        return True

    def count(self, metrics: Mapping[str, float], dimensions: Mapping[str, str]) -> None:
        """Forget the metrics."""


@dataclass(frozen=True, slots=True)
class MemoryInvoker:
    """Starts a detached invocation by a call."""

    invoke: Callable[[Mapping[str, object]], None]

    def start(self, body: Mapping[str, object]) -> None:
        """Start it."""
        self.invoke(body)


def _origin(kind: str, folder: Folder) -> Origin:
    return Origin(kind, folder.environment, folder.path)
