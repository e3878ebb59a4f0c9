"""What a folder and those below it come to: one list of keys, or one list a folder. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from functions.plan.models import Origin, address_of
from functions.sources.infisical.rows import FolderAddress, Listing, Row, View, merged

FOLDER_IMPORT = "sub-folder import"
"""Kind of an origin that a sub-folder imports; the source does not say which."""

Block = tuple[FolderAddress, tuple[Row, ...]]
"""A folder that is imported, and what it gives."""


@dataclass(frozen=True, slots=True)
class Held:
    """A row that counts, and where it is from; `folder` is its sub-folder where those are told apart."""

    row: Row
    origin: Origin | None
    folder: str = ""


@dataclass(frozen=True, slots=True)
class Merged:
    """The rows that count by address; why others do not, and which keys several folders hold."""

    rows: dict[str, Held]
    errors: dict[str, str]
    collisions: dict[str, tuple[str, ...]] = field(default_factory=dict)


def flatten(
    top: FolderAddress,
    view: View,
    holders: Mapping[FolderAddress, View],
    nested: Sequence[Block],
) -> Merged:
    """Merge all folders into one list. `view`: the synced folder with its imports."""
    rows: dict[str, Held] = {}
    errors: dict[str, str] = {}
    held: dict[str, set[FolderAddress]] = {}
    for place, imported in nested:
        block = merged(Listing(imports=((place, imported),)))
        for row in block.rows.values():
            other = rows.setdefault(row.key, Held(row, Origin(FOLDER_IMPORT, *place)))
            if other.row.value != row.value:
                errors[row.key] = "sub-folders import it with different values"
        errors |= block.doubtful
    for place, own in holders.items():
        for key in own.rows:
            errors.pop(key, None)
        errors |= own.doubtful
        origin = None if place == top else Origin("folder", *place)
        for key, row in own.rows.items():
            held.setdefault(key, set()).add(place)
            rows[key] = Held(row, origin)
    errors |= view.doubtful
    for key, row in view.rows.items():
        if row.place != top:
            # The key of a sub-folder that the folder also imports is one secret, not two.
            others = held.setdefault(key, set())
            if row.place not in others:
                others.add(top)
            rows[key] = Held(row, Origin("import", *row.place))
    collisions = {
        key: tuple(sorted(path for _, path in places))
        for key, places in sorted(held.items())
        if len(places) > 1
    }
    left_out = errors.keys() | collisions
    kept = {key: one for key, one in rows.items() if key not in left_out}
    return Merged(kept, errors, collisions)


def tell_apart(top: FolderAddress, views: Mapping[FolderAddress, View]) -> Merged:
    """Keep every folder's keys apart. `views`: each folder with its imports."""
    found = Merged({}, {})
    for place, view in views.items():
        folder = place[1].removeprefix(top[1]).strip("/")
        for key, row in view.rows.items():
            address = address_of(folder, key)
            if key in view.doubtful:
                found.errors[address] = view.doubtful[key]
                continue
            kind = "folder" if row.place == place else "import"
            origin = None if row.place == top == place else Origin(kind, *row.place)
            found.rows[address] = Held(row, origin, folder)
    return found


def overlaid(view: View, place: FolderAddress, own: View) -> View:
    """Return what a folder imports, as one list shows it, under what it holds, as another shows it."""
    below = {
        key: row for key, row in view.rows.items() if row.place != place and key not in own.rows
    }
    doubtful = {key: why for key, why in view.doubtful.items() if key in below}
    return View({**below, **own.rows}, {**doubtful, **own.doubtful})
