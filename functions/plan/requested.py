"""What a request says of a sync: what stays, what is set anew, and what nobody knows. Pure."""

from collections.abc import Collection, Iterator, Mapping
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.alias_generators import to_camel

from functions.plan.sync_config import (
    DestinationConfig,
    SyncConfig,
    SyncOptions,
    with_newer_names,
)

EDITABLE = frozenset(
    to_camel(name) for name in SyncConfig.model_fields.keys() - {"project_id", "is_being_removed"}
)
"""What a request may say of a sync besides its project."""
SECTIONS: Mapping[str, type[BaseModel]] = {
    "syncOptions": SyncOptions,
    "destinationConfig": DestinationConfig,
}
MAPS = frozenset({"freeformTags", "definedTags"})
"""What has no fields, and is set as a whole."""
ALIKE = 0.8


def editable(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a request says of a sync, under today's names."""
    fields = with_newer_names(body)
    return {
        name: with_newer_names(value)  # but for sections a value has no names
        for name, value in fields.items()
        if name in EDITABLE
    }


def merged(before: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a changed config: what is absent stays, null sets the default."""
    fields = dict(before)
    for name, value in changes.items():
        old = before.get(name)
        if value is None:
            fields.pop(name, None)
        elif name not in MAPS and isinstance(value, Mapping) and isinstance(old, Mapping):
            fields[name] = merged(old, value)
        else:
            fields[name] = value
    return fields


def unknown_options(fields: Mapping[str, Any]) -> list[tuple[tuple[str, ...], str]]:
    """Return the place and what is wrong, for each option that there is not."""
    return [
        fault
        for section, model in SECTIONS.items()
        for fault in _unknown((section,), model, fields.get(section))
    ]


def _unknown(
    place: tuple[str, ...], model: type[BaseModel], given: object
) -> Iterator[tuple[tuple[str, ...], str]]:
    if not isinstance(given, Mapping):
        return
    fields = {to_camel(name): field for name, field in model.model_fields.items()}
    for name, value in given.items():
        if name not in fields:
            yield place, f"Unrecognized key {_named(name, fields)}"
            continue
        kinds = (fields[name].annotation, *get_args(fields[name].annotation))
        for kind in kinds:
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                yield from _unknown((*place, name), kind, value)


def unknown_fields(body: Mapping[str, Any], ignored: Collection[str]) -> list[str]:
    """Return a warning that names the fields that mean nothing, unless clients are known to send them."""
    names = [
        _named(name, EDITABLE)
        for name in with_newer_names(body)
        if name not in EDITABLE and name not in ignored
    ]
    return [f"These fields were ignored: {', '.join(names)}."] if names else []


def _named(name: str, known: Collection[str]) -> str:
    by_lower = {one.lower(): one for one in known}
    found = get_close_matches(name.lower(), by_lower, cutoff=ALIKE)
    return f'"{name[:64]}"' + (f' (did you mean "{by_lower[found[0]]}"?)' if found else "")
