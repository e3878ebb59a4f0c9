"""OCI Queue, data plane (20210201): visibility, receipts, delivery counts, dead letters."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count

from functions.ports import Clock
from infra.local.http import Answer, Failure, Handler, Json, Request, Route, absent, invalid, whole
from infra.local.http import wire_time as wire

MAX_BATCH_MESSAGES = 20
MAX_BATCH_BYTES = 512 * 1024
MAX_MESSAGE_BYTES = 128 * 1024
MAX_VISIBILITY_SECONDS = 12 * 3600
MAX_POLL_SECONDS = 30
POLL_PAUSE_SECONDS = 0.02
LONGEST_POLL_SECONDS = 1.0  # the real one waits 30 s; a simulator that did would hold up tests


@dataclass(slots=True)
class Message:
    """A message; `receipt` is that of its last delivery."""

    id: int
    content: str
    metadata: Json | None
    created: datetime
    expires: datetime
    visible_at: datetime
    receipt: str = ""
    deliveries: int = 0


@dataclass(slots=True)
class Queue:
    """A queue and its dead letters. `max_deliveries` 0 turns dead letters off."""

    visibility_seconds: int = 30
    retention_seconds: int = 86_400
    max_deliveries: int = 0
    messages: list[Message] = field(default_factory=list)
    dead: list[Message] = field(default_factory=list)

    def settle(self, now: datetime) -> None:
        """Drop what expired; move what was delivered too often to the dead letters."""
        self.dead = [message for message in self.dead if message.expires > now]
        kept: list[Message] = []
        for message in self.messages:
            if message.expires <= now:
                continue
            spent = 0 < self.max_deliveries <= message.deliveries
            (self.dead if spent and message.visible_at <= now else kept).append(message)
        self.messages = kept

    def held(self, receipt: str, now: datetime) -> Message | None:
        """Return the message whose receipt still counts: it is not visible again."""
        for message in self.messages:
            if message.receipt == receipt and message.visible_at > now:
                return message
        return None


class Queues:
    """All queues."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.RLock()
        self._queues: dict[str, Queue] = {}
        self._numbers = count(2**60 + 1)  # ids are wider than a double

    def add(self, queue_id: str, queue: Queue | None = None) -> None:
        """Create a queue."""
        self._queues[queue_id] = queue or Queue()

    def get(self, queue_id: str) -> Queue:
        """Return a queue as it is now; 404 where there is none."""
        if queue_id not in self._queues:
            raise absent(f"queue {queue_id}")
        with self._lock:
            self._queues[queue_id].settle(self._clock.now())
            return self._queues[queue_id]

    def contents(self, queue_id: str) -> list[str]:
        """Return the contents of all messages that are not dead, hidden ones too."""
        with self._lock:
            return [message.content for message in self.get(queue_id).messages]

    def routes(self) -> list[Route]:
        """Return the operations."""
        queue = "/20210201/queues/<queue_id>"
        messages = f"{queue}/messages"
        rows: list[tuple[str, str, str, Handler]] = [
            ("PutMessages", "POST", messages, self._put),
            ("GetMessages", "GET", messages, self._get),
            ("DeleteMessage", "DELETE", f"{messages}/<receipt>", self._delete),
            ("UpdateMessage", "PUT", f"{messages}/<receipt>", self._update),
            ("DeleteMessages", "POST", f"{messages}/actions/deleteMessages", self._delete_all),
            ("UpdateMessages", "POST", f"{messages}/actions/updateMessages", self._update_all),
            ("GetStats", "GET", f"{queue}/stats", self._stats),
        ]
        return [
            Route(name, "queue", method, rule, "queue_id", handler)
            for name, method, rule, handler in rows
        ]

    def put(self, queue_id: str, content: str, metadata: Json | None = None) -> Message:
        """Put a message there; also by hand."""
        with self._lock:
            queue, now = self.get(queue_id), self._clock.now()
            expires = now + timedelta(seconds=queue.retention_seconds)
            number = next(self._numbers)
            message = Message(
                number, content, metadata, created=now, expires=expires, visible_at=now
            )
            queue.messages.append(message)
            return message

    def _put(self, request: Request, queue_id: str) -> Answer:
        self.get(queue_id)
        entries = request.json().get("messages") or []
        sizes = [len(entry.get("content", "").encode()) for entry in entries]
        if not 0 < len(entries) <= MAX_BATCH_MESSAGES or sum(sizes) > MAX_BATCH_BYTES:
            raise invalid(f"A request may hold 1 to {MAX_BATCH_MESSAGES} messages and 512 KB.")
        if not all(0 < size <= MAX_MESSAGE_BYTES for size in sizes):
            raise invalid("A message must hold 1 byte to 128 KB.")
        if any(
            "channelId" not in (entry.get("metadata") or {"channelId": ""}) for entry in entries
        ):
            raise invalid("metadata.channelId is required.")
        made = [self.put(queue_id, entry["content"], entry.get("metadata")) for entry in entries]
        rows = [{"id": message.id, "expireAfter": wire(message.expires)} for message in made]
        return Answer(200, {"messages": rows})

    def _get(self, request: Request, queue_id: str) -> Answer:
        query = request.query
        queue = self.get(queue_id)
        hidden = whole(query, "visibilityInSeconds", queue.visibility_seconds)
        wait = whole(query, "timeoutInSeconds", MAX_POLL_SECONDS)
        limit = whole(query, "limit", 1)
        if hidden > MAX_VISIBILITY_SECONDS or wait > MAX_POLL_SECONDS or not 0 < limit <= 20:
            raise invalid("visibilityInSeconds, timeoutInSeconds or limit is out of range.")
        end = self._clock.monotonic() + min(wait, LONGEST_POLL_SECONDS)
        while not (rows := self._receive(queue_id, hidden, limit, query.get("channelFilter"))):
            if self._clock.monotonic() >= end:
                break
            self._clock.sleep(POLL_PAUSE_SECONDS)
        return Answer(200, {"messages": rows})

    def _receive(self, queue_id: str, hidden: int, limit: int, channel: str | None) -> list[Json]:
        with self._lock:
            queue, now = self.get(queue_id), self._clock.now()
            visible = [
                message
                for message in queue.messages
                if message.visible_at <= now
                and channel in (None, (message.metadata or {}).get("channelId"))
            ]
            for message in visible[:limit]:
                message.visible_at = now + timedelta(seconds=hidden)
                message.deliveries += 1
                message.receipt = f"receipt-{message.id}-{message.deliveries}"
            return [_shown(message) for message in visible[:limit]]

    def _hide(self, queue_id: str, receipt: str, seconds: object) -> Message:
        now = self._clock.now()
        if not isinstance(seconds, int) or not 0 <= seconds <= MAX_VISIBILITY_SECONDS:
            raise invalid("visibilityInSeconds must be between 0 and 43200.")
        message = self.get(queue_id).held(receipt, now)
        if message is None:
            raise absent("a message with this receipt")
        message.visible_at = now + timedelta(seconds=seconds)
        return message

    def _remove(self, queue_id: str, receipt: str) -> None:
        queue = self.get(queue_id)
        message = queue.held(receipt, self._clock.now())
        if message is None:
            raise absent("a message with this receipt")
        queue.messages.remove(message)

    def _delete(self, _request: Request, queue_id: str, receipt: str) -> Answer:
        with self._lock:
            self._remove(queue_id, receipt)
        return Answer(204)

    def _update(self, request: Request, queue_id: str, receipt: str) -> Answer:
        with self._lock:
            message = self._hide(queue_id, receipt, request.json().get("visibilityInSeconds"))
            return Answer(200, {"id": message.id, "visibleAfter": wire(message.visible_at)})

    def _delete_all(self, request: Request, queue_id: str) -> Answer:
        def delete(entry: Json) -> Json:
            self._remove(queue_id, entry["receipt"])
            return {}

        with self._lock:
            return _batch(request, delete)

    def _update_all(self, request: Request, queue_id: str) -> Answer:
        def update(entry: Json) -> Json:
            message = self._hide(queue_id, entry["receipt"], entry.get("visibilityInSeconds"))
            return {"id": message.id, "visibleAfter": wire(message.visible_at)}

        with self._lock:
            return _batch(request, update)

    def _stats(self, _request: Request, queue_id: str) -> Answer:
        with self._lock:
            queue, now = self.get(queue_id), self._clock.now()
            return Answer(
                200, {"queue": _counts(queue.messages, now), "dlq": _counts(queue.dead, now)}
            )


def _batch(request: Request, one: Callable[[Json], Json]) -> Answer:
    """Answer 200 whatever happens to the single entries, as the service does."""
    rows = []
    for entry in request.json().get("entries") or []:
        try:
            rows.append(one(entry))
        except Failure as failure:
            status, message = failure.answer.status, failure.answer.body["message"]
            rows.append({"errorCode": status, "errorMessage": message})
    failures = sum("errorCode" in row for row in rows)
    return Answer(200, {"serverFailures": 0, "clientFailures": failures, "entries": rows})


def _shown(message: Message) -> Json:
    return {
        "id": message.id,
        "content": message.content,
        "receipt": message.receipt,
        "deliveryCount": message.deliveries,
        "visibleAfter": wire(message.visible_at),
        "expireAfter": wire(message.expires),
        "createdAt": wire(message.created),
        "metadata": message.metadata,
    }


def _counts(messages: list[Message], now: datetime) -> Json:
    visible = sum(message.visible_at <= now for message in messages)
    return {
        "visibleMessages": visible,
        "inFlightMessages": len(messages) - visible,
        "sizeInBytes": sum(len(message.content.encode()) for message in messages),
    }
