"""One operation of the management API, and how it is called."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel

Handler = Callable[..., BaseModel | list[Any]]
"""Takes the context and the parsed request."""


@dataclass(frozen=True, slots=True)
class Route:
    """One operation: `id` as the reference calls it; `body` are the models that a body may be."""

    id: str
    handler: Handler
    answer: Any
    query: type[BaseModel] | None = None
    body: tuple[type[BaseModel], ...] = ()
    only_changes: bool = False
    """The body's fields are all optional: those that are missing stay as they are."""
    role: Literal["read", "full"] | None = None
    """What a token must be allowed to; by default only GET is for tokens that may only read."""
    is_open: bool = False
    """It needs no token."""
    max_body_bytes: int | None = None
    """Where a body is read before anybody is known, it must be small."""
