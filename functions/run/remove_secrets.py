"""Remove what a sync put into the vault: what carries its tag, and its current names."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from logging import getLogger

from functions.calls.deadline import Gate
from functions.errors import Refused
from functions.plan.plan import Plan
from functions.plan.sync_config import Sync
from functions.run.context import Run
from functions.run.observe import Observed, Observer
from functions.run.outcome import End, Outcome
from functions.run.services import RunServices
from functions.state.memory import memory_object
from functions.state.verified import verified_object

log = getLogger(__name__)


def remove(run: Run) -> Outcome:
    """Schedule the deletions; another sync's secrets are never touched, no guard on their number."""
    observed, names = _look(run.observer, run.observe, run.observe_vault)
    while True:
        observed = run.observer.refresh(observed, run.settled)
        planner = run.observer.planner(observed.listing)
        plan = planner.plan_removal(names, observed.listing)
        run.summary.take_plan(plan)
        results = run.apply(observed, plan.changes)
        waiting = {secret.name: f"is {secret.state}" for secret in plan.blocked} | results.again
        if not waiting:
            return _told(run, run.summary.conclude(plan))
        observed = run.wait_for(observed, waiting)


def preview_removal(sync: Sync, services: RunServices, gate: Gate) -> Plan:
    """Return what a removal would do now; nothing is written anywhere."""
    observer = Observer(sync, services, gate, gate.check)
    status = services.document(sync.object_name, "plan").load()
    observed, names = _look(
        observer,
        partial(observer.observe, status, took_over=False),
        partial(observer.observe_vault, status, took_over=False),
    )
    observed = observer.refresh(observed, {})
    return observer.planner(observed.listing).plan_removal(names, observed.listing)


def _look(
    observer: Observer, observe: Callable[[], Observed], observe_vault: Callable[[], Observed]
) -> tuple[Observed, frozenset[str]]:
    """Return both sides and the names that the source wants; where it refuses, the vault alone."""
    try:
        observed = observe()
    except Refused as error:
        log.warning(
            "removing only what carries the tag of the sync, for this was refused: %s", error
        )
        return observe_vault(), frozenset()
    planner = observer.planner(observed.listing)
    return observed, frozenset(planner.desired(observed.source).values)


def _told(run: Run, outcome: Outcome) -> Outcome:
    """Return the outcome with what follows from it: nobody should wonder why the sync rests."""
    if outcome.end != End.SUCCEEDED or run.job.args.delete_config:
        return outcome
    rests = "Ticks leave this sync alone until its source changes or somebody syncs it."
    return replace(outcome, message=" ".join(filter(None, [outcome.message, rests])))


def forget(run: Run) -> None:
    """Delete what is known of a sync, its config last: until then a tick finishes the removal.

    Raises Conflict where another run took over: the status is that of a config that came back.
    """
    store, name = run.services.store, run.sync.object_name
    store.delete(verified_object(name))
    store.delete(memory_object(name))
    run.document.discard()
    store.delete(name, if_match=run.sync.etag)
