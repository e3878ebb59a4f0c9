"""What an edit of a sync left behind: secrets with its tag, where it does not write any more."""

from collections.abc import Callable
from dataclasses import dataclass

from functions.calls.deadline import Gate
from functions.errors import Refused, SyncError
from functions.plan.guards import deletion_time
from functions.plan.models import Action, Change, State, VaultSecret
from functions.plan.plan import join
from functions.plan.sync_config import Sync
from functions.run.apply import Applier, Results
from functions.run.context import Run
from functions.run.observe import Observer
from functions.run.outcome import Outcome
from functions.run.services import RunServices
from functions.state.status import Place, Status


@dataclass(frozen=True, slots=True)
class LeftBehind:
    """What lies in one place; `observer` reads it as the sync did while it wrote there."""

    observer: Observer
    place: Place
    secrets: tuple[VaultSecret, ...]


def place_of(sync: Sync) -> Place:
    """Return where a sync writes to."""
    config = sync.config
    return Place(destination=config.destination_config, connection_id=config.connection_id)


def left_behind(
    sync: Sync, status: Status, services: RunServices, gate: Gate, heartbeat: Callable[[], None]
) -> tuple[list[LeftBehind], list[str]]:
    """Return what the sync left behind, here and in former places, and what could not be listed."""
    here = place_of(sync)
    found, warnings = [], []
    for place in (here, *_former_places(status, here)):
        try:
            found.append(
                _look(Observer(_moved(sync, place), services, gate, heartbeat), place, here)
            )
        except Refused as error:
            warnings.append(f"{place.destination.vault_ocid} could not be listed: {error}")
    return found, warnings


def tell_left_behind(
    sync: Sync, status: Status, services: RunServices, gate: Gate, heartbeat: Callable[[], None]
) -> list[str]:
    """Name what the sync left in former places; what lies here, the plan names itself. Never raises."""
    told, here = [], place_of(sync)
    for place in _former_places(status, here):
        vault = place.destination.vault_ocid
        try:
            left = _look(Observer(_moved(sync, place), services, gate, heartbeat), place, here)
        except SyncError as error:
            told.append(f"what an edit left behind in {vault} could not be listed: {error}")
        else:
            names = join([secret.name for secret in left.secrets], ", ")
            text = f"left behind by an edit in {vault}, for `cleanup` to take: {names}"
            told += [text] if names else []
    return told


def _look(observer: Observer, place: Place, here: Place) -> LeftBehind:
    """List what carries the sync's tag in a place; of its own place only what is out of its scope."""
    listing = observer.list_vault()
    planner = observer.planner(listing)
    secrets = tuple(
        secret
        for name, secret in sorted(planner.index(listing).items())
        if planner.is_mine(secret)
        and secret.state == State.ACTIVE
        and not planner.protected_because(secret)
        and not (place is here and planner.schema.matches(name))
    )
    return LeftBehind(observer, place, secrets)


def _former_places(status: Status, here: Place) -> list[Place]:
    """Return where the sync wrote before; the last run's place too, if the config was edited since."""
    known = [status.place, *status.former_places] if status.place else status.former_places
    return [place for place in known if not place.is_same(here)]


def clean_up(run: Run) -> Outcome:
    """Schedule the deletion of what was left behind; what cannot be listed is told and kept."""
    run.observe_vault()  # what is known of former runs is kept
    found, warnings = left_behind(run.sync, run.document.status, run.services, run.gate, run.renew)
    if any(one.secrets for one in found):  # an edit may have brought the sync back there
        run.lease.check_config(run.sync, run.services.store)
    results = Results()
    for one in found:
        tasks = _applier(run, one).tasks(
            [Change(Action.DELETE, secret.name, secret) for secret in one.secrets], results
        )
        run.services.pool.each(tasks, run.renew)
    run.summary.take_results(results)
    run.summary.errors |= results.again
    run.summary.warnings = tuple(warnings)
    if results.stopped:
        raise results.stopped  # the next attempt must know of these places yet
    if not run.summary.errors and not warnings:
        run.lease.change(lambda status: status.former_places.clear())
    return run.summary.conclude()


def _applier(run: Run, left: LeftBehind) -> Applier:
    now = run.services.clock.now()
    return Applier(
        left.observer.vault,
        left.observer.planner(left.secrets),
        left.place.destination.compartment_ocid,
        lambda name, _text: name,  # nothing is created
        deletion_time(now, run.sync.config.sync_options.deletion_days),
        now,
        lambda _name: False,
    )


def _moved(sync: Sync, place: Place) -> Sync:
    changed = {"destination_config": place.destination, "connection_id": place.connection_id}
    return sync.model_copy(update={"config": sync.config.model_copy(update=changed)})
