"""Errors of a secret manager's HTTP API in this project's words."""

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from functions.calls.retry import asked_seconds
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
_KNOWN_SENTENCES = re.compile(
    "Access denied due to [A-Za-z ]{1,60}"
    "|You are not allowed to access this resource( from the current IP address)?"
)
"""Why a login is refused, in the source's own words: they are fixed and repeat nothing."""
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
    if message and (reading or _KNOWN_SENTENCES.fullmatch(message)):
        text = f"{text} {message[:_MESSAGE_CHARACTERS]!r}"
    elif error in _HARMLESS:
        text = f"{text} {error}"
    if status == _TOO_MANY or status >= _SERVER_ERROR:
        # Some versions answer 500 to what exceeds their rate limit.
        wait_seconds = asked_seconds(headers.get("retry-after"))
        limited = status == _TOO_MANY or wait_seconds is not None
        return (Throttled if limited else Temporary)(text, wait_seconds)
    if status == HTTPStatus.UNAUTHORIZED and "temporarily locked" in message:
        return Temporary(f"{text} (the identity is locked out)", _LOCKOUT_SECONDS)
    if (status, error) in _STALE:
        return TokenRejected(text)
    if status == HTTPStatus.NOT_FOUND and (error == "Not Found" or message == "not found"):
        return RouteMissing(text)
    if status // 100 == 3:  # noqa: PLR2004
        text = f"{text}, {_redirect(headers.get('location') or '')}"
    elif not body and is_page(headers):
        text = f"{text} with a web page, {_IN_FRONT}"
    return _KINDS.get(status, Refused)(text)


def is_page(headers: Mapping[str, str]) -> bool:
    """Say whether an answer is a web page: no secret manager answers a call of its API with one."""
    return headers.get("content-type", "").strip().lower().startswith("text/html")


_IN_FRONT = (
    "so a proxy or a login page answers in front of the secret manager: let the function pass there "
    "(sourceHeaders, SOURCE_PROXY), or set SOURCE_URL to an address behind it"
)


def _redirect(location: str) -> str:
    """Say where a redirect leads: to a login page somewhere else, or to the right address."""
    target = urlsplit(location)
    if _LOGIN_PAGE.search(f"{target.path}?{target.query}"):
        return f"a redirect to the login page of {target.hostname or 'this host'}, {_IN_FRONT}"
    return "a redirect: set SOURCE_URL to the address it points to"


_LOGIN_PAGE = re.compile("login|signin|sign-in|oauth|saml|sso|redirect_ur[il]", re.IGNORECASE)
