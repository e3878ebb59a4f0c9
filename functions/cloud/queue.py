"""OCI Queue."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from oci.queue import QueueClient, models

from functions.cloud.clients import OciCalls
from functions.errors import NotFound, Temporary
from functions.ports import Delivery, QueueDepth

MOST_AT_ONCE = 20


class Queue:
    """One queue. `endpoint` is its own `messagesEndpoint`. A repeated put may store a message twice."""

    def __init__(self, calls: OciCalls, queue_ocid: str, endpoint: str) -> None:
        self._calls = calls
        self._queue_ocid = queue_ocid
        self._endpoint = endpoint

    def put(self, bodies: Sequence[str]) -> None:
        for start in range(0, len(bodies), MOST_AT_ONCE):
            self._put(bodies[start : start + MOST_AT_ONCE])

    def receive(self, limit: int, hide_seconds: int) -> Sequence[Delivery]:
        found = self._call(
            lambda client: client.get_messages(
                self._queue_ocid,
                limit=limit,
                visibility_in_seconds=hide_seconds,
                timeout_in_seconds=0,
            )
        )
        return [Delivery(row.content, row.receipt, row.delivery_count) for row in found.messages]

    def hide(self, receipt: str, seconds: int) -> str:
        details = models.UpdateMessageDetails(visibility_in_seconds=seconds)
        updated = self._call(
            lambda client: client.update_message(self._queue_ocid, receipt, details)
        )
        # The API describes no new receipt, its guide says that there may be one.
        return getattr(updated, "receipt", None) or receipt

    def delete(self, receipt: str) -> None:
        with suppress(NotFound):
            self._call(lambda client: client.delete_message(self._queue_ocid, receipt))

    def depth(self) -> QueueDepth:
        stats = self._call(lambda client: client.get_stats(self._queue_ocid))
        return QueueDepth(
            visible=stats.queue.visible_messages,
            in_flight=stats.queue.in_flight_messages,
            dead=stats.dlq.visible_messages,
        )

    def _put(self, bodies: Sequence[str]) -> None:
        details = models.PutMessagesDetails(
            messages=[models.PutMessagesDetailsEntry(content=body) for body in bodies]
        )

        def use(client: Any) -> Any:
            response = client.put_messages(self._queue_ocid, details)
            if len(response.data.messages) < len(bodies):
                raise Temporary(f"queue {self._queue_ocid}: not all messages were stored")
            return response

        self._call(use)

    def _call(self, use: Callable[[Any], Any]) -> Any:
        what = f"queue {self._queue_ocid}"
        endpoint = self._endpoint
        return self._calls.call(QueueClient, use, what=what, family="queue", endpoint=endpoint).data
