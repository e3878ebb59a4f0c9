"""Errors of a secret manager's HTTP API in this project's words."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from functions.errors import (
    Forbidden,
    NotFound,
    Refused,
    SyncError,
    Temporary,
    Throttled,
    Unauthorized,
)

_LOCKOUT_SECONDS = 300.0
_MESSAGE_CHARACTERS = 200
_TOO_MANY = HTTPStatus.TOO_MANY_REQUESTS
_SERVER_ERROR = HTTPStatus.INTERNAL_SERVER_ERROR
_STALE = {(401, None), (401, "UnauthorizedError"), (403, "TokenError")}
_KINDS: dict[int, type[SyncError]] = {
    HTTPStatus.FORBIDDEN: Forbidden,
    HTTPStatus.NOT_FOUND: NotFound,
    HTTPStatus.REQUEST_TIMEOUT: Temporary,
    HTTPStatus.TOO_EARLY: Temporary,
}
_HARMLESS = {
    "BadRequest",
    "ForbiddenError",
    "NotFound",
    "PermissionDenied",
    "RateLimitExceeded",
    "UnauthorizedError",
    "ValidationFailure",
}


class RouteMissing(NotFound):
    """The server does not have this route at all: it is of another version or kind."""


class TokenRejected(Unauthorized):
    """The access token is not valid (any more); a new login may help."""


def failure(
    call: str,
    status: int,
    body: Mapping[str, Any],
    headers: Mapping[str, str],
    *,
    reading: bool,
) -> SyncError:
    """Return the error that an unsuccessful answer stands for; `call` says what was called."""
    error, message = body.get("error"), body.get("message")
    message = message if isinstance(message, str) else ""
    text = f"{call}: HTTP {status}"
    # What answers a write may repeat what was written.
    if reading and message:
        text = f"{text} {message[:_MESSAGE_CHARACTERS]!r}"
    elif error in _HARMLESS:
        text = f"{text} {error}"
    if status == _TOO_MANY or status >= _SERVER_ERROR:
        # Some versions answer 500 to what exceeds their rate limit.
        wait_seconds = _seconds(headers.get("retry-after"))
        limited = status == _TOO_MANY or wait_seconds is not None
        return (Throttled if limited else Temporary)(text, wait_seconds)
    if status == HTTPStatus.UNAUTHORIZED and "temporarily locked" in message:
        return Temporary(f"{text} (the identity is locked out)", _LOCKOUT_SECONDS)
    if (status, error) in _STALE:
        return TokenRejected(text)
    if status == HTTPStatus.NOT_FOUND and (error == "Not Found" or message == "not found"):
        return RouteMissing(text)
    if status // 100 == 3:  # noqa: PLR2004
        text = f"{text}, a redirect: set SOURCE_URL to the address it points to"
    return _KINDS.get(status, Refused)(text)


def _seconds(text: str | None) -> float | None:
    return float(text) if text is not None and text.strip().isdigit() else None
