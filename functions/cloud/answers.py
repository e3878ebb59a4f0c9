"""Whether an answer of OCI is one: the page of a proxy and half an answer come with status 200 too."""

import binascii
from collections.abc import Mapping
from operator import attrgetter
from typing import Any

_SECRET = ("id", "secret_name", "lifecycle_state")
_BUNDLE = ("secret_id", "version_number", "secret_bundle_content.content")
_NEEDED: Mapping[str, tuple[str, ...]] = {
    "create_secret": _SECRET,
    "get_compartment": ("name",),
    "get_function": ("invoke_endpoint",),
    "get_messages": ("messages",),
    "get_secret": _SECRET,
    "get_secret_bundle": _BUNDLE,
    "get_secret_bundle_by_name": _BUNDLE,
    "get_stats": ("queue.visible_messages", "queue.in_flight_messages", "dlq.visible_messages"),
    "get_vault": ("management_endpoint",),
    "list_compartments": ("id", "name"),
    "list_keys": ("id", "display_name"),
    "list_objects": ("objects",),
    "list_secret_versions": ("version_number", "stages"),
    "list_secrets": _SECRET,
    "list_vaults": ("id", "display_name"),
    "put_messages": ("messages",),
    "update_secret": _SECRET,
}
"""What is used of an answer, or of each row of it, by the SDK's name of the operation."""
_NEEDED_OF_ROWS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "get_messages": ("messages", ("content", "receipt", "delivery_count")),
    "list_objects": ("objects", ("name", "etag")),
}
_WITH_ETAG = ("get_object", "put_object")


class UnusableAnswer(Exception):
    """An answer that says nothing, whatever its status is."""


def check(operation: str, response: Any) -> None:
    """Raise UnusableAnswer where an answer lacks what is used of it: nothing may count as done then."""
    headers = response.headers
    is_page = headers.get("content-type", "").lower().startswith("text/html")
    if is_page and operation != "get_object":
        raise UnusableAnswer
    if operation in _WITH_ETAG and not headers.get("etag"):
        if operation == "get_object":
            response.data.close()
        raise UnusableAnswer
    needed = _NEEDED.get(operation, ())
    if needed:
        is_list = operation.startswith("list_") and operation not in _NEEDED_OF_ROWS
        _check_rows(response.data if is_list else [response.data], needed)
    if operation in _NEEDED_OF_ROWS:
        rows, needed = _NEEDED_OF_ROWS[operation]
        _check_rows(getattr(response.data, rows), needed)


def _check_rows(rows: Any, needed: tuple[str, ...]) -> None:
    try:
        found = [attrgetter(name)(row) for row in rows for name in needed]
        if needed is _BUNDLE:
            binascii.a2b_base64(found[-1])
    except (AttributeError, TypeError, ValueError):
        raise UnusableAnswer from None
    if any(value is None for value in found):
        raise UnusableAnswer
