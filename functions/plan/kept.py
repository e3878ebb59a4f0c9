"""What cannot be read is not gone: which changes only follow from something that is not shown any more.

A key that comes through an import, and a reference in a value, may be missing because somebody removed
it, or because this identity may not read it any more. The answer of the source looks the same. So each
key remembers which place gave it and each reference in its text, and before a change that follows from a
place showing less, that place is asked. Pure.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pydantic import ConfigDict, Field

from functions.plan.models import Action, Change, Origin, Place, SourceSecret, parse_place
from functions.plan.sync_config import Camel

FROM_SOURCE = frozenset({Action.CREATE, Action.UPDATE, Action.DELETE})
"""What follows from the value that a key has, or has not, in the source."""


class KeyMemory(Camel):
    """Where a key, and each reference in its text, came from when the vault last held it as it should."""

    model_config = ConfigDict(extra="ignore")

    origin: str | None = None
    """As `str(Origin)`; None: the folder itself."""
    id: str = ""
    """See SourceSecret.id."""
    references: Mapping[str, str] | None = Field(default_factory=dict)
    """The place that gave the target, as in SourceSecret.references; None: not known."""


@dataclass(frozen=True, slots=True)
class Missing:
    """A key that a place gave before and does not give now: is it gone, or not readable?"""

    folder: Place
    """Where the key is looked up: the folder of the sync or one below, or one that a reference names."""
    key: str
    giver: Origin | None
    """None: it is not known which place gave it."""
    shown_by: Origin | None = None
    """Which place gives it now."""
    is_reference: bool = False


def lost_reference(
    change: Change, secret: SourceSecret | None, known: KeyMemory | None
) -> str | None:
    """Say which reference of the new value resolved before and does not now; None where none did.

    A reference that never resolved is text, as it is in the source. Where nothing is known it is text
    only if the vault holds that text, or nothing.
    """
    if secret is None or change.action not in (Action.CREATE, Action.UPDATE):
        return None
    before = known.references if known else None
    for reference, place in secret.references.items():
        if place is not None:
            continue
        if reference in (before or ()) or (before is None and change.action == Action.UPDATE):
            return f"it refers to {reference}, which is not there"
    return None


def _is_another(known: str, now: str) -> bool:
    """Say whether both ids are told, and differ; of the `known` one only the end may be kept."""
    return "" not in (known, now) and not now.endswith(known)


def missing(
    change: Change,
    key: str,
    secret: SourceSecret | None,
    known: KeyMemory | None,
    folder: Place,
    *,
    is_mine: bool,
) -> Iterator[Missing]:
    """Return what the source must be asked before this change; what a folder holds itself is no question."""
    if change.action not in FROM_SOURCE:
        return
    shown_by = secret.origin if secret else None
    is_own = secret is not None and shown_by in (None, Origin("folder", *folder))
    if known is None:
        if is_mine and not is_own:
            yield Missing(folder, key, None, shown_by)
        return
    is_another = secret is not None and _is_another(known.id, secret.id)
    if known.origin and not is_own and (known.origin != str(shown_by) or is_another):
        yield Missing(folder, key, Origin.parse(known.origin), shown_by)
    before = known.references or {}
    for reference, giver in secret.references.items() if secret else ():
        place, _, name = reference.rpartition(" ")
        was, _, was_id = (before.get(reference) or "").partition(" ")
        now, _, now_id = (giver or "").partition(" ")
        is_given_by_another = was != now and place not in (was, now)
        is_another = was == now and _is_another(was_id, now_id)
        if was and now and (is_given_by_another or is_another):
            yield Missing(
                parse_place(place),
                name,
                Origin("import", *parse_place(was)),
                Origin("import", *parse_place(now)),
                is_reference=True,
            )
