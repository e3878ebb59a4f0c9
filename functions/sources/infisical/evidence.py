"""Is a key that is not shown any more gone, or may this identity only not read it?"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum

from functions.errors import Refused, Temporary
from functions.plan.kept import Missing
from functions.plan.models import Folder, Origin, Place
from functions.sources.infisical.routes import Api
from functions.sources.infisical.rows import Listing, is_foreign, merged

MOST_PLACES = 10
"""How many places are asked in a run; what was not asked is kept."""
MOST_LISTS = 3 * MOST_PLACES
"""How many lists of imports are read to judge these, beside the places themselves."""


class Found(Enum):
    """What a place says of a key."""

    SHOWN = "shows it"
    WITHOUT = "is readable and does not have it"
    ABSENT = "does not exist"
    UNKNOWN = "cannot be read"


@dataclass
class Evidence:
    """What the source says beside the list of the synced folder. Each place is asked once."""

    api: Api
    project_id: str
    folders: "Folders"
    blocks: Mapping[Place, tuple[Place, ...]]
    """Which imports the lists that were read show, by the folder that was listed."""
    nested_blocks: frozenset[Place] = frozenset()
    """Which imports of sub-folders a recursive list showed."""
    has_sub_folders: bool = False
    by_folder: bool = False
    """Whether a sub-folder's key is another one than the same key of the folder itself."""
    _listings: dict[Place, Listing | None] = field(default_factory=dict)
    _imports: dict[Place, list[Place] | None] = field(default_factory=dict)

    def why_kept(self, missing: Missing, *, may_ask: bool) -> str | None:
        """See SecretSource.why_kept."""
        if missing.giver is None:
            return self._why_unknown(missing, may_ask=may_ask)
        if missing.giver == missing.shown_by:
            return self._why_hidden_inside(missing.giver, missing.key, may_ask=may_ask)
        giver = missing.giver.place
        why = f"the {missing.giver} is not readable any more, but the source does not say it was removed"
        is_import = missing.giver.kind == "import"
        rows = self._imports_of(missing.folder) if is_import else None
        is_removed = rows is not None and giver not in rows
        if is_removed or (is_import and self._counts_more(missing, giver, rows)):
            return None
        if is_foreign(giver):
            return why  # only the import list speaks for another project
        if not may_ask:
            return f"{why}; it was asked a short time ago"
        found = self._look(giver, missing.key, own=missing.giver.kind == "folder")
        if found == Found.ABSENT and missing.is_reference:
            where = f"{missing.folder[0]}:{missing.folder[1]} {missing.key}"
            return f"it refers to {where}, and the {missing.giver} that gave it is not there"
        if found in (Found.WITHOUT, Found.ABSENT) or (rows is None and self._was_removed(missing)):
            return None
        return why

    def _counts_more(self, missing: Missing, giver: Place, rows: list[Place] | None) -> bool:
        """Say whether the place that gives the key now counts before the former one: a later import."""
        if missing.shown_by is None or missing.shown_by.kind != "import":
            return False
        order = self.blocks.get(missing.folder, ()) if rows is None else rows
        now = missing.shown_by.place
        return now in order and giver in order and order.index(now) > order.index(giver)

    def _why_hidden_inside(self, giver: Origin, key: str, *, may_ask: bool) -> str | None:
        """Judge a key that a place has from another of its own imports now; another project's never tell."""
        place = giver.place
        if is_foreign(place) or (may_ask and not self._may_hide_inside(place, key)):
            return None
        return f"an import of the {giver} that may have given it is not readable any more"

    def _may_hide_inside(self, place: Place, key: str, above: Iterable[Place] = ()) -> bool:
        """Say whether an import of a place that counts before what gives the key now may hide it."""
        listing = self._listing(place)
        nested = self._imports_of(place)
        if listing is None or nested is None:
            return True
        if any(row.key == key for row in listing.own):
            return False
        way = {*above, place}
        for deeper in nested:  # inside an import the first counts
            found = Found.WITHOUT if deeper in way else self._look(deeper, key, above=way)
            if found == Found.SHOWN:
                return self._may_hide_inside(deeper, key, way)
            if found == Found.UNKNOWN:
                return True
        return False

    def _was_removed(self, missing: Missing) -> bool:
        """Say whether a folder is readable and not empty, and yet no list shows an import of it."""
        assert missing.giver
        giver = missing.giver.place
        if missing.giver.kind == "folder":
            return False
        shown = self.blocks.get(missing.folder)
        if shown is None:  # a sub-folder that no list showed, or one that is only referred to
            listing = self._listing(missing.folder)
            if listing is None:
                return self.folders.is_absent(missing.folder)
            shown = tuple(place for place, _ in listing.imports)
        if missing.giver.kind != "import":
            shown = (*shown, *self.nested_blocks)
        return bool(self._listing(giver)) and giver not in shown

    def _why_unknown(self, missing: Missing, *, may_ask: bool) -> str | None:
        """Judge a key of which it is not known where it came from: no place that is imported may hide it.

        Of a key that is shown, the imports that count more than what shows it.
        """
        rows, now = self._imports_of(missing.folder), missing.shown_by
        if rows and now and now.place in rows:
            rows = rows[rows.index(now.place) + 1 :]
        if rows is None or (rows and not may_ask):
            return "it is not known which import gave it, and they cannot all be read"
        try:
            must_ask_below = self.has_sub_folders and now is None
            below = self.folders.below(missing.folder, MOST_PLACES) if must_ask_below else []
        except (Refused, Temporary):
            return "it is not known which sub-folder gave it, and they cannot all be read"
        gone = {Found.WITHOUT, Found.ABSENT}
        gone_below = gone | {Found.SHOWN} if self.by_folder else gone
        if all(self._look(place, missing.key) in gone for place in rows) and all(
            self._look(place, missing.key) in gone_below for place in below
        ):
            return None
        return "it is not known which import or sub-folder gave it, and not all can be read"

    def _look(
        self, place: Place, key: str, *, own: bool = False, above: Iterable[Place] = ()
    ) -> Found:
        """Ask a place for a key, and what it imports in turn; with `own` only the place itself."""
        listing = self._listing(place)
        if listing is None:
            was_asked = place in self._listings
            return Found.ABSENT if was_asked and self.folders.is_absent(place) else Found.UNKNOWN
        if key in merged(listing).rows:
            return Found.SHOWN
        if not listing and self.folders.is_absent(place):
            return Found.ABSENT
        way = {*above, place}
        nested = [] if own else self._imports_of(place)
        if nested is None:
            return Found.UNKNOWN
        for deeper in nested:
            if deeper not in way:
                found = self._look(deeper, key, above=way)
                if found in (Found.SHOWN, Found.UNKNOWN):
                    return found
        return Found.WITHOUT

    def _listing(self, place: Place) -> Listing | None:
        """Return what a place holds, None where it may not be read or too many were asked."""
        if place not in self._listings and self._may_ask_more():
            try:
                listing = self.api.secrets(Folder(self.project_id, *place))
            except (Refused, Temporary):
                listing = None
            self._listings[place] = listing
        return self._listings.get(place)

    def _may_ask_more(self) -> bool:
        return len(self._listings) < MOST_PLACES

    def _imports_of(self, place: Place) -> list[Place] | None:
        if place not in self._imports and len(self._imports) < MOST_LISTS:
            try:
                self._imports[place] = self.api.imports(Folder(self.project_id, *place))
            except (Refused, Temporary):
                self._imports[place] = None
        return self._imports.get(place)


