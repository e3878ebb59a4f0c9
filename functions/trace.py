"""What this container works on, and what it called: for its log, and for those of OCI.

A container serves one call at a time and its runs one after another, so one trace is enough.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from threading import Lock
from uuid import uuid4

from functions.core.job import plain_id

SEGMENT_CHARACTERS = 32


class Trace:
    """The request at hand, and the number of outside calls so far; threads may share it."""

    def __init__(self) -> None:
        self.request_id: str | None = None
        """Whom the work is for: the caller's own id, or else the platform's id of this call."""
        self.call_id: str | None = None
        self._calls: Counter[str] = Counter()
        self._lock = Lock()

    def begin(self, headers: Mapping[str, str], call_id: str) -> None:
        """Begin an invocation; `headers` are those of HTTP, in lower case."""
        self.call_id = plain_id(call_id)
        given = headers.get("opc-request-id") or headers.get("x-request-id") or ""
        self.request_id = plain_id(given) or self.call_id

    @contextmanager
    def on_behalf_of(self, request_id: str | None) -> Iterator[None]:
        """Work for an earlier request for a while."""
        own = self.request_id
        self.request_id = request_id or own
        try:
            yield
        finally:
            self.request_id = own

    def count(self, operation: str) -> None:
        """Count a call that begins."""
        with self._lock:
            self._calls[operation] += 1

    def calls(self) -> Counter[str]:
        """Return how often each operation was called in the life of this container."""
        with self._lock:
            return self._calls.copy()

    def opc_request_id(self) -> str | None:
        """Return a new id for a call to OCI that begins as that of the request, as is OCI's custom."""
        if self.request_id is None:
            return None
        customer = next(filter(None, self.request_id.split("/")))
        customer = re.sub("[^A-Za-z0-9_-]", "-", customer)
        return f"{customer[:SEGMENT_CHARACTERS]}/{uuid4().hex.upper()}"


TRACE = Trace()
