"""The outside world in memory: `functions/ports.py` by plain calls that never fail by chance."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count

from functions.errors import Conflict, NotFound
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
            Entry(name, stored.etag, modified, len(stored.body))
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
