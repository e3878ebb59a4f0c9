"""Statuses whose config is gone: marked, and deleted a day later, so that nobody's secrets stay reserved."""

from collections.abc import Callable, Iterable
from datetime import timedelta
from logging import getLogger

from functions.errors import Conflict, SyncError
from functions.plan.sync_config import PREFIX
from functions.ports import Entry
from functions.run.services import RunServices
from functions.state.memory import memory_object
from functions.state.status import Status
from functions.state.status_document import StatusDocument
from functions.state.verified import verified_object

KEPT_FOR = timedelta(hours=24)
"""So long a config may be away, as while a bucket is restored or objects are moved."""
MOST_AT_ONCE = 20
log = getLogger(__name__)


def sweep(
    services: RunServices,
    configs: Iterable[Entry],
    statuses: Iterable[Entry],
    is_time_left: Callable[[], bool],
) -> None:
    """Mark statuses without a config, and delete those that were marked a day ago."""
    there = {entry.name for entry in configs}
    names = (PREFIX + entry.name.removeprefix("status/") for entry in statuses)
    for name in [name for name in names if name not in there][:MOST_AT_ONCE]:
        if not is_time_left():
            return
        try:
            _see_to(services, name)
        except SyncError as error:
            log.warning("what is left of %s stays for now: %s", name, error)


def _see_to(services: RunServices, name: str) -> None:
    store, now = services.store, services.clock.now()
    document = services.document(name, services.writer_id())
    status = document.load()
    # A fresh look, and after the status was read: a run of a config that is written from now on changes the
    # status before it does anything else, and then it is not discarded.
    if document.is_absent or store.get(name) is not None:
        return
    if status.orphaned_at is None:
        document.change(lambda status: _mark(status, services))
        return
    is_held = status.lease is not None and status.lease.expires_at > now
    if is_held or now - status.orphaned_at < KEPT_FOR:
        return
    _discard(services, name, document)


def _mark(status: Status, services: RunServices) -> bool:
    is_new = status.orphaned_at is None
    status.orphaned_at = status.orphaned_at or services.clock.now()
    return is_new


def _discard(services: RunServices, name: str, document: StatusDocument) -> None:
    store = services.store
    # The status last, and only as it was read: until then the next tick goes on here.
    store.delete(verified_object(name))
    store.delete(memory_object(name))
    try:
        document.discard()
    except Conflict:
        return  # somebody works on it again
    log.info("what was left of %s is deleted: its config is gone for a day", name)
