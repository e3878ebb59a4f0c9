"""One JSON line an event on stderr. `import fdk` sets the root logger to DEBUG: this undoes it."""

import logging
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from uuid import uuid4

from pythonjsonlogger.json import JsonFormatter

from functions.plan.job import plain_id

TALKATIVE = ("fdk", "fn", "oci", "urllib3", "botocore", "boto3", "s3transfer", "asyncio")
"""Libraries whose debug lines show headers, hosts or bodies: never more than their warnings."""


def set_up(level: str) -> None:
    """Send this project's log lines of at least `level` to stderr, and little else."""
    handler = logging.StreamHandler()
    handler.setFormatter(
        JsonFormatter(
            "{asctime}{levelname}{name}{message}",
            style="{",
            rename_fields={"asctime": "time", "levelname": "level", "name": "logger"},
        )
    )
    handler.addFilter(_add_request_id)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)


def _add_request_id(record: logging.LogRecord) -> bool:
    """Say in each line whom it is for, and in which call of the platform it was written."""
    record.__dict__.update(requestId=TRACE.request_id, callId=TRACE.call_id)
    return True


def where(error: BaseException) -> str:
    """Return the place of an unexpected error; its text might hold anything."""
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    return f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else "?"


SEGMENT_CHARACTERS = 32


class Trace:
    """The request at hand, and the number of outside calls so far; threads may share it."""

    def __init__(self) -> None:
        self.request_id: str | None = None
        """Whom the work is for: the caller's own id, or else the platform's id of this call."""
        self.call_id: str | None = None
        self.asked_by: str | None = None
        """Who made the call, as far as somebody has authenticated them."""
        self._calls: Counter[str] = Counter()
        self._lock = Lock()

    def begin(self, headers: Mapping[str, str], call_id: str, principal: str | None = None) -> None:
        """Begin an invocation; `headers` are those of HTTP, in lower case, `principal` is IAM's."""
        self.call_id = plain_id(call_id)
        self.asked_by = plain_id(principal)
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
