"""What reached the function, before anybody knows what it asks for."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from functions.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Call:
    """What reached the function. Without HTTP intent `method` is None."""

    body: bytes
    method: str | None = None
    url: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Tick:
    """The clock."""


@dataclass(frozen=True, slots=True)
class Ignored:
    """A message that asks for nothing."""

    why: str


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """Any other HTTP request: the routes of the management API decide. Not authenticated yet."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    by_iam: bool = False
    """It came by a direct invocation, so IAM has authenticated it and it needs no token."""


def json_object(body: bytes) -> dict[str, Any]:
    """Read a body. Raises InvalidInput where it is no JSON object."""
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        raise InvalidInput("The body is not JSON in UTF-8.") from None
    if not isinstance(data, dict):
        raise InvalidInput("The body is not a JSON object.")
    return data
