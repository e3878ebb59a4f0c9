"""Which keys must stay as they are because what gave them hides: worked out apart from the code under test."""

from functions.plan.models import Folder, Origin, parse_place
from functions.state.sync_configs import PREFIX
from tests.system.simulation.documents import memory_of


def config_of(folder):
    """Return the name of the config that syncs a folder."""
    return f"{PREFIX}{folder.project_id}/{folder.path[1:]}.json"


def remembered(store, folder, *, below):
    """Return the memory of the folder's sync; what it knows of keys belongs to one folder and option."""
    memory = memory_of(store, config_of(folder))
    about = f"{folder.environment}:{folder.path}{' and below' if below else ''}"
    return memory if memory.about in ("", about) else memory.model_copy(update={"keys": {}})


def held_keys(source, folder, answer, known):
    """Return the keys that what was answered must not change as long as the source is as it is now."""
    shown = {secret.key: secret for secret in answer.secrets}
    return frozenset(
        key
        for key, memory in known.items()
        if key not in answer.errors
        and (
            _lost_origin(source, folder, memory, shown.get(key))
            or (key in shown and _lost_references(source, memory, shown[key]))
        )
    )


def unproven_references(secret, memory):
    """Say whether a value has a reference that leads nowhere, and it is not known whether it ever did."""
    is_known = memory is not None and memory.references is not None
    return not is_known and None in secret.references.values()


def _lost_origin(source, folder, memory, secret):
    shown_by = secret and secret.origin
    if memory.origin is None or (secret and (shown_by is None or str(shown_by) == memory.origin)):
        return False
    origin = Origin.parse(memory.origin)
    giver, now = _folder(origin), _folder(shown_by) if shown_by else None
    # A folder that hides and was renamed is gone all the same: its parent lists it no more.
    is_hidden = giver in source.hidden and giver in source.folders
    is_below = origin.kind == "folder"
    return is_hidden and (is_below or not _counts_more(source, folder, now, giver))


def _lost_references(source, memory, secret):
    for reference, place in secret.references.items():
        before = (memory.references or {}).get(reference)
        where, _, _ = reference.rpartition(" ")
        if before and place is None:
            return True
        if before and place not in (before, where) and before != where:
            giver, now = (Folder("p", *parse_place(text)) for text in (before, place))
            folder = Folder("p", *parse_place(where))
            is_away = giver in source.hidden or giver not in source.folders
            if is_away and not _counts_more(source, folder, now, giver):
                return True
    return False


def _counts_more(source, folder, now, giver):
    """Say whether the giver is not imported any more, or what is shown counts before it."""
    rows = source.imports.get(folder, [])
    return giver not in rows or (now in rows and rows.index(now) > rows.index(giver))


def _folder(origin):
    return Folder("p", origin.environment, origin.path)
