"""What an Infisical list answers: rows, import blocks, and how they merge. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from pydantic import SecretStr

from functions.errors import Refused, SourceMasked, Temporary
from functions.sources.http import encodable

_HIDDEN = "<hidden-by-infisical>"
_WHY_HIDDEN = "the source hides its value from this identity; give it permission to read values"

FolderAddress = tuple[str, str]
"""An environment and a folder path of the project that is being read."""


@dataclass(frozen=True, slots=True)
class Row:
    """One secret as the list shows it, references unexpanded; `place` is where those resolve."""

    key: str
    value: SecretStr
    place: FolderAddress
    quotes_lines: bool
    """Infisical's `skipMultilineEncoding`, which does the opposite of its name to expanded values."""
    is_hidden: bool = False
    """Whether the source does not show the value to this identity: then `value` is not it."""
    tags: frozenset[str] | None = None
    """Slugs; None where the list does not tell, as it does for what is imported."""
    id: str = ""
    """Of what is imported: which of the places that the import has it from gave it is not told otherwise."""


@dataclass(frozen=True, slots=True)
class Listing:
    """A list answer: the folder's own rows (of all sub-folders if recursive) and what it imports."""

    own: tuple[Row, ...] = ()
    imports: tuple[tuple[FolderAddress, tuple[Row, ...]], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.own or self.imports)

    @property
    def rows(self) -> Iterator[Row]:
        """All rows, its own and those of its imports."""
        return chain(self.own, *(rows for _, rows in self.imports))


@dataclass(frozen=True, slots=True)
class View:
    """The secrets of one folder by key. `doubtful` keys exist, but which value holds is unknown."""

    rows: Mapping[str, Row] = field(default_factory=dict)
    doubtful: Mapping[str, str] = field(default_factory=dict)


def is_foreign(place: FolderAddress) -> bool:
    """Say whether a place is in another project: only the list that shows it says what is there."""
    return place[0].startswith("@")


def place_in(project: object, ours: str, environment: str, path: str) -> FolderAddress:
    """Return a place, marked where the source says that it is in another project."""
    foreign = isinstance(project, str) and project not in ("", ours)
    place = f"@{project}.{environment}" if foreign else environment
    return encodable(place), encodable(path)


def parse(
    body: Mapping[str, Any], project_id: str, place: FolderAddress, *, recursive: bool
) -> Listing:
    """Read the body of a list answer. Raises Temporary where it is no such body."""
    try:
        blocks = tuple(_import(block, project_id) for block in body.get("imports") or ())
        rows = body["secrets"]
        if recursive:  # it is known to answer for more than was asked
            rows = [row for row in rows if _environment(row, place) == place[0]]
        else:
            _refuse_strays(rows, place)
        return Listing(_rows(rows, place, recursive=recursive), blocks)
    except (KeyError, TypeError, AttributeError):
        raise Temporary(
            "The source's list of secrets is not in a form that is known here."
        ) from None


def _refuse_strays(rows: Iterable[Mapping[str, Any]], place: FolderAddress) -> None:
    """Raise Refused where a list answers for another folder: its keys would replace those wanted."""
    for row in rows:
        path = row.get("secretPath", place[1]).rstrip("/") or "/"
        found = (_environment(row, place), path)
        if found != place:
            raise Refused(
                f"The source was asked for {':'.join(place)} and answered with secrets of "
                f"{':'.join(found)}. Nothing of that answer is used; see to a proxy or cache between."
            )


def _environment(row: Mapping[str, Any], place: FolderAddress) -> str:
    return str(row.get("environment", place[0]))


def _import(block: Mapping[str, Any], project_id: str) -> tuple[FolderAddress, tuple[Row, ...]]:
    # Rows of an import inside the import count as its own: where they are from is not said reliably.
    rows = block["secrets"]
    project = block.get("projectId") or (rows[0].get("workspace") if rows else None)
    place = place_in(project, project_id, block["environment"], block["secretPath"])
    return place, _rows(rows, place, recursive=False, keeps_ids=True)


def _rows(
    rows: Any, place: FolderAddress, *, recursive: bool, keeps_ids: bool = False
) -> tuple[Row, ...]:
    if not isinstance(rows, list):
        raise TypeError
    return tuple(
        _row(
            row,
            (place[0], encodable(row["secretPath"])) if recursive else place,
            str(row.get("id", "")) if keeps_ids else "",
        )
        for row in rows
        if row.get("type", "shared") == "shared"
    )


def _row(row: Mapping[str, Any], place: FolderAddress, known_as: str) -> Row:
    key, value = encodable(row["secretKey"]), row.get("secretValue")
    shown = value if isinstance(value, str) and value != _HIDDEN else None
    if row.get("secretValueHidden"):
        shown = None
    quotes_lines = bool(row.get("skipMultilineEncoding"))
    tags = row.get("tags")
    return Row(
        key,
        SecretStr(shown or ""),
        place,
        quotes_lines,
        is_hidden=shown is None,
        tags=None if tags is None else frozenset(str(tag["slug"]) for tag in tags),
        id=known_as,
    )


def refuse_masked(*listings: Listing) -> None:
    """Raise SourceMasked where not one value is shown: then nothing is known of the folder."""
    rows = [row for listing in listings for row in listing.rows]
    if rows and all(row.is_hidden for row in rows):
        raise SourceMasked(
            f"The source hides the value of {rows[0].key} in {':'.join(rows[0].place)}, and all others, "
            "from this identity. Give it permission to read values."
        )


def unique(rows: Iterable[Row]) -> View:
    """Sort out keys that one folder holds twice: the source has no rule which of the values counts."""
    found: dict[str, Row] = {}
    doubtful: dict[str, str] = {}
    for row in rows:
        other = found.setdefault(row.key, row)
        if other.value != row.value:
            doubtful[row.key] = f"the source holds it more than once in {':'.join(row.place)}"
    return View(found, {**_hidden(found), **doubtful})


def _hidden(found: Mapping[str, Row]) -> dict[str, str]:
    return {key: _WHY_HIDDEN for key, row in found.items() if row.is_hidden}


def merged(listing: Listing) -> View:
    """Merge imports into a folder: its own secrets win, then the last import that has the key.

    Inside an import the first row counts: its own come before those that it imports itself.
    """
    own = unique(listing.own)
    found: dict[str, Row] = {}
    for _, rows in listing.imports:
        found |= {row.key: row for row in reversed(rows)}
    found |= own.rows
    return View(found, {**_hidden(found), **own.doubtful})
