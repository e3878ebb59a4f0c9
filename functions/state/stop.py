"""The emergency stop: one object in the store, read before anything is started."""

from collections.abc import Callable
from datetime import datetime
from logging import getLogger

from pydantic import AwareDatetime, ValidationError

from functions.errors import Conflict, Paused
from functions.plan.sync_config import Camel
from functions.ports import ABSENT, ConfigStore

PAUSE_OBJECT = "pause.json"
log = getLogger(__name__)


class Pause(Camel):
    """Since when everything is paused and by whom; from `until` on it is no longer."""

    since: AwareDatetime | None = None
    by: str | None = None
    until: AwareDatetime | None = None
    """When it was resumed: what was verified before that is due."""
    resumed_by: str | None = None
    told_at: AwareDatetime | None = None
    """When people were last told."""

    @property
    def is_on(self) -> bool:
        """Say whether nothing may be started."""
        return self.until is None

    def ended(self, now: datetime, by: str) -> "Pause":
        """Return the pause as it is once somebody resumed the syncs."""
        return self.model_copy(update={"until": now, "resumed_by": by})

    def told(self, now: datetime) -> "Pause":
        """Return the pause, of which people were told just now."""
        return self.model_copy(update={"told_at": now})

    def __str__(self) -> str:
        since = f" since {self.since:%Y-%m-%dT%H:%M:%SZ}" if self.since else ""
        by = f" by {self.by}" if self.by else ""
        return f"All syncs are paused{since}{by}; resume them first."


def load_pause(store: ConfigStore) -> Pause | None:
    """Return the pause that is on, or the last one; None where there never was one."""
    stored = store.get(PAUSE_OBJECT)
    return _parse(stored.body) if stored else None


def check_not_paused(store: ConfigStore) -> None:
    """Raise Paused while everything is paused; what cannot be read is no permission to go on."""
    pause = load_pause(store)
    if pause and pause.is_on:
        raise Paused(str(pause))


def change_pause(
    store: ConfigStore, change: Callable[[Pause | None], Pause | None]
) -> Pause | None:
    """Replace the pause by what `change` returns, None to leave it. Raises Conflict."""
    stored = store.get(PAUSE_OBJECT)
    old = _parse(stored.body) if stored else None
    new = change(old)
    if new is None:
        return old
    body = new.model_dump_json(by_alias=True, exclude_none=True).encode()
    try:
        store.put(PAUSE_OBJECT, body, if_match=stored.etag if stored else ABSENT)
    except Conflict:
        there = store.get(PAUSE_OBJECT)
        if there is None or there.body != body:
            raise Conflict("Somebody else paused or resumed the syncs meanwhile.") from None
    return new


def _parse(body: bytes) -> Pause:
    try:
        return Pause.model_validate_json(body)
    except ValidationError:
        log.error("%s cannot be read, so everything is paused: write or delete it", PAUSE_OBJECT)  # noqa: TRY400
        return Pause()
