"""When a sync was last verified, told by an object alone: a tick lists those of all syncs at once.

The object's time is when the round of verification ended, its size how many seconds before that it began.
"""

from datetime import datetime, timedelta

from functions.ports import MAX_OBJECT_BYTES, ConfigStore, Entry


def verified_object(config_object: str) -> str:
    """Return the name of the object that tells when a sync was last verified."""
    return "verified/" + config_object.removeprefix("secret-syncs/").removesuffix(".json")


def note_verified(store: ConfigStore, config_object: str, took: timedelta = timedelta(0)) -> None:
    """Note that a round ends now which `took` so long, at most 18 hours: its beginning counts."""
    seconds = max(0, int(took.total_seconds()))
    store.put(verified_object(config_object), b"." * min(seconds, MAX_OBJECT_BYTES))


def began_at(verified: Entry) -> datetime | None:
    """Return when the last round began: what changed in the middle of a long one is not seen late then."""
    return verified.modified and verified.modified - timedelta(seconds=verified.size)
