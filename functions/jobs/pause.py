"""Pausing and resuming all syncs, and telling people."""

from datetime import timedelta

from functions.run.services import RunServices
from functions.state.stop import Pause, change_pause

REMIND_AFTER = timedelta(days=1)


def pause(services: RunServices, by: str) -> Pause:
    """Pause all syncs until somebody resumes them. Raises Conflict."""
    now = services.clock.now()
    new = Pause(since=now, by=by, told_at=now)
    found = change_pause(services.store, lambda old: None if old and old.is_on else new)
    if found == new:
        services.notifier.notify("Secret syncs are paused", f"{new} Webhooks and events wait.")
    return found or new


def resume(services: RunServices, by: str) -> Pause | None:
    """End the pause: the next ticks verify every sync that runs by itself. Raises Conflict."""
    now = services.clock.now()

    def end(old: Pause | None) -> Pause | None:
        return old.ended(now, by) if old and old.is_on else None

    found = change_pause(services.store, end)
    if found and found.until == now:
        services.notifier.notify(
            "Secret syncs go on", f"All syncs were resumed by {by}; the next ticks verify them."
        )
    return found


def remind(services: RunServices) -> None:
    """Count that everything is paused, and tell it once a day. Raises Conflict."""
    now = services.clock.now()
    services.notifier.count({"paused": 1}, {"queue": "jobs"})

    def note(old: Pause | None) -> Pause | None:
        is_told = old and old.told_at and now - old.told_at < REMIND_AFTER
        return old.told(now) if old and old.is_on and not is_told else None

    found = change_pause(services.store, note)
    if found and found.told_at == now:
        services.notifier.notify("Secret syncs are still paused", str(found))