class Folders:
    """Which environments and folders the project has; each list is read once."""

    def __init__(self, api: Api, project_id: str) -> None:
        self._api = api
        self._project_id = project_id
        self._children: dict[Place, set[str]] = {}
        self._environments: set[str] | None = None

    @property
    def environments(self) -> set[str]:
        """The slugs. Raises Refused, Temporary."""
        if self._environments is None:
            self._environments = self._api.environments(self._project_id)
        return self._environments

    def children(self, place: Place) -> set[str]:
        """Return the names of the direct sub-folders. Raises Refused, Temporary."""
        if place not in self._children:
            self._children[place] = self._api.folders(Folder(self._project_id, *place))
        return self._children[place]

    def below(self, place: Place, most: int) -> list[Place]:
        """Return all sub-folders. Raises Refused where they are more than `most`; Temporary."""
        found: list[Place] = []
        open_ = [place]
        while open_:
            environment, path = parent = open_.pop()
            names = sorted(self.children(parent))
            children = [(environment, f"{path.rstrip('/')}/{name}") for name in names]
            found += children
            open_ += children
            if len(found) > most:
                raise Refused(f"{':'.join(place)} has more than {most} sub-folders to ask")
        return found

    def has_path(self, place: Place) -> bool:
        """Walk down to a folder from the root: a list of nowhere looks like an empty one."""
        environment, path = place
        parent = "/"
        for name in path.strip("/").split("/"):
            if name and name not in self.children((environment, parent)):
                return False
            parent = f"{parent.rstrip('/')}/{name}"
        return True

    def is_absent(self, place: Place) -> bool:
        """Say whether there is no such environment or folder; False where that cannot be known."""
        try:
            return place[0] not in self.environments or not self.has_path(place)
        except (Refused, Temporary):
            return False
