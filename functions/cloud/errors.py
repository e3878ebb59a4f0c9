"""Errors of OCI's SDK in this project's words."""

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from oci import exceptions

from functions.calls.retry import asked_seconds
from functions.cloud.answers import UnusableAnswer
from functions.cloud.permissions import see_statements
from functions.errors import (
    Conflict,
    Forbidden,
    InvalidInput,
    NameTaken,
    NotFound,
    Refused,
    SyncError,
    Temporary,
    Throttled,
    Unauthorized,
    ValueReused,
    WrongState,
)


class BucketHidden(Temporary):
    """Object Storage says 404 BucketNotFound, which it also does now and then for a good bucket."""


class ObjectMissing(NotFound):
    """Object Storage says that there is no such object, and that this principal may know it."""


_BY_CODE: Mapping[str, type[SyncError]] = {
    "BucketNotFound": BucketHidden,
    "IncorrectState": WrongState,
    "InvalidatedRetryToken": NameTaken,
    "NotAuthorizedOrResourceAlreadyExists": NameTaken,
    "ObjectNotFound": ObjectMissing,
}
_BY_STATUS: Mapping[int, type[SyncError]] = {
    400: InvalidInput,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    408: Temporary,
    409: Temporary,
    412: Conflict,
    429: Throttled,
    501: Refused,
}
_OF_ONE_OBJECT = frozenset({400, 409, 410, 412, 422})
_LIMITS = frozenset({"LimitExceeded", "QuotaExceeded"})


def translate(
    error: Exception,
    what: str,
    *,
    quiet: bool = False,
    over_limit: type[Refused] = Refused,
    refused: type[Refused] | None = None,
) -> SyncError:
    """Return this project's error for an error of the SDK.

    `refused` stands for whatever refuses this one object: neither the caller, nor for now.
    """
    if isinstance(error, UnusableAnswer):
        return Temporary(f"{what}: OCI's answer cannot be used; does a proxy stand in between?")
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return Refused(
            f"{what}: the certificate of OCI's endpoint is not trusted; does a proxy stand in between "
            "(HTTPS_PROXY, NO_PROXY)?"
        )
    if not isinstance(error, exceptions.ServiceError):
        return Temporary(f"{what}: no answer from OCI ({type(error).__name__})")
    kind = over_limit if error.code in _LIMITS else _kind(error)
    if refused and error.status in _OF_ONE_OBJECT:
        kind = refused
    words = "" if quiet or not error.message else f": {error.message}"
    text = f"{what}{_permission(error)}: OCI answered {error.status} {error.code}{words}"
    if error.request_id:
        text += f" (opc-request-id {error.request_id})"
    if not issubclass(kind, Temporary):
        return kind(text)
    return kind(text, asked_seconds(error.headers.get("retry-after")))


def _permission(error: Any) -> str:
    """Return which permission may be missing, where that may be what an error says."""
    if error.code == "ObjectNotFound":
        return ""
    if error.status == HTTPStatus.NOT_FOUND:
        why = "absent, or not permitted to this principal"
    elif error.status == HTTPStatus.FORBIDDEN:
        why = "not permitted to this principal"
    elif error.code == "NotAuthorizedOrResourceAlreadyExists":
        why = "there already, or not permitted to this principal"
    else:
        return ""
    return f": {why}{see_statements(error.operation_name)}"


def _kind(error: Any) -> type[SyncError]:
    said = (error.message or "").lower()
    if "already exists" in said:
        return NameTaken
    if error.status == HTTPStatus.BAD_REQUEST and re.search(r"re-?use", said):
        return ValueReused
    other = Temporary if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR else Refused
    return _BY_CODE.get(error.code) or _BY_STATUS.get(error.status, other)
