"""The function's answers; for HTTP with a status, where errors look as the secret-sync API's do."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from functions.errors import (
    Conflict,
    InvalidInput,
    InvalidSettings,
    OutOfTime,
    Paused,
    Rejected,
    SyncError,
    Temporary,
)

_STATUS: tuple[tuple[type[SyncError], HTTPStatus], ...] = (
    (InvalidSettings, HTTPStatus.INTERNAL_SERVER_ERROR),
    (InvalidInput, HTTPStatus.BAD_REQUEST),
    (Conflict, HTTPStatus.CONFLICT),
    (Paused, HTTPStatus.CONFLICT),
    (Temporary, HTTPStatus.SERVICE_UNAVAILABLE),
    (OutOfTime, HTTPStatus.SERVICE_UNAVAILABLE),
)
_NAMES = {
    HTTPStatus.BAD_REQUEST: "BadRequest",
    HTTPStatus.UNAUTHORIZED: "UnauthorizedError",
    HTTPStatus.FORBIDDEN: "PermissionDenied",
    HTTPStatus.NOT_FOUND: "NotFound",
    HTTPStatus.METHOD_NOT_ALLOWED: "MethodNotAllowed",
    HTTPStatus.CONFLICT: "Conflict",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "PayloadTooLarge",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "UnsupportedMediaType",
    HTTPStatus.UNPROCESSABLE_ENTITY: "ValidationFailure",
    HTTPStatus.INTERNAL_SERVER_ERROR: "InternalServerError",
    HTTPStatus.NOT_IMPLEMENTED: "NotImplemented",
    HTTPStatus.BAD_GATEWAY: "BadGateway",
    HTTPStatus.SERVICE_UNAVAILABLE: "ServiceUnavailable",
}


@dataclass(frozen=True, slots=True)
class Reply:
    """The function's answer: bytes of a content type, or what JSON can say."""

    body: Any
    status: int = HTTPStatus.OK
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"

    @property
    def content(self) -> bytes:
        """Return the body as it is sent."""
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


def status_of(error: SyncError) -> int:
    """Return the HTTP status of an error; what OCI or the source refuses is a 502."""
    if isinstance(error, Rejected):
        return error.status
    found = (status for kind, status in _STATUS if isinstance(error, kind))
    return next(found, HTTPStatus.BAD_GATEWAY)


def refusal(error: SyncError, status: int | None = None) -> Reply:
    """Return the answer that tells of an error."""
    status = status or status_of(error)
    issues = error.issues if isinstance(error, Rejected) else ()
    headers = error.headers if isinstance(error, Rejected) else {}
    details = error.details if isinstance(error, Rejected) else {}
    body = {
        **details,
        "statusCode": status,
        "message": list(issues) or str(error),
        "error": _NAMES[HTTPStatus(status)],
    }
    return Reply(body, status, headers)
