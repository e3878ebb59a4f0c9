"""Remove what a sync put into the vault: what carries its tag, and its current names."""

from logging import getLogger

from functions.errors import Refused
from functions.plan.desired import want
from functions.run.context import Work
from functions.run.outcome import Outcome
from functions.state.status_document import status_object, verified_object

log = getLogger(__name__)


def remove(work: Work) -> Outcome:
    """Schedule the deletions; another sync's secrets are never touched, no guard on their number."""
    try:
        seen = work.look()
        listing = seen.listing
        schema = work.viewer.planner(listing).schema
        names = frozenset(want(seen.source, schema).values)
    except Refused as error:
        log.warning(
            "removing only what carries the tag of the sync, for this was refused: %s", error
        )
        listing = work.viewer.list_vault()
        names = frozenset()
    while True:
        planner = work.viewer.planner(listing)
        plan = planner.plan_removal(names, listing)
        work.tally.see(plan)
        results = work.apply(planner, plan.changes)
        waiting = {secret.name: f"is {secret.state}" for secret in plan.blocked} | results.again
        if not waiting:
            return work.tally.conclude(plan)
        listing = work.wait(waiting)


def forget(work: Work) -> None:
    """Delete what is known of a sync, its config last: until then a tick finishes the removal."""
    store, name = work.tools.store, work.sync.object_name
    store.delete(verified_object(name))
    store.delete(status_object(name))
    store.delete(name, if_match=work.sync.etag)
